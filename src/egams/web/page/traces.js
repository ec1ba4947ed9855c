/* Ion traces over temperature, with baselines, evidence, a marked peak, and known runs. */

import { make } from "./dom.js";
import { axisTitle, drawn, endNames, ionChoice, limits, named, powerTicks } from "./ions.js";
import { axis, draw, escaped, narrow, redrawSoon, TEMPERATURE } from "./plot.js";
import { degrees, gas, scientific, unitWords } from "./words.js";

const [HEAD, FOOT, ROW, BRACKET] = [24, 44, 18, 8]; // pixels

export function tracesPanel(first, name) {
  let traces = first;
  const choice = ionChoice(traces.ions, () => redraw());
  const place = make("div", { class: "plot traces", role: "img", "aria-label": `Traces of ${name}` });
  const words = make("figcaption", { class: "unseen" });
  const element = make("figure", {}, choice.element, place, words);
  let windows = [];
  let peak = null;
  let laid = null; // a known run laid over
  const { redraw, stop } = redrawSoon(place, show);

  async function show() {
    const ions = choice.shown().filter(({ mz }) => traces.signal[mz]);
    const scale = choice.scale();
    const data = [];
    const shown = [];
    for (const ion of ions) {
      const largest = Math.max(...traces.signal[ion.mz].filter((value) => value !== null));
      const signal = drawn(traces.signal[ion.mz], choice, ion.mz, largest);
      const baseline = drawn(traces.baseline[ion.mz], choice, ion.mz, largest);
      shown.push({ name: named(ion, choice), colour: ion.colour, values: signal });
      for (const window of windows.filter((each) => each.ions.includes(ion.mz))) data.push(...shade(window, ion, signal, baseline));
      data.push({ x: traces.temperature, y: baseline, mode: "lines", line: { color: ion.colour, width: 1, dash: "dot" }, opacity: 0.7, hoverinfo: "skip" });
      data.push({ x: traces.temperature, y: signal, mode: "lines", name: named(ion, choice), line: { color: ion.colour, width: 1.5 }, hovertemplate: "%{y:.2e}" });
      if (laid?.mz === ion.mz) data.push(over(laid, ion, signal));
    }
    const head = HEAD + ROW * Math.max(0, ...windows.map((each) => each.row ?? 0));
    const high = Math.max(place.clientHeight - head - FOOT, 1);
    const range = limits(shown.map((each) => each.values), scale);
    const layout = {
      margin: { t: head, r: narrow() ? 58 : 84, b: FOOT, l: narrow() ? 50 : 64 },
      xaxis: axis(TEMPERATURE, { hoverformat: ".0f" }),
      yaxis: axis(axisTitle(unitWords(traces.unit), scale), { ...powerTicks(scale), range, uirevision: `${scale} ${ions.map((ion) => `${ion.mz}${choice.factor(ion.mz)}`)}` }),
      shapes: [...windows.map((each) => bracket(each, ions, high)), ...(peak ? peakLines(peak) : [])],
      annotations: [...(range ? endNames(shown, range, scale, high) : []), ...windows.map((each) => letter(each, high)), ...(peak ? [peakName(peak)] : [])],
    };
    await draw(place, data, layout, `${name} traces`);
    const text = inWords(ions);
    place.setAttribute("aria-label", text);
    words.textContent = text;
  }

  function shade({ start_degC: start, end_degC: end }, ion, signal, baseline) {
    const inside = traces.temperature.map((at, place) => [at, place]).filter(([at]) => at >= start && at <= end).map(([, at]) => at);
    const lowest = Math.min(...inside.map((at) => signal[at]).filter((value) => value !== null && value > 0)) / 10;
    const x = inside.map((at) => traces.temperature[at]);
    const line = { width: 0, color: ion.colour };
    return [
      { x, y: inside.map((at) => baseline[at] ?? (choice.scale() === "log" ? lowest : 0)), mode: "lines", line, hoverinfo: "skip" },
      { x, y: inside.map((at) => signal[at]), mode: "lines", line, fill: "tonexty", fillcolor: `${ion.colour}55`, hoverinfo: "skip" },
    ];
  }
  function over({ temperature, values, run_id }, ion, signal) {
    const top = Math.max(...signal.filter((value) => value !== null));
    const largest = Math.max(...values.filter((value) => value !== null));
    const y = values.map((value) => (value === null || (choice.scale() === "log" && value <= 0) ? null : (value * top) / largest));
    return { x: temperature, y, mode: "lines", name: escaped(run_id), line: { color: ion.colour, width: 2, dash: "dash" }, hovertemplate: "%{y:.2e}" };
  }
  function inWords(ions) {
    const from = `Traces of ${name} from ${degrees(traces.temperature[0])} to ${degrees(traces.temperature.at(-1))}.`;
    const parts = ions.map((ion) => {
      const values = traces.signal[ion.mz].map((value) => value ?? -Infinity);
      const at = values.indexOf(Math.max(...values));
      return `${ion.label}: largest ${scientific(values[at])}${traces.unit ? ` ${traces.unit}` : ""} at ${degrees(traces.temperature[at])}`;
    });
    return `${from} ${parts.join("; ")}. The table of peaks has the numbers.`;
  }

  redraw();
  return {
    element,
    /* The same run, measured or less a blank: what is marked and chosen stays. */
    replace(next) {
      traces = next;
      redraw();
    },
    shade(next) {
      windows = next;
      for (const each of next) choice.show(each.ions[0]);
      redraw();
    },
    mark(next) {
      peak = next;
      if (next) choice.show(next.mz);
      redraw();
    },
    layOver(next) {
      laid = next;
      redraw();
    },
    close: stop,
  };
}

/* Where the bracket of a window stands, above the plot: in rows as high as its letter. */
function above({ row = 0 }, high) {
  return 1 + (BRACKET + ROW * row) / high;
}

function bracket(window, ions, high) {
  const colour = window.ions.map((mz) => ions.find((ion) => ion.mz === mz)).find(Boolean)?.colour ?? "#222";
  const y = above(window, high);
  return { type: "line", xref: "x", yref: "paper", x0: window.start_degC, x1: window.end_degC, y0: y, y1: y, line: { color: colour, width: 3 } };
}

function letter(window, high) {
  const y = above(window, high);
  return { x: (window.start_degC + window.end_degC) / 2, y, yref: "paper", yanchor: "middle", text: window.letter, showarrow: false, bgcolor: "#fff", borderpad: 1, font: { size: 12, weight: 700 } };
}

function peakLines(peak) {
  const line = (at, dash) => ({ type: "line", xref: "x", yref: "paper", x0: at, x1: at, y0: 0, y1: 1, line: { color: "#222", width: 1, dash } });
  return [line(peak.maximum_degC, "solid"), line(peak.onset_degC, "dot"), line(peak.end_degC, "dot")];
}

function peakName(peak) {
  return { x: peak.maximum_degC, y: 0.98, yref: "paper", yanchor: "top", xanchor: "left", text: ` ${gas(peak.species || "")} ${peak.mz}, ${degrees(peak.maximum_degC)}`, showarrow: false, bgcolor: "#ffffffcc", font: { size: 11 } };
}
