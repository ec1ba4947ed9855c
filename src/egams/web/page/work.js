/* What is being done, what is asked, what was refused: a line each. */

import { get, send } from "./api.js";
import { button, make, replaceKeepingFocus } from "./dom.js";
import { look } from "./live.js";
import { mapColumns } from "./mapper.js";
import { address } from "./router.js";
import { count } from "./words.js";

const OPEN_SHOWN = 100;
const WAITING_SHOWN = 3;
const DONE_SHOWN = 20;
const WORDS = { queued: "waiting", working: "working", asking: "needs an answer", refused: "not used", done: "done" };

export function workList() {
  const list = make("ul", { class: "work" });
  const more = make("p", { class: "faint" });
  const problem = make("p", { class: "flag", role: "alert" });
  const element = make("section", { "aria-label": "Work", hidden: true }, make("h2", { text: "Work" }), problem, list, more);

  async function update() {
    const [open, waiting, done] = await Promise.all([
      get("work", { state: "working,asking,refused", limit: OPEN_SHOWN }),
      get("work", { state: "queued", limit: WAITING_SHOWN }),
      get("work", { state: "done", limit: DONE_SHOWN }),
    ]);
    const lines = [...open.work.toSorted(byState), ...waiting.work, ...done.work.filter(isNoteworthy)];
    const refused = open.work.filter((each) => each.state === "refused");
    const others = open.total + waiting.total - open.work.length - waiting.work.length;
    element.hidden = !lines.length;
    replaceKeepingFocus(list, ...lines.map((each) => workLine(each, act)));
    more.replaceChildren();
    if (others) more.append(`and ${others} others, most of them waiting `);
    if (refused.length > 1) more.append(button(`Remove all ${refused.length} that were not used`, () => forget(refused), { class: "quiet" }));
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

/* What goes on first, then questions, then refusals. */
function byState(a, b) {
  const order = ["working", "asking", "refused"];
  return order.indexOf(a.state) - order.indexOf(b.state);
}

function isNoteworthy({ kind, skipped }) {
  return kind === "report" || skipped.length > 0;
}

/* One piece of work; `act` runs what a button of it does, and shows what goes wrong. */
export function workLine(work, act) {
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
  if (state !== "working" && (state !== "done" || isNoteworthy(work))) {
    parts.push(button("Remove", () => act(() => send("DELETE", `work/${id}`)), { class: "quiet", "data-key": `remove-${id}`, "aria-label": `Remove ${name}` }));
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
