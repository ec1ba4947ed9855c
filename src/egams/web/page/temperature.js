/* Where a file has no temperature: a curve in another file, or the heating program. */

import { field, make } from "./dom.js";

const NUMBERS = [
  ["ramp", "heated by, °C a minute"],
  ["start", "from, °C"],
  ["hold", "held there before, minutes"],
  ["end", "up to, °C"],
];

/* `kept` are settings from before; `change` is called when something is stated. */
export function temperatureFields(kept = {}, change = () => {}) {
  const file = field("File with the temperature over time", { type: "file" });
  const offset = field("its start after that of the run, s", { inputmode: "decimal", class: "short", value: kept.offset ?? "" });
  const program = NUMBERS.map(([key, label]) => ({
    key,
    ...field(label, { inputmode: "decimal", class: "short", value: kept[key] ?? "" }),
  }));
  const element = make(
    "div",
    { class: "temperature", oninput: () => change(), onchange: () => change() },
    make("fieldset", {}, make("legend", { text: "A curve" }), file.label, offset.label),
    make("fieldset", {}, make("legend", { text: "or a ramp" }), program.map((each) => each.label)),
  );

  function number(input, label) {
    const text = input.value.trim().replace(",", ".");
    if (text === "") return null;
    if (!Number.isFinite(Number(text))) {
      input.setAttribute("aria-invalid", "true");
      input.focus();
      throw new Error(`“${input.value}” (${label}) is no number.`);
    }
    input.removeAttribute("aria-invalid");
    return Number(text);
  }

  function value() {
    const reading = {};
    const late = number(offset.input, "start of the curve");
    if (late !== null) reading.offset = late;
    for (const { key, input } of program) {
      const given = number(input, NUMBERS.find(([name]) => name === key)[1]);
      if (given !== null) reading[key] = given;
    }
    if (reading.ramp === undefined && (reading.start ?? reading.end ?? reading.hold) !== undefined) {
      throw new Error("The ramp has no rate: state by how many °C a minute the sample was heated.");
    }
    return { reading, temperature: file.input.files[0] ?? null };
  }
  /* What is stated, in words; nothing where nothing is. */
  function words() {
    const [ramp, start, hold, end] = program.map((each) => each.input.value.trim());
    const curve = file.input.files[0];
    const parts = [];
    if (curve) parts.push(`the temperature in ${curve.name}${offset.input.value.trim() ? `, ${offset.input.value.trim()} s later` : ""}`);
    if (ramp || start || hold || end) parts.push(`${ramp || "?"} °C a minute${start ? ` from ${start} °C` : ""}${end ? ` to ${end} °C` : ""}${hold ? ` after ${hold} minutes` : ""}`);
    return parts.join(" and ");
  }
  function clear() {
    for (const { input } of [file, offset, ...program]) {
      input.value = "";
      input.removeAttribute("aria-invalid");
    }
    change();
  }
  return { element, value, words, clear };
}
