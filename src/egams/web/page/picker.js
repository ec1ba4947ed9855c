/* Choose another run by its name. */

import { get } from "./api.js";
import { make } from "./dom.js";

const SHOWN = 20;
const TYPING = 200;
let number = 0;

/* `act` is called with the row of the run that was named, or null. */
export function picker(label, act, { chosen = "" } = {}) {
  const id = `runs-${++number}`;
  const list = make("datalist", { id });
  const problem = make("span", { class: "flag small", role: "alert" });
  const input = make("input", { list: id, value: chosen, autocomplete: "off", placeholder: "its name", oninput: typed, onfocus: fill, onchange: decide });
  let rows = [];
  let timer = 0;
  let last = chosen;

  async function fill() {
    try {
      rows = (await get("runs", { search: input.value.trim(), limit: SHOWN, sort: "name", descending: false })).runs;
      list.replaceChildren(...rows.map((row) => make("option", { value: row.name })));
      problem.textContent = "";
    } catch (error) {
      problem.textContent = error.message;
    }
  }
  function typed() {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await fill();
      if (rows.some((row) => row.name === input.value.trim())) decide();
    }, TYPING);
  }
  async function decide() {
    clearTimeout(timer);
    const name = input.value.trim();
    if (name === last) return;
    last = name;
    if (!name) return act(null);
    try {
      const [row] = (await get("runs", { name, limit: 1 })).runs; // the list shows some alone
      if (name !== input.value.trim()) return;
      problem.textContent = row ? "" : `There is no run named “${name}”.`;
      if (row) act(row);
    } catch (error) {
      last = null; // so that it can be tried again
      problem.textContent = error.message;
    }
  }
  return make("div", { class: "picker" }, make("label", { class: "field" }, make("span", { text: label }), input), list, problem);
}
