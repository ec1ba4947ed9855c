/* Elements from data. All text goes in as text, never as HTML. */

export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "text") element.textContent = value;
    else if (key === "class") element.className = value;
    else if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function button(text, act, given = {}) {
  return make("button", { type: "button", text, onclick: act, ...given });
}

export function chooser(label, choices, chosen, act) {
  const select = make(
    "select",
    { onchange: () => act(select.value) },
    choices.map(([value, text]) => make("option", { value, text, selected: value === chosen })),
  );
  return make("label", { class: "field" }, make("span", { text: label }), select);
}

export function field(label, given = {}, more = null) {
  const input = make("input", given);
  return { input, label: make("label", { class: "field" }, make("span", { text: label }), input, more) };
}

export function table(caption, heads, rows, given = {}) {
  const cells = heads.map((head) =>
    head instanceof HTMLElement ? head : make("th", { scope: "col", text: head }),
  );
  return make(
    "table",
    given,
    make("caption", { class: "unseen", text: caption }),
    make("thead", {}, make("tr", {}, cells)),
    make("tbody", {}, rows),
  );
}

/* A head that sorts: which column and which way is in aria-sort, and in an arrow. */
export function sortHead(text, key, sorted, act, given = {}) {
  const way = sorted.key !== key ? "none" : sorted.descending ? "descending" : "ascending";
  const arrow = { none: "", ascending: " ▲", descending: " ▼" }[way];
  const turn = () => act({ key, descending: sorted.key === key ? !sorted.descending : false });
  return make(
    "th",
    { scope: "col", "aria-sort": way, ...given },
    button(text, turn, { class: "sort", "data-key": key }),
    make("span", { "aria-hidden": "true", text: arrow }),
  );
}

export function announce(text) {
  document.getElementById("announce").textContent = text;
}

/* Replace what is shown, and leave the focus on what stands in its place. */
export function replaceKeepingFocus(parent, ...children) {
  const held = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  parent.replaceChildren(...children.filter((child) => child !== null));
  if (held) parent.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}
