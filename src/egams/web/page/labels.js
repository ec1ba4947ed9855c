/* What the scientist knows to be in the sample: ten boxes, and a word that makes them labels. */

import { send } from "./api.js";
import { announce, button, make } from "./dom.js";
import { draft } from "./drafts.js";
import { look } from "./live.js";
import { plain } from "./words.js";

export function labelsPanel(run) {
  let current = run;
  const begun = draft(run, "labels");
  let touched = begun.get() !== null;
  const boxes = new Map();
  const problem = make("p", { class: "flag", role: "alert" });
  const state = make("p", {});
  const confirm = button("Confirm these labels", () => save(marked()), { class: "main" });
  const withdraw = button("Withdraw", () => save(null), { class: "quiet" });
  const discard = button("Discard the changes", undo, { class: "quiet" });
  const fieldset = make("fieldset", { class: "boxes" }, make("legend", { class: "faint small", text: "In the sample, as far as you know:" }));
  for (const family of Object.keys(run.calls)) {
    const box = make("input", { type: "checkbox", checked: begun.get()?.[family] === 1, onchange: mark });
    boxes.set(family, box);
    fieldset.append(make("label", {}, box, plain(family)));
  }
  const marked = () => Object.fromEntries([...boxes].map(([family, box]) => [family, Number(box.checked)]));

  function mark() {
    touched = true;
    begun.set(marked());
    draw();
  }
  function undo() {
    touched = false;
    begun.drop();
    draw();
    boxes.values().next().value.focus();
  }
  async function save(labels) {
    problem.textContent = "";
    try {
      await send("PUT", `runs/${current.id}/labels`, { labels });
      touched = false;
      begun.drop();
      announce(labels ? "Labels confirmed" : "Labels withdrawn");
      await look();
    } catch (error) {
      problem.textContent = error.message;
    }
  }
  function draw() {
    const { labels, calls } = current;
    if (!touched) for (const [family, box] of boxes) box.checked = labels ? labels[family] === 1 : calls[family] === "present";
    const changed = labels && [...boxes].some(([family, box]) => Number(box.checked) !== labels[family]);
    const unconfirmed = touched ? "Changed here, and not confirmed yet." : "Not confirmed: the boxes show what is called present.";
    state.textContent = labels ? (changed ? "✓ Confirmed, and changed here since." : "✓ Confirmed.") : unconfirmed;
    confirm.hidden = Boolean(labels) && !changed;
    withdraw.hidden = !labels;
    discard.hidden = !touched || (labels && !changed);
  }
  function update(next) {
    current = next;
    draw();
  }
  draw();
  const element = make(
    "section",
    { "aria-label": "Labels" },
    make("h2", { text: "Labels" }),
    state,
    fieldset,
    make("p", { class: "buttons" }, confirm, withdraw, discard),
    problem,
    make("p", { class: "faint small", text: "Confirmed labels are what egams can be taught with." }),
  );
  return { element, update };
}
