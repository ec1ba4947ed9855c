/* Which ions are drawn, and how: chips that turn them on, and scale them. */

import { button, make } from "./dom.js";

const SCALES = [["log", "logarithmic"], ["linear", "linear"], ["one", "each to 1"]];
const FACTORS = [1, 10, 100, 1000];

export function ionChoice(ions, change, first = "log") {
  const shown = new Set(ions.filter((ion) => ion.chosen).map((ion) => ion.mz));
  const factors = new Map();
  let scale = first;
  const chips = make("div", { class: "chips" });
  const others = make("div", { class: "chips" });
  const number = Math.random().toString(36).slice(2);

  function chip(ion) {
    const check = make("input", { type: "checkbox", checked: shown.has(ion.mz), onchange: () => toggle(ion.mz) });
    const factor = factors.get(ion.mz) ?? 1;
    const times = button(`×${factor}`, () => turn(ion.mz), { class: "times", hidden: scale === "one" || !shown.has(ion.mz), "aria-label": `${ion.label}: drawn ${factor} times; draw it larger`, title: "draw it 10 times larger" });
    return make("span", { class: "chip" }, make("label", {}, check, swatch(ion.colour), ion.label), times);
  }
  function toggle(mz) {
    shown.has(mz) ? shown.delete(mz) : shown.add(mz);
    draw();
    change();
  }
  function turn(mz) {
    const next = FACTORS[(FACTORS.indexOf(factors.get(mz) ?? 1) + 1) % FACTORS.length];
    factors.set(mz, next);
    draw();
    change();
  }
  function draw() {
    const held = [...element.querySelectorAll("input, button")].indexOf(document.activeElement);
    chips.replaceChildren(...ions.filter((ion) => ion.chosen).map(chip));
    others.replaceChildren(...ions.filter((ion) => !ion.chosen).map(chip));
    if (held >= 0) element.querySelectorAll("input, button")[held]?.focus({ preventScroll: true });
  }
  const scales = SCALES.map(([value, text]) =>
    make("label", {}, make("input", { type: "radio", name: `scale-${number}`, value, checked: value === scale, onchange: () => { scale = value; draw(); change(); } }), text),
  );
  const further = ions.filter((ion) => !ion.chosen).length;
  const element = make(
    "div",
    { class: "ions" },
    make("fieldset", { class: "inline" }, make("legend", { text: "Ions" }), chips),
    further ? make("details", {}, make("summary", { text: `${further} further ions` }), others) : null,
    make("fieldset", { class: "inline" }, make("legend", { text: "Scale" }), scales),
  );
  draw();
  return {
    element,
    scale: () => scale,
    shown: () => ions.filter((ion) => shown.has(ion.mz)),
    factor: (mz) => (scale === "one" ? 1 : (factors.get(mz) ?? 1)),
    show(mz) {
      if (shown.has(mz) || !ions.some((ion) => ion.mz === mz)) return;
      shown.add(mz);
      draw();
    },
  };
}

export function swatch(colour) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  line.setAttribute("class", "swatch");
  line.setAttribute("aria-hidden", "true");
  line.setAttribute("viewBox", "0 0 14 4");
  const stroke = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [key, value] of Object.entries({ width: 14, height: 4, fill: colour })) stroke.setAttribute(key, value);
  line.append(stroke);
  return line;
}

/* A trace as it is drawn: scaled, and without what a logarithmic axis cannot show. */
export function drawn(values, choice, mz, top = null) {
  const largest = top ?? Math.max(...values.filter((value) => value !== null));
  const times = choice.scale() === "one" ? 1 / (largest > 0 ? largest : 1) : choice.factor(mz);
  return values.map((value) => (value === null || (choice.scale() === "log" && value <= 0) ? null : value * times));
}

/* Limits of the axis that show what is above zero, but for the deepest dips of noise. */
export function limits(traces, scale) {
  const kept = traces.map((trace) => trace.filter((value) => value !== null).sort((a, b) => a - b)).filter((trace) => trace.length);
  if (!kept.length) return undefined;
  const top = Math.max(...kept.map((trace) => trace.at(-1)));
  if (scale !== "log") return [-0.03 * top, 1.12 * top];
  const low = Math.min(...kept.map((trace) => trace[Math.floor(0.02 * trace.length)]));
  const bottom = Math.max(Math.min(low / 1.6, top * 0.05), top * 1e-7);
  return [Math.log10(bottom), Math.log10(top * 3)];
}

export function axisTitle(unit, scale) {
  return scale === "one" ? "signal, largest 1" : unit;
}

export function named(ion, choice) {
  const factor = choice.factor(ion.mz);
  return factor === 1 ? ion.label : `${ion.label} ×${factor}`;
}

/* Names at the ends of traces, apart from each other, so that colour alone tells nothing. */
export function endNames(traces, range, scale, height) {
  const least = ((range?.[1] ?? 1) - (range?.[0] ?? 0)) * (15 / height);
  const places = traces
    .map(({ name, colour, values }) => {
      const last = values.filter((value) => value !== null && (scale !== "log" || value > 0)).at(-1);
      return { name, colour, y: last === undefined ? range[0] : scale === "log" ? Math.log10(last) : last };
    })
    .map((each) => ({ ...each, y: Math.min(Math.max(each.y, range[0]), range[1]) }))
    .sort((a, b) => a.y - b.y);
  for (let i = 1; i < places.length; i += 1) places[i].y = Math.max(places[i].y, places[i - 1].y + least);
  const over = (places.at(-1)?.y ?? 0) - range[1];
  if (over > 0) {
    places.at(-1).y = range[1];
    for (let i = places.length - 2; i >= 0; i -= 1) places[i].y = Math.min(places[i].y, places[i + 1].y - least);
  }
  return places.map(({ name, colour, y }) => ({ xref: "paper", x: 1.005, xanchor: "left", y, yref: "y", yanchor: "middle", text: name, font: { color: colour, size: 11 }, showarrow: false }));
}

export function powerTicks(scale) {
  return scale === "log" ? { type: "log", exponentformat: "power", dtick: 1 } : { type: "linear", exponentformat: "power" };
}

