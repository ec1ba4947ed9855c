/* The list of runs: search, filters, order, pages, and what is done with those selected. */

import { get, send } from "./api.js";
import { announce, button, chooser, make, replaceKeepingFocus, sortHead, table } from "./dom.js";
import { downloads } from "./downloads.js";
import { dropZone } from "./drop.js";
import { look, status } from "./live.js";
import { address, rewrite } from "./router.js";
import { called, celsius, count, day, EARLIER, heating, MARK, plain, probability } from "./words.js";
import { workList } from "./work.js";

const PAGE = 50;
const TYPING = 250; // ms without a key before the search begins

export function view({ query }) {
  const filter = { sort: "added", descending: "true", ...query };
  const selected = new Set();
  const drop = dropZone();
  const work = workList();
  const body = make("div", { class: "runs" });
  const pager = make("nav", { class: "pager", "aria-label": "Pages of the list" });
  const problem = make("p", { class: "flag", role: "alert" });
  const chosen = make("section", { class: "selected", "aria-label": "Selected runs", hidden: true });
  const title = make("h1", { text: "Runs" });
  const filters = make("search", { class: "filters" });
  let rows = [];
  let total = 0;
  let turn = 0;
  let elsewhere = 0; // of those selected, that the list has not

  async function load() {
    const mine = ++turn;
    try {
      const found = await get("runs", { limit: PAGE, ...wanted(filter) });
      if (mine !== turn) return;
      const offset = Number(filter.offset || 0);
      if (!found.runs.length && found.total && offset) {
        // all of the last page is gone
        return change({ offset: String(PAGE * Math.floor((found.total - 1) / PAGE)) });
      }
      rows = found.runs;
      total = found.total;
      await lookAtSelected();
      if (mine !== turn) return;
      problem.textContent = "";
      drawRows();
    } catch (error) {
      problem.textContent = error.message;
    }
  }
  /* Those that are gone are selected no more; of those on other pages, whether the list has them. */
  async function lookAtSelected() {
    const ids = [...selected].join();
    elsewhere = 0;
    if (!selected.size || [...selected].every((id) => rows.some((row) => row.id === id))) return;
    const there = await get("runs", { ids, limit: 1000 });
    const listed = await get("runs", { ids, ...wanted(filter), offset: "", limit: 0 });
    const known = new Set(there.runs.map(({ id }) => id));
    if (there.total <= 1000) for (const id of ids.split(",").map(Number)) if (!known.has(id)) selected.delete(id);
    elsewhere = there.total - listed.total;
  }
  function change(changes) {
    Object.assign(filter, { offset: "" }, changes);
    rewrite("runs", [], filter);
    load();
  }

  function drawFilters() {
    let timer = 0;
    const search = make("input", {
      type: "search",
      id: "search",
      value: filter.search ?? "",
      placeholder: "name, file, remark",
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(() => change({ search: search.value }), TYPING);
      },
    });
    const families = (status()?.families ?? []).map((family) => [family, plain(family)]);
    filters.replaceChildren(
      make("label", { class: "field" }, make("span", { text: "Search" }), search),
      chooser("Family", [["", "any"], ...families], filter.family ?? "", (family) => {
        change({ family, call: family ? filter.call || "present" : "" });
        drawFilters();
      }),
      chooser("is called", [["", "anything"], ["present", "present"], ["uncertain", "uncertain"], ["absent", "absent"]], filter.call ?? "", (call) => change({ call })),
      chooser("Labels", [["", "any"], ["true", "confirmed"], ["false", "not confirmed"]], filter.labelled ?? "", (labelled) => change({ labelled })),
      chooser("Flags", [["", "any"], ["true", "flagged"], ["false", "no flag"]], filter.flagged ?? "", (flagged) => change({ flagged })),
      chooser("Sort by", [["added", "when added"], ["name", "name"], ...families], filter.sort, (sort) => change({ sort })),
    );
  }

  function drawRows() {
    title.textContent = total ? `Runs (${total})` : "Runs";
    const sorted = { key: filter.sort, descending: filter.descending === "true" };
    const sort = ({ key, descending }) => {
      change({ sort: key, descending: String(descending) });
      drawFilters();
    };
    const head = [
      make("th", { scope: "col" }, selectAll()),
      sortHead("Run", "name", sorted, sort),
      make("th", { scope: "col", text: "Present" }),
      make("th", { scope: "col", text: "Uncertain" }),
      filter.family ? sortHead(plain(filter.family), filter.family, sorted, sort, { class: "number" }) : null,
      make("th", { scope: "col", text: "Flags" }),
      make("th", { scope: "col", text: "Labels" }),
      make("th", { scope: "col", text: "Instrument, heating" }),
      sortHead("Added", "added", sorted, sort),
    ].filter(Boolean);
    if (!rows.length) {
      const narrowed = ["search", "call", "labelled", "flagged"].some((key) => filter[key]);
      body.replaceChildren(make("p", { class: "faint", text: narrowed ? "No run is like that." : "No runs yet. Drop files above." }));
    } else {
      replaceKeepingFocus(body, table("Runs with their calls", head, rows.map((row, place) => runRow(row, place)), { class: "list" }));
    }
    drawPager();
    drawSelected();
  }

  function runRow(row, place) {
    const at = Number(filter.offset || 0) + place;
    const mark = (families, call) => families.map((family) => `${plain(family)} ${probability(row.probabilities[family])}`).join(", ") || (call === "present" ? "none" : "");
    const present = called(row, "present");
    return make(
      "tr",
      {},
      make("td", {}, make("input", { type: "checkbox", checked: selected.has(row.id), "aria-label": `Select ${row.name}`, "data-key": `select-${row.id}`, onchange: () => toggle(row.id) })),
      make(
        "th",
        { scope: "row", class: "name" },
        make("a", { href: address("run", [row.id], { ...filter, at }), text: row.name, "data-key": `run-${row.id}` }),
        row.file !== row.name && !row.file.startsWith(`${row.name}.`) ? make("div", { class: "faint small", text: row.file }) : null,
        row.remark ? make("div", { class: "small remark", text: row.remark }) : null,
      ),
      make("td", { "data-head": "Present" }, make("span", { class: present.length ? "present" : "absent", text: mark(present, "present") }), row.stale ? make("div", { class: "flag small", text: EARLIER }) : null),
      make("td", { "data-head": "Uncertain", text: mark(called(row, "uncertain"), "uncertain") }),
      filter.family ? make("td", { "data-head": plain(filter.family), class: `number ${row.calls[filter.family]}`, text: `${MARK[row.calls[filter.family]] ?? ""} ${probability(row.probabilities[filter.family])}` }) : null,
      make("td", { "data-head": "Flags", class: "flag", text: flagWords(row.flags) }),
      make("td", { "data-head": "Labels", text: labelWords(row.labels) }),
      make("td", { "data-head": "Instrument", class: "faint", text: heating(row) }),
      make("td", { "data-head": "Added", class: "faint", text: day(row.added, { dateStyle: "medium" }), title: day(row.added) }),
    );
  }

  function selectAll() {
    const all = rows.length > 0 && rows.every(({ id }) => selected.has(id));
    return make("input", {
      type: "checkbox",
      checked: all,
      "aria-label": "Select all on this page",
      "data-key": "select-all",
      onchange: () => {
        for (const { id } of rows) all ? selected.delete(id) : selected.add(id);
        drawRows();
      },
    });
  }
  function toggle(id) {
    selected.has(id) ? selected.delete(id) : selected.add(id);
    drawRows();
  }

  function drawPager() {
    const offset = Number(filter.offset || 0);
    const go = (to) => {
      change({ offset: String(Math.max(0, to)) });
      title.scrollIntoView();
    };
    pager.hidden = total <= PAGE;
    const state = `${offset} ${total}`;
    if (pager.dataset.state === state) return; // a button that is drawn anew while it is pressed does nothing
    pager.dataset.state = state;
    replaceKeepingFocus(
      pager,
      button("Previous", () => go(offset - PAGE), { disabled: offset === 0, "data-key": "previous" }),
      make("span", { text: ` ${offset + 1} to ${Math.min(offset + PAGE, total)} of ${total} ` }),
      button("Next", () => go(offset + PAGE), { disabled: offset + PAGE >= total, "data-key": "next" }),
    );
  }

  function drawSelected() {
    const ids = [...selected];
    const stale = rows.some((row) => row.stale && selected.has(row.id));
    const state = `${ids.join()} ${stale} ${elsewhere}`;
    if (chosen.dataset.state === state) return; // a report that is being made goes on there
    chosen.dataset.state = state;
    chosen.hidden = !ids.length;
    if (!ids.length) return chosen.replaceChildren();
    replaceKeepingFocus(
      chosen,
      make("b", { text: `${count(ids.length, "run")} selected` }),
      elsewhere ? make("span", { class: "flag", text: `${elsewhere} of them not in this list` }) : null,
      ids.length === 2 ? make("a", { class: "button", href: address("compare", ids), text: "Compare", "data-key": "compare" }) : null,
      ...downloads(ids, tell),
      stale ? button("Predict again", () => act(() => send("POST", "runs/predict", { ids }), "will be predicted again"), { "data-key": "again" }) : null,
      stale ? make("span", { class: "flag small", text: "Files hold the answers shown; a report is by the bundle in use." }) : null,
      button("Remove …", () => remove(ids), { "data-key": "remove" }),
      button("Select none", () => {
        selected.clear();
        drawRows();
      }, { class: "quiet", "data-key": "none" }),
    );
  }
  function tell(error) {
    problem.textContent = error.message;
  }
  async function act(doing, what) {
    try {
      await doing();
      announce(`${count(selected.size, "run")} ${what}`);
      await look();
    } catch (error) {
      tell(error);
    }
  }
  function remove(ids) {
    const unseen = elsewhere ? `, ${elsewhere} of them not in this list,` : "";
    const what = (ids.length === 1 ? "this run" : `these ${ids.length} runs`) + unseen;
    if (!window.confirm(`Remove ${what} from the library, with answers, remarks and labels? Your files elsewhere stay.`)) return;
    act(async () => {
      await send("POST", "runs/delete", { ids });
      selected.clear();
    }, "removed");
  }

  function step(by) {
    const links = [...body.querySelectorAll("th.name a")];
    const at = links.indexOf(document.activeElement.closest("tr")?.querySelector("th.name a"));
    links[Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
  }
  function keys({ key }) {
    if (key === "j" || key === "ArrowDown") step(1);
    else if (key === "k" || key === "ArrowUp") step(-1);
    else if (key === "/") document.getElementById("search").focus();
    else if (key === "x") document.activeElement.closest("tr")?.querySelector("input")?.click();
    else if (key === "Escape") document.activeElement.blur();
    else return false;
    return true;
  }

  function update() {
    if (!filters.childElementCount || filters.querySelectorAll("option").length < 20) drawFilters();
    work.update().catch(tell);
    load();
  }
  drawFilters();
  if (status()) update();
  const element = make("div", {}, drop.element, work.element, title, filters, problem, chosen, body, pager);
  return { element, title: "Runs", update, keys, close: drop.close };
}

/* What the server is asked for: without a family a call is that of any, and a family needs a call. */
export function wanted({ search, family, call, labelled, flagged, sort, descending, offset }) {
  const both = call ? { family, call } : {};
  return { search, labelled, flagged, sort, descending, offset, ...both };
}

function flagWords(flags) {
  if (!flags.length) return "";
  return flags.length === 1 ? celsius(flags[0]) : `${celsius(flags[0])} (and ${flags.length - 1} more)`;
}

function labelWords(labels) {
  if (!labels) return "";
  const there = Object.keys(labels).filter((family) => labels[family]);
  return `✓ ${there.map(plain).join(", ") || "none of the ten"}`;
}
