/* The answer with another run, of the empty cup, subtracted. */

import { send } from "./api.js";
import { make, table } from "./dom.js";
import { picker } from "./picker.js";
import { celsius, MARK, plain, probability } from "./words.js";

/* `retrace` is called with the id of the blank, or null, so that traces are drawn less it. */
export function blankPanel(run, retrace) {
  const answer = make("div", { "aria-live": "polite" });
  const choose = picker("Blank run", subtract);

  async function subtract(blank) {
    if (blank === null) {
      answer.replaceChildren();
      return retrace(null);
    }
    if (blank.id === run.id) return refuse("A run cannot be its own blank.");
    answer.replaceChildren(make("progress", { "aria-label": "Subtracting" }));
    try {
      const found = await send("POST", `runs/${run.id}/blank`, { blank: blank.id });
      answer.replaceChildren(...inWords(found.prediction ?? found, blank));
      retrace(blank.id);
    } catch (error) {
      refuse(error.message);
    }
  }
  function refuse(text) {
    answer.replaceChildren(make("p", { class: "flag", role: "alert", text: `${text} The traces are as measured.` }));
    retrace(null);
  }
  function inWords(less, blank) {
    const before = run.prediction.families; // of another bundle, if the run is stale
    const measured = (name) => (run.stale ? { probability: less.as_measured[name] } : before[name]);
    const names = Object.keys(less.families).sort((a, b) => less.families[b].probability - less.families[a].probability);
    const cell = ({ probability: value, call }) => make("td", { class: call, text: `${MARK[call] ?? ""} ${probability(value)} ${call ?? ""}` });
    const rows = names.map((name) => make("tr", {}, make("th", { scope: "row", text: plain(name) }), cell(less.families[name]), cell(measured(name))));
    const notes = (less.notes ?? []).filter((note) => !run.notes.includes(note));
    return [
      table(`Answer less ${blank.name}`, [make("th", { scope: "col", text: "family" }), make("th", { scope: "col", text: "less the blank" }), make("th", { scope: "col", text: "as measured" })], rows),
      ...less.flags.map((flag) => make("p", { class: "flag", text: `⚑ ${celsius(flag)}` })),
      make("ul", { class: "small" }, notes.map((note) => make("li", { text: celsius(note) }))),
      make("p", { class: "faint small", text: `Traces above are drawn less ${blank.name}. The models learned from runs with their background: read both.` }),
    ];
  }
  const element = make(
    "section",
    { "aria-label": "Blank" },
    make("h2", { text: "Blank" }),
    make("p", { class: "faint small", text: "A run of the empty cup, in this library: its signal is scaled and subtracted." }),
    choose,
    answer,
  );
  return { element };
}
