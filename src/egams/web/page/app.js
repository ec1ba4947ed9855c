/* The workbench: the part that the address names, kept up to date. */

import { GONE } from "./api.js";
import { announce, make } from "./dom.js";
import { showHelp } from "./help.js";
import { onReturn, showTrouble, subscribe, watch } from "./live.js";
import { address, place } from "./router.js";
import { count } from "./words.js";

const PARTS = {
  runs: () => import("./runs.js"),
  run: () => import("./run.js"),
  compare: () => import("./compare.js"),
  teach: () => import("./teach.js"),
  library: () => import("./library.js"),
};
const main = document.getElementById("main");
let shown = null;
let turn = 0;

async function show() {
  const at = place();
  const part = PARTS[at.part] ? at.part : "runs";
  const mine = ++turn;
  shown?.close?.();
  shown = null;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash === address(part === "run" ? "runs" : part);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  let view;
  try {
    ({ view } = await PARTS[part]());
  } catch {
    if (mine !== turn) return;
    shown = { again: show };
    window.dispatchEvent(new Event(GONE));
    return main.replaceChildren(make("p", { class: "flag", role: "alert", text: "This part of the page could not be loaded. It is tried again when egams answers." }));
  }
  if (mine !== turn) return;
  const next = view(at);
  main.replaceChildren(next.element);
  document.title = `${next.title}: egams workbench`;
  shown = next;
  window.scrollTo(0, 0);
  if (mine > 1) main.focus({ preventScroll: true });
}

function busy({ work }) {
  const parts = [];
  if (work.working) parts.push(`${work.working} working`);
  if (work.queued) parts.push(`${work.queued} waiting`);
  if (work.asking) parts.push(`${count(work.asking, "question")} to you`);
  const line = document.getElementById("busy");
  const text = parts.join(", ");
  if (line.textContent !== text) {
    if (line.textContent && !text) announce("All work is done.");
    line.textContent = text;
  }
}

/* That another bundle answers than was chosen stands on every page, until one is chosen. */
function standsIn({ bundle: { problem } }) {
  const line = document.getElementById("standin");
  line.hidden = !problem;
  if (!problem || line.dataset.problem === problem) return;
  line.dataset.problem = problem;
  line.replaceChildren(`${problem} `, make("a", { href: address("teach"), text: "Teach again, or choose that one for good" }), ".");
}

function typing(target) {
  return target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (typing(event.target)) {
    if (event.key !== "Escape") return;
    event.preventDefault(); // it would empty a search
    return event.target.blur();
  }
  if (event.key === "?") showHelp();
  else if (!shown?.keys?.(event)) return;
  event.preventDefault();
});
document.getElementById("help").addEventListener("click", showHelp);
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", show);
window.addEventListener("unhandledrejection", (event) => {
  if (event.reason?.name !== "AbortError") showTrouble(event.reason?.message ?? String(event.reason));
});
// A file dropped beside the drop zone would replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());

subscribe((now) => {
  busy(now);
  standsIn(now);
  shown?.update?.(now);
});
onReturn((now) => (shown?.again ?? shown?.update)?.(now));
// A link to what is shown, and failed: the address does not change.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#/"]');
  if (link && link.hash === location.hash) shown?.again?.();
});
main.replaceChildren(make("p", { class: "faint", text: "Loading…" }));
watch();
// All parts, so that none is missing while the server is away.
show().then(() => Object.values(PARTS).forEach((part) => part().catch(() => {})));
