/* Numbers and names as people write them. */

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const RAISED = { "-": "⁻", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((mark, digit) => [digit, mark])) };

export const MARK = { present: "●", uncertain: "◐", absent: "○" };

/* Of a run whose answer is not that of the bundle in use. */
export const EARLIER = "Answered by an earlier bundle; predict again";

export const plain = (family) => family.replaceAll("_", " ");
export const probability = (value) => (value === null || value === undefined ? "" : value.toFixed(2));
export const gas = (formula) => formula.replace(/\d/g, (digit) => SUBSCRIPTS[digit]);
export const degrees = (value) => `${Math.round(value)} °C`;
export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;
export const instrument = (name) => (name === "sam_testbed" ? "SAM testbed" : name);

export function scientific(value) {
  if (value === null || value === undefined) return "";
  if (value === 0) return "0";
  const [digits, power] = value.toExponential(1).split("e");
  return Math.abs(power) < 3 ? String(Number(value.toPrecision(2))) : `${digits} × 10${raised(Number(power))}`;
}

export function raised(power) {
  return [...String(power)].map((mark) => RAISED[mark]).join("");
}

export const celsius = (text) => text.replaceAll("degC", "°C");

export function day(iso, style = { dateStyle: "medium", timeStyle: "short" }) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleString(undefined, style);
}

export function called(row, call) {
  return Object.keys(row.calls)
    .filter((family) => row.calls[family] === call)
    .sort((a, b) => row.probabilities[b] - row.probabilities[a]);
}

export function heating(row) {
  return `${instrument(row.instrument)}, ${row.temperatures}`;
}

export function unitWords(unit) {
  if (/^[munpf]?A$/.test(unit)) return `ion current, ${unit}`;
  if (["Pa", "mbar", "bar", "Torr", "mTorr"].includes(unit)) return `partial pressure, ${unit}`;
  return unit || "abundance";
}
