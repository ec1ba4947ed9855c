/* The table of peaks; one that is chosen is marked in the traces. */

import { button, make, replaceKeepingFocus, sortHead, table } from "./dom.js";
import { count, degrees, gas, scientific } from "./words.js";

const LEAST_SHARE = 0.05;
const HEADS = [
  ["m/z", "mz"],
  ["gas", "species"],
  ["onset, °C", "onset_degC"],
  ["maximum, °C", "maximum_degC"],
  ["end, °C", "end_degC"],
  ["height", "height"],
  ["area", "area"],
  ["share, %", "share"],
];

export function peaksPanel({ peaks, unit = "" }, mark) {
  let sorted = { key: "mz", descending: false };
  let all = false;
  let open = null;
  const body = make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of peaks" });
  const large = peaks.filter((peak) => peak.share >= LEAST_SHARE);
  const more = button("", () => {
    all = !all;
    draw();
  }, { class: "quiet", hidden: large.length === peaks.length });

  const units = unit ? { height: `, ${unit}`, area: `, ${unit} °C` } : {};

  function draw() {
    const shown = (all ? [...peaks] : [...large]).sort((a, b) => compare(a[sorted.key], b[sorted.key]) * (sorted.descending ? -1 : 1));
    const heads = HEADS.map(([text, key]) => sortHead(`${text}${units[key] ?? ""}`, key, sorted, (next) => {
      sorted = next;
      draw();
    }, { class: key === "species" ? "" : "number" }));
    replaceKeepingFocus(body, table("Peaks", [...heads, make("th", { scope: "col", text: "notes" })], shown.map(row), { class: "peaks" }));
    more.textContent = all ? `Show only the ${large.length} largest` : `Show all ${count(peaks.length, "peak")}, also those below 5 % of their ion's area`;
  }
  function row(peak) {
    const key = `${peak.mz} ${peak.maximum_degC}`;
    const notes = [peak.overlaps && "overlaps", peak.saturated && "saturated", peak.note].filter(Boolean).join("; ");
    const number = (text) => make("td", { class: "number", text });
    return make(
      "tr",
      { class: open === key ? "open" : "", onclick: (event) => event.target.closest("button") || choose(peak, key) },
      make("th", { scope: "row", class: "number" }, button(String(peak.mz), () => choose(peak, key), { class: "family", "aria-pressed": String(open === key), "data-key": key, "aria-label": `m/z ${peak.mz}, ${peak.species}, ${degrees(peak.maximum_degC)}: mark it in the traces` })),
      make("td", { text: gas(peak.species) }),
      number(Math.round(peak.onset_degC)),
      number(Math.round(peak.maximum_degC)),
      number(Math.round(peak.end_degC)),
      number(scientific(peak.height)),
      number(scientific(peak.area)),
      number(Math.round(100 * peak.share)),
      make("td", { class: "small notes", text: notes }),
    );
  }
  function choose(peak, key) {
    open = open === key ? null : key;
    mark(open === null ? null : peak);
    draw();
  }
  draw();
  const element = make(
    "section",
    { "aria-label": "Peaks" },
    make("h2", { text: "Peaks" }),
    peaks.length ? body : make("p", { class: "faint", text: "No peak of a usual gas was found." }),
    more,
    make("p", { class: "faint small", text: "Area: height × °C. Onset and end at 1 % of the height. Choose a peak to mark it in the traces." }),
  );
  return {
    element,
    clear() {
      if (open === null) return false;
      open = null;
      mark(null);
      draw();
      return true;
    },
  };
}

function compare(a, b) {
  return typeof a === "string" ? a.localeCompare(b) : a - b;
}
