/* A file of which something is open: its first rows, and what each column is. */

import { get, send } from "./api.js";
import { button, chooser, make, table } from "./dom.js";
import { temperatureFields } from "./temperature.js";

const ROLES = [
  ["", ""],
  ["time", "time"],
  ["temp", "temperature"],
  ["m/z", "m/z"],
  ["abundance", "signal"],
  ["ion", "ion with m/z …"],
  ["unused", "not used"],
];
const NAMED_ROLES = Object.fromEntries(ROLES);
const UNITS = {
  time: ["", "s", "ms", "min", "h"],
  temp: ["", "degC", "K", "degF"],
  abundance: ["", "A", "nA", "pA", "counts/s", "counts", "mbar", "Torr", "Pa", "V"],
};
const NAMED = { degC: "°C", degF: "°F", "": "unit as stated" };

export async function mapColumns(work, act) {
  const preview = await get(`work/${work.id}/preview`);
  const reading = preview.reading ?? {};
  const needsTemperature = ["temp", "offset"].some((what) => preview.needs?.includes(what));
  const problem = make("p", { class: "flag", role: "alert" });
  const columns = (preview.columns ?? []).map((column, index) => columnChoice(column, index, reading.columns ?? {}));
  const decimal = decimalChoice(reading.columns?.decimal);
  const beside = temperatureFields(reading);
  const form = make(
    "form",
    { method: "dialog", onsubmit: answer },
    make("h2", { id: "map-title", text: work.name }),
    make("p", {}, make("b", { text: work.error?.problem || preview.question || work.reason })),
    account(preview),
    columns.length
      ? [
          make("h3", { text: "What are the columns?" }),
          make("p", { class: "faint", text: "Only what is not recognised, or wrongly, needs an answer." }),
          make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "First rows" }, rowsTable(preview, columns)),
          decimal.label,
        ]
      : null,
    make(
      "details",
      { open: needsTemperature },
      make("summary", { text: "The temperature is not in this file" }),
      beside.element,
    ),
    problem,
    make(
      "p",
      { class: "buttons" },
      make("button", { type: "submit", class: "main", text: "Read it so" }),
      button("Not now", () => dialog.close()),
    ),
  );
  const dialog = make("dialog", { class: "mapper", "aria-labelledby": "map-title", onclose: leave }, form);
  form.addEventListener("input", () => (problem.textContent = ""));
  document.body.append(dialog);
  dialog.showModal();
  (form.querySelector("select") ?? form.querySelector("input"))?.focus();

  function leave() {
    dialog.remove();
    document.querySelector(`[data-key="answer-${work.id}"]`)?.focus(); // the list was drawn anew meanwhile
  }
  async function answer(event) {
    event.preventDefault();
    problem.textContent = "";
    try {
      const given = beside.value();
      const settings = { ...reading, ...given.reading };
      const mapping = Object.assign({}, ...columns.map((column) => column.mapping()));
      if (decimal.value()) mapping.decimal = decimal.value();
      if (Object.keys(mapping).length) settings.columns = mapping;
      const content = new FormData();
      content.append("reading", JSON.stringify(settings));
      if (given.temperature) content.append("temperature", given.temperature, given.temperature.name);
      await send("POST", `work/${work.id}/reading`, content);
      dialog.close();
      act(async () => {});
    } catch (error) {
      problem.textContent = error.message;
    }
  }
}

function decimalChoice(stated) {
  const choices = [["", "as recognised"], ["comma", "comma: 1,5"], ["point", "point: 1.5"]];
  let chosen = stated ?? "";
  return { label: chooser("Decimal mark", choices, chosen, (value) => (chosen = value)), value: () => chosen };
}

function account(preview) {
  const lines = [...Object.entries(preview.dialect ?? {}).map(([what, value]) => `${what}: ${value}`), ...(preview.account ?? [])];
  if (!lines.length) return null;
  return make("details", {}, make("summary", { text: "How it was read so far" }), make("ul", {}, lines.map((text) => make("li", { text }))));
}

function columnChoice(column, index, stated) {
  const { name } = column;
  const was = statedRole(name, stated);
  const role = make(
    "select",
    { "aria-label": `What column ${name} is`, onchange: turn },
    ROLES.map(([value, text]) => make("option", { value, text: value === "" ? recognised(column) : text, selected: value === was.role })),
  );
  const unit = make("select", { "aria-label": `Unit of column ${name}`, hidden: true });
  const mz = make("input", { inputmode: "decimal", class: "short", "aria-label": `m/z of column ${name}`, placeholder: "m/z", hidden: true, value: was.mz ?? column.mz ?? guess(name) });

  function turn() {
    const units = UNITS[role.value];
    unit.hidden = !units;
    if (units) unit.replaceChildren(...units.map((each) => make("option", { value: each, text: NAMED[each] ?? each, selected: each === (was.unit ?? "") })));
    mz.hidden = role.value !== "ion";
  }
  turn();

  function mapping() {
    if (role.value === "") return {};
    if (role.value === "unused") return { [name]: "unused" };
    if (role.value === "ion") {
      const value = Number(mz.value.trim().replace(",", "."));
      if (!mz.value.trim() || !Number.isFinite(value) || value <= 0) {
        mz.focus();
        throw new Error(`Which m/z is column ${name || index + 1}? It is a number such as 18.`);
      }
      return { [name]: value };
    }
    return { [role.value]: unit.value ? `${name} [${unit.value}]` : name };
  }
  return { head: make("th", { scope: "col" }, make("div", { class: "header", text: name || `column ${index + 1}` }), role, unit, mz), mapping };
}

function statedRole(name, stated) {
  for (const [key, value] of Object.entries(stated)) {
    if (key === name) return value === "unused" ? { role: "unused" } : { role: "ion", mz: value };
    const [, header, unit] = /^(.*?)(?: \[(.*)\])?$/.exec(String(value));
    if (header === name && ROLES.some(([role]) => role === key)) return { role: key, unit: unit ?? "" };
  }
  return { role: "" };
}

function recognised(column) {
  const role = column.mz ? `m/z ${column.mz}` : (NAMED_ROLES[column.role] ?? column.role);
  return role ? `✓ ${[role, NAMED[column.unit] ?? column.unit].filter(Boolean).join(", ")}` : "not recognised";
}

function guess(name) {
  return /\d+(\.\d+)?/.exec(name)?.[0] ?? "";
}

function rowsTable(preview, columns) {
  const rows = preview.rows.map((row) => make("tr", {}, columns.map((_, index) => make("td", { text: row[index] ?? "" }))));
  return table(`First rows of ${preview.name ?? "the file"}`, columns.map((column) => column.head), rows, { class: "preview" });
}
