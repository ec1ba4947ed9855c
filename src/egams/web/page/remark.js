/* A remark on a run, in the scientist's words. */

import { send } from "./api.js";
import { announce, button, make } from "./dom.js";
import { look } from "./live.js";

export function remarkPanel(run) {
  let saved = run.remark ?? "";
  const problem = make("p", { class: "flag", role: "alert" });
  const text = make("textarea", { rows: "3", "aria-label": "Remark", oninput: draw });
  const save = button("Save the remark", keep);
  text.value = saved;

  function draw() {
    save.disabled = text.value === saved;
  }
  async function keep() {
    problem.textContent = "";
    try {
      await send("PUT", `runs/${run.id}/remark`, { remark: text.value });
      saved = text.value;
      announce("Remark saved");
      draw();
      await look();
    } catch (error) {
      problem.textContent = error.message;
    }
  }
  function update(next) {
    const untouched = text.value === saved;
    saved = next.remark ?? "";
    if (untouched) text.value = saved;
    draw();
  }
  draw();
  const element = make("section", { "aria-label": "Remark" }, make("h2", { text: "Remark" }), text, make("p", { class: "buttons" }, save), problem);
  return { element, update };
}
