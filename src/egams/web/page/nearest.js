/* The training runs that are most like this one, laid over its traces. */

import { get } from "./api.js";
import { button, chooser, make } from "./dom.js";
import { plain } from "./words.js";

export function nearestPanel(nearest, ions, layOver) {
  let chosen = null;
  let ion = ions[0]?.mz;
  const known = {};
  const problem = make("p", { class: "flag", role: "alert" });
  const list = make("ul", { class: "nearest" });
  const buttons = new Map();
  for (const { sample_id: name, distance, families } of nearest) {
    const lay = button("Lay over", () => choose(name), { "aria-pressed": "false", class: "small", "aria-label": `Lay ${name} over the traces` });
    buttons.set(name, lay);
    list.append(make("li", {}, lay, make("b", { text: ` ${name}` }), ` at ${distance.toFixed(2)}: ${families.map(plain).join(", ") || "no family"}`));
  }

  async function choose(name) {
    chosen = chosen === name ? null : name;
    for (const [each, lay] of buttons) lay.setAttribute("aria-pressed", String(each === chosen));
    await draw();
  }
  async function draw() {
    problem.textContent = "";
    if (chosen === null) return layOver(null);
    try {
      const run = (known[chosen] ??= await get(`training/${encodeURIComponent(chosen)}`));
      const values = run.abundance[run.mz.indexOf(ion)];
      if (!values || values.every((value) => value === null || value === 0)) throw new Error(`Of ${chosen}, m/z ${ion} is not known.`);
      layOver({ mz: ion, run_id: chosen, temperature: run.temperature, values });
    } catch (error) {
      layOver(null);
      problem.textContent = error.message;
    }
  }
  const which = chooser("Ion", ions.map(({ mz, label }) => [String(mz), label]), String(ion), (value) => {
    ion = Number(value);
    draw();
  });
  const element = make(
    "section",
    { "aria-label": "Nearest training runs" },
    make("h2", { text: "Nearest training runs" }),
    make("p", { class: "faint small", text: "0 is the same run. Laid over: dashed, one ion, in bins of 24 °C, scaled to the same height." }),
    nearest.length ? [list, which] : make("p", { text: "None is known." }),
    problem,
  );
  return { element };
}
