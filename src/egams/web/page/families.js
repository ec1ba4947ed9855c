/* The ten families, and why one of them has its probability. */

import { get } from "./api.js";
import { announce, button, make, table } from "./dom.js";
import { celsius, EARLIER, gas, MARK, plain, probability } from "./words.js";

const LETTERS = "ABCDEFGH";
const NAMED = 4; // windows of each kind
const LETTER = 60; // °C that a letter takes on a telephone
const LEAST_DROP = 0.01;
const LEAST_ALONE = 0.05;

/* `shade` is called with the windows that carry the family that is open. */
export function familiesPanel(run, shade) {
  const { families } = run.prediction;
  const names = Object.keys(families).sort((a, b) => families[b].probability - families[a].probability);
  const why = make("div", { class: "why", "aria-live": "polite" });
  const known = {};
  let open = null;

  const rows = names.map((name) => {
    const family = families[name];
    const toggle = button(plain(name), () => choose(name), { class: "family", "aria-pressed": "false", "data-family": name });
    return make(
      "tr",
      { class: family.call, onclick: (event) => event.target.closest("button") || choose(name) },
      make("th", { scope: "row" }, toggle),
      make("td", { class: "bar" }, bar(family)),
      make("td", { class: "number", text: probability(family.probability) }),
      make("td", { class: "number faint", text: probability(family.spread) }),
      make("td", { class: "callword", text: `${MARK[family.call] ?? ""} ${family.call}` }),
    );
  });
  const unseen = names.filter((name) => families[name].unseen).map((name) => make("p", { class: "small flag", text: `${plain(name)}: ${celsius(families[name].unseen)}` }));
  const element = make(
    "section",
    { class: "families", "aria-label": "Families" },
    make("h2", { text: "Families" }),
    run.stale ? make("p", { class: "flag small", text: `${EARLIER}.` }) : null,
    make("p", { class: "faint small", text: "Choose one to see which gases at which temperatures indicate it. Models differ by: the standard deviation between them; it is no interval about the probability." }),
    table("Families with probability, how far the models differ, and call", ["family", "", "prob.", "models differ by", "call"].map((text, place) => make("th", { scope: "col", text, class: place === 2 || place === 3 ? "number" : "" })), rows, { class: "ten" }),
    unseen,
    why,
  );

  async function choose(name) {
    open = open === name ? null : name;
    for (const each of element.querySelectorAll("[data-family]")) {
      const chosen = each.dataset.family === open;
      each.setAttribute("aria-pressed", String(chosen));
      each.closest("tr").classList.toggle("open", chosen);
    }
    shade([]);
    why.replaceChildren();
    if (open === null) return;
    why.append(make("h3", { text: `Why ${plain(name)}?` }), make("p", { class: "faint" }, make("progress", { "aria-label": "Seeking the evidence" }), " Each gas in each peak is taken away, and everything predicted again: some seconds."));
    try {
      known[name] ??= await get(`runs/${run.id}/explanation`, { family: name });
      if (open === name) tell(name, known[name]);
    } catch (error) {
      if (open === name) why.replaceChildren(make("p", { class: "flag", role: "alert", text: error.message }));
    }
  }

  function tell(name, explanation) {
    const found = explanation.families[name];
    const { carrying, against } = windowsOf(found);
    shade(inRows(carrying));
    const lines = (explanation.lines?.[name] ?? []).slice(1).map((line) => line.trim());
    const row = (each) =>
      make(
        "tr",
        {},
        make("th", { scope: "row", text: each.letter ?? "" }),
        make("td", { text: `${each.species ? gas(each.species) : `m/z ${each.mz}`}, ${Math.round(each.start_degC)} to ${Math.round(each.end_degC)} °C` }),
        make("td", { class: "number", text: `${probability(found.probability)} → ${probability(each.without)}` }),
        make("td", { class: "number", text: probability(each.only) }),
      );
    const heads = ["", "gas, window", "without it", "alone"].map((text, place) => make("th", { scope: "col", text, class: place > 1 ? "number" : "" }));
    why.replaceChildren(
      make("h3", { text: `Why ${plain(name)} ${probability(found.probability)}, ${found.call}?` }),
      explanation.bundle !== run.bundle ? make("p", { class: "flag small", text: `By the bundle in use. The table above has the ${probability(families[name].probability)} of an earlier one: predict again.` }) : "",
      carrying.length ? table(`Windows that indicate ${plain(name)}`, heads, carrying.map(row)) : make("p", { text: "No single gas in a peak changes it by 0.01." }),
      make("ul", { class: "small" }, lines.filter((line) => !line.startsWith("against it")).map((text) => make("li", { text: sentence(text) }))),
      against.length ? make("p", { class: "small", text: `Against it: ${against.map((each) => `${gas(each.species || `m/z ${each.mz}`)} at ${Math.round(each.start_degC)} to ${Math.round(each.end_degC)} °C (without it ${probability(each.without)})`).join("; ")}` }) : "",
      make("p", { class: "faint small", text: "Without it: the probability when this gas is taken away. Alone: when all others are. It explains the answer, not the sample." }),
    );
    announce(`${plain(name)}: ${carrying.length} windows shaded`);
  }

  return {
    element,
    choose,
    order: names,
    clear() {
      if (open === null) return false;
      choose(open);
      return true;
    },
  };
}

function windowsOf(found) {
  const supports = (each) => each.drop >= LEAST_DROP || (each.drop > -LEAST_DROP && each.only - found.no_window >= LEAST_ALONE);
  const carrying = found.windows.filter(supports).slice(0, NAMED);
  return {
    carrying: carrying.map((each, place) => ({ ...each, letter: LETTERS[place] })),
    against: found.windows.filter((each) => each.drop <= -LEAST_DROP).reverse().slice(0, NAMED),
  };
}

/* Brackets that overlap, or whose letters would, stand in rows above each other. */
function inRows(windows) {
  const rows = [];
  const middle = (each) => (each.start_degC + each.end_degC) / 2;
  const placed = windows.toSorted((a, b) => a.start_degC - b.start_degC).map((each) => {
    const free = rows.findIndex((last) => last.end_degC < each.start_degC && middle(each) - middle(last) > LETTER);
    const row = free < 0 ? rows.length : free;
    rows[row] = each;
    return { ...each, row };
  });
  return placed;
}

function bar({ probability: value, spread, call }) {
  const svg = (tag, given) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, each] of Object.entries(given)) element.setAttribute(key, each);
    return element;
  };
  const drawn = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: `probability ${call}`, "aria-hidden": "true" });
  const low = 100 * Math.max(value - spread, 0);
  drawn.append(
    svg("rect", { class: "whole", x: 0, y: 0, width: 100, height: 10 }),
    svg("rect", { class: "share", x: 0, y: 0, width: 100 * value, height: 10 }),
    svg("rect", { class: "spread", x: low, y: 4, width: 100 * Math.min(value + spread, 1) - low, height: 2 }),
  );
  return drawn;
}

function sentence(text) {
  const plainText = celsius(text).replaceAll("->", "→");
  return plainText.charAt(0).toUpperCase() + plainText.slice(1);
}
