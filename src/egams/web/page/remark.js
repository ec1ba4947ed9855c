/* A remark on a run, in the scientist's words. */

import { send } from "./api.js";
import { announce, button, make } from "./dom.js";
import { draft } from "./drafts.js";
import { look } from "./live.js";

export function remarkPanel(run) {
  let saved = run.remark ?? "";
  const begun = draft(run, "remark");
  const problem = make("p", { class: "flag", role: "alert" });
  const state = make("span", { class: "faint small" });
  const text = make("textarea", { rows: "3", "aria-label": "Remark", oninput: written });
  const save = button("Save the remark", keep);
  const discard = button("Discard the changes", undo, { class: "quiet" });
  text.value = begun.get() ?? saved;

  function written() {
    if (text.value === saved) begun.drop();
    else begun.set(text.value);
    draw();
  }
  function draw() {
    const same = text.value === saved;
    save.disabled = same;
    discard.hidden = same;
    state.textContent = same ? "" : "Not saved yet.";
  }
  function undo() {
    text.value = saved;
    problem.textContent = "";
    written();
    text.focus();
  }
  async function keep() {
    problem.textContent = "";
    const now = text.value;
    try {
      await send("PUT", `runs/${run.id}/remark`, { remark: now });
      saved = now;
      announce("Remark saved");
      written();
      await look();
    } catch (error) {
      problem.textContent = error.message;
    }
  }
  function update(next) {
    const untouched = text.value === saved;
    const now = next.remark ?? "";
    if (!untouched && now !== saved && now !== text.value) problem.textContent = `Elsewhere this was saved meanwhile, and saving yours replaces it: “${now}”`;
    saved = now;
    if (untouched) text.value = saved;
    written();
  }
  written();
  const element = make("section", { "aria-label": "Remark" }, make("h2", { text: "Remark" }), text, make("p", { class: "buttons" }, save, discard, state), problem);
  return { element, update };
}
