/* Two runs: the same ions over each other, and how their answers differ. */

import { get } from "./api.js";
import { make, table } from "./dom.js";
import { axisTitle, drawn, ionChoice, limits, named, powerTicks } from "./ions.js";
import { picker } from "./picker.js";
import { axis, draw, escaped, redrawSoon, TEMPERATURE } from "./plot.js";
import { address } from "./router.js";
import { EARLIER, MARK, plain, probability, unitWords } from "./words.js";

const NAMES = ["first", "second"];

export function view({ ids }) {
  const chosen = [ids[0] ?? null, ids[1] ?? null];
  const pickers = make("div", { class: "filters" });
  const body = make("div");
  const element = make("div", {}, make("h1", { text: "Compare two runs" }), pickers, body);
  let panel = null;
  let failed = false;

  async function load() {
    failed = false;
    try {
      const runs = await Promise.all(chosen.map((id) => (id ? get(`runs/${id}`) : null)));
      pickers.replaceChildren(
        ...runs.map((run, place) =>
          picker(`The ${NAMES[place]} run`, (row) => {
            if (row) location.hash = address("compare", chosen.map((id, each) => (each === place ? row.id : id)).filter(Boolean));
          }, { chosen: run?.name ?? "" }),
        ),
      );
      if (runs.includes(null)) return body.replaceChildren(make("p", { class: "faint", text: "Name the runs. In the list, two that are selected can be compared too." }));
      const traces = await Promise.all(chosen.map((id) => get(`runs/${id}/traces`)));
      panel = overlay(runs, traces);
      body.replaceChildren(panel.element, differences(runs));
    } catch (error) {
      failed = true;
      body.replaceChildren(make("p", { class: "flag", role: "alert", text: error.message }));
    }
  }
  load();
  const keys = ({ key }) => {
    if (key !== "Escape") return false;
    location.hash = address("runs");
    return true;
  };
  return { element, title: "Compare", keys, again: () => failed && load(), close: () => panel?.close() };
}

function overlay(runs, traces) {
  const ions = [...traces[0].ions];
  for (const ion of traces[1].ions) {
    const same = ions.findIndex(({ mz }) => mz === ion.mz);
    if (same < 0) ions.push(ion);
    else if (ion.chosen) ions[same] = { ...ions[same], chosen: true };
  }
  const units = [...new Set(traces.map((each) => unitWords(each.unit)))];
  const differ = units.length > 1; // on one axis the run of smaller numbers would vanish
  const choice = ionChoice(ions.sort((a, b) => a.mz - b.mz), () => redraw(), differ ? "one" : "log");
  const place = make("div", { class: "plot overlay", role: "img", "aria-label": "Traces of both runs" });
  const { redraw, stop } = redrawSoon(place, show);

  async function show() {
    const scale = choice.scale();
    const data = [];
    traces.forEach((each, which) => {
      for (const ion of choice.shown()) {
        if (!each.signal[ion.mz]) continue;
        const y = drawn(each.signal[ion.mz], choice, ion.mz);
        data.push({ x: each.temperature, y, mode: "lines", name: `${escaped(runs[which].name)} ${named(ion, choice)}`, line: { color: ion.colour, width: which ? 1.6 : 1.4, dash: which ? "dash" : "solid" }, hovertemplate: "%{y:.2e}" });
      }
    });
    const layout = {
      xaxis: axis(TEMPERATURE, { hoverformat: ".0f" }),
      yaxis: axis(axisTitle(units.join(" and "), scale), { ...powerTicks(scale), range: limits(data.map(({ y }) => y), scale), uirevision: scale + choice.shown().map(({ mz }) => mz) }),
    };
    await draw(place, data, layout, `${runs[0].name} and ${runs[1].name}`);
    place.setAttribute("aria-label", `Traces of ${choice.shown().map((ion) => ion.label).join(", ")}: ${runs[0].name} solid, ${runs[1].name} dashed.`);
  }
  redraw();
  const key = make("p", {}, make("b", { text: "solid" }), ` ${runs[0].name}, `, make("b", { text: "dashed" }), ` ${runs[1].name}`);
  const why = differ ? make("p", { class: "flag", text: `The two have different units (${units.join("; ")}), so each trace is drawn to its own largest. Heights cannot be compared.` }) : null;
  return { element: make("figure", {}, choice.element, why, key, place), close: stop };
}

function signed(by) {
  const size = Math.abs(by).toFixed(2);
  if (size === "0.00") return size;
  return `${by < 0 ? "−" : "+"}${size}`;
}

function differences(runs) {
  const [a, b] = runs.map((run) => run.prediction.families);
  const names = Object.keys(a).sort((one, other) => Math.abs(b[other].probability - a[other].probability) - Math.abs(b[one].probability - a[one].probability));
  const cell = ({ probability: value, call }) => make("td", { class: call, text: `${MARK[call] ?? ""} ${probability(value)} ${call}` });
  const rows = names.map((name) => {
    const by = b[name].probability - a[name].probability;
    return make("tr", {}, make("th", { scope: "row", text: plain(name) }), cell(a[name]), cell(b[name]), make("td", { class: "number", text: signed(by) }));
  });
  const link = (run) => make("th", { scope: "col", class: "called" }, make("a", { href: address("run", [run.id]), text: run.name }), run.stale ? make("div", { class: "flag small", text: EARLIER }) : null);
  return make(
    "section",
    { "aria-label": "Difference of the answers" },
    make("h2", { text: "Difference of the answers" }),
    make("p", { class: "faint small", text: "The largest difference first." }),
    table("Probabilities of both runs", [make("th", { scope: "col", text: "family" }), ...runs.map(link), make("th", { scope: "col", class: "number", text: "difference" })], rows),
  );
}
