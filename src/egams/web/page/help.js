/* The keys, in a dialog. */

import { button, make } from "./dom.js";

const KEYS = [
  ["j, k or ↓, ↑", "next and previous run in the list; j, k also while a run is open"],
  ["Enter", "open a run; choose a family, a peak"],
  ["x", "select the run in the list"],
  ["/", "search"],
  ["1 to 9, 0", "explain that family of an open run; again to stop"],
  ["Escape", "leave a text; close, clear, back to the list"],
  ["Tab", "everything else"],
  ["?", "these keys"],
];

export function showHelp() {
  const dialog = make(
    "dialog",
    { "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    make("h2", { id: "keys-title", text: "Keys" }),
    make("dl", { class: "keys" }, KEYS.flatMap(([key, what]) => [make("dt", { text: key }), make("dd", { text: what })])),
    button("Close", () => dialog.close()),
  );
  document.body.append(dialog);
  dialog.showModal();
}
