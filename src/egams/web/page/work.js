/* What is being done, what is asked, what was refused: a line each. */

import { get, send } from "./api.js";
import { button, make, replaceKeepingFocus } from "./dom.js";
import { look } from "./live.js";
import { mapColumns } from "./mapper.js";
import { address } from "./router.js";
import { count } from "./words.js";

const SHOWN = 30;
const WORDS = { queued: "waiting", working: "working", asking: "needs an answer", refused: "not used", done: "done" };
const seen = new Set(); // done pieces that need no line any more

export function workList() {
  const list = make("ul", { class: "work" });
  const more = make("p", { class: "faint" });
  const problem = make("p", { class: "flag", role: "alert" });
  const element = make("section", { "aria-label": "Work", hidden: true }, make("h2", { text: "Work" }), problem, list, more);

  async function update() {
    const { work, total } = await get("work", { limit: 200 });
    const lines = work.filter(isShown);
    element.hidden = !lines.length;
    const clear = lines.filter((each) => each.state === "refused");
    replaceKeepingFocus(list, ...lines.slice(0, SHOWN).map((each) => workLine(each, act, true)));
    more.replaceChildren();
    if (lines.length > SHOWN) more.append(`and ${lines.length - SHOWN}${total > 200 ? " or more" : ""} others `);
    if (clear.length > 1) more.append(button(`Clear all ${clear.length} that were not used`, () => forget(clear), { class: "quiet" }));
  }
  async function act(doing) {
    problem.textContent = "";
    try {
      await doing();
      await look();
      await update();
    } catch (error) {
      problem.textContent = error.message;
    }
  }
  const forget = (pieces) => act(() => Promise.all(pieces.map(({ id }) => send("DELETE", `work/${id}`))));
  return { element, update };
}

function isShown(work) {
  if (work.state !== "done") return true;
  return !seen.has(work.id) && (work.kind === "report" || work.skipped.length > 0);
}

/* One piece of work; `act` runs what a button of it does, and shows what goes wrong. */
export function workLine(work, act, clears = false) {
  const { id, name, state } = work;
  const parts = [make("span", { class: `state ${state}`, text: WORDS[state] ?? state }), make("b", { class: "file", text: name })];
  if (state === "working") {
    const known = work.total > 0;
    parts.push(make("progress", known ? { max: work.total, value: work.done, "aria-label": `${name}: done` } : { "aria-label": `${name}: working` }));
    if (known && work.total > 1) parts.push(make("span", { class: "faint", text: `${work.done} of ${work.total}` }));
  }
  if (state === "asking") parts.push(button("Answer", () => mapColumns(work, act), { class: "main", "data-key": `answer-${id}`, "aria-label": `Answer for ${name}` }));
  if (state === "done" && work.kind === "report") {
    parts.push(make("a", { href: `/api/work/${id}/file`, download: "", text: "Download", "data-key": `file-${id}` }));
  }
  if (state === "done" && work.runs.length === 1) parts.push(make("a", { href: address("run", work.runs), text: "Open", "aria-label": `Open ${name}` }));
  if (["asking", "refused", "queued"].includes(state)) {
    parts.push(button("Remove", () => act(() => send("DELETE", `work/${id}`)), { class: "quiet", "data-key": `remove-${id}`, "aria-label": `Remove ${name}` }));
  } else if (clears && state === "done") {
    parts.push(button("Clear", () => act(async () => seen.add(id)), { class: "quiet", "data-key": `clear-${id}`, "aria-label": `Clear ${name}` }));
  }
  const skipped = work.skipped ?? [];
  return make(
    "li",
    {},
    make("div", { class: "line" }, parts),
    work.reason ? make("p", { class: state === "refused" ? "flag reason" : "reason", text: (state === "asking" && work.error?.problem) || work.reason }) : null,
    skipped.length ? make("p", { class: "flag", text: `${count(skipped.length, "run")} of it not used:` }) : null,
    skipped.length
      ? make("ul", { class: "flag" }, skipped.slice(0, 5).map((each) => make("li", { text: `${each.sample_id}: ${each.reason}` })))
      : null,
    skipped.length > 5 ? make("p", { class: "faint", text: `and ${skipped.length - 5} more` }) : null,
  );
}

/* Wait for a piece of work; `tell` is called with it while it goes on. */
export async function finished(id, tell = () => {}) {
  for (;;) {
    const work = await get(`work/${id}`);
    tell(work);
    if (work.state === "done") return work;
    if (work.state === "refused" || work.state === "asking") throw new Error(work.reason);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
