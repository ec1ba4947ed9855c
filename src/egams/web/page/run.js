/* One run: the answer, what was measured, and why. */

import { get, send } from "./api.js";
import { announce, button, make } from "./dom.js";
import { blankPanel } from "./blank.js";
import { downloads } from "./downloads.js";
import { takeRemarks } from "./drafts.js";
import { familiesPanel } from "./families.js";
import { labelsPanel } from "./labels.js";
import { look, status } from "./live.js";
import { nearestPanel } from "./nearest.js";
import { peaksPanel } from "./peaks.js";
import { remarkPanel } from "./remark.js";
import { address } from "./router.js";
import { wanted } from "./runs.js";
import { spectrogramPanel } from "./spectrogram.js";
import { tracesPanel } from "./traces.js";
import { celsius, day } from "./words.js";

export function view({ ids: [id], query }) {
  const element = make("div", { class: "run" }, make("p", { class: "faint", text: "Loading…" }));
  let panels = {};
  let bundle = null;
  let closed = false;
  let again = load; // what failed while the server was away

  async function load() {
    try {
      const run = await get(`runs/${id}`);
      if (!closed) build(run);
    } catch (error) {
      if (error.status === 404) tellGone();
      else element.replaceChildren(backLink(query), make("p", { class: "flag", role: "alert", text: error.message }));
    }
  }
  function tellGone() {
    bundle = null;
    close();
    const written = takeRemarks(id).map((text) => [make("p", { text: "What you had written as a remark on it, and not saved:" }), make("textarea", { rows: "6", readOnly: true, "aria-label": "Remark that was not saved", text })]);
    element.replaceChildren(backLink(query), make("p", { class: "flag", role: "alert", text: "This run is no longer in the library." }), ...written.flat());
  }

  function build(run) {
    const held = document.activeElement;
    bundle = run.bundle;
    close();
    if (run.prediction === null) {
      element.replaceChildren(backLink(query), make("h1", { text: run.name }), make("p", { class: "flag", text: "This run has no answer yet." }));
      return;
    }
    const { head, body, problem, tell } = frame(run, query);
    const traces = make("div", {}, waiting("Traces"));
    const title = make("h2");
    let asked = 0;
    let drawnTraces = null;
    const undrawn = new Map();
    const spectrogram = make("div", {}, waiting("Spectrogram"));
    const peaks = make("div");
    const nearest = make("div");
    panels = {
      families: familiesPanel(run, (windows) => {
        panels.traces?.shade(windows);
        panels.spectrogram?.shade(windows);
      }),
      labels: updated(panels.labels, run) ?? labelsPanel(run), // a person may be writing there
      remark: updated(panels.remark, run) ?? remarkPanel(run),
      stale: staleLine(run, tell),
    };
    const blank = blankPanel(run, (other) => drawInto(traces, () => drawTraces(other)));
    body.replaceChildren(
      panels.families.element,
      make("div", { class: "measured" }, traces, spectrogram),
      make("div", { class: "more" }, nearest, panels.labels.element, panels.remark.element, blank.element),
      make("div", { class: "peaks-area" }, peaks, provenance(run)),
    );
    head.append(panels.stale.element, make("p", { class: "buttons" }, downloads([run.id], tell), make("a", { class: "button", href: address("compare", [run.id]), text: "Compare …" })));
    element.replaceChildren(head, problem, body);
    if (element.contains(held)) held.focus({ preventScroll: true });
    document.title = `${run.name}: egams workbench`;

    async function drawTraces(other) {
      const mine = ++asked;
      const found = await get(`runs/${id}/traces`, { blank: other });
      if (mine !== asked) return found; // another blank was chosen meanwhile
      if (drawnTraces) drawnTraces.replace(found);
      else panels.traces = drawnTraces = tracesPanel(found, run.name);
      title.textContent = other === null ? "Ion traces" : "Ion traces, less the blank";
      traces.replaceChildren(title, drawnTraces.element);
      return found;
    }
    async function drawSpectrogram() {
      panels.spectrogram = spectrogramPanel(await get(`runs/${id}/spectrogram`), run.name);
      spectrogram.replaceChildren(panels.spectrogram.element);
    }
    async function drawPeaks() {
      panels.peaks = peaksPanel(await get(`runs/${id}/peaks`), (peak) => panels.traces?.mark(peak));
      peaks.replaceChildren(panels.peaks.element);
    }
    const drawInto = (place, drawing) => {
      drawing().then(
        () => undrawn.delete(place),
        (error) => {
          undrawn.set(place, drawing);
          place.replaceChildren(make("p", { class: "flag", role: "alert", text: error.message }));
        },
      );
    };
    again = () => {
      for (const [place, drawing] of undrawn) drawInto(place, drawing);
    };
    drawInto(traces, async () => {
      const found = await drawTraces(null);
      nearest.replaceChildren(nearestPanel(run.prediction.nearest, byRise(found), (other) => panels.traces?.layOver(other)).element);
    });
    drawInto(spectrogram, drawSpectrogram);
    drawInto(peaks, drawPeaks);
  }

  async function update() {
    if (bundle === null) return;
    try {
      const run = await get(`runs/${id}`);
      if (run.bundle !== bundle) return build(run);
      for (const panel of ["labels", "remark", "stale"]) panels[panel]?.update(run);
    } catch (error) {
      if (error.status === 404) tellGone();
    }
  }

  function keys({ key }) {
    if (key === "Escape") {
      if (!panels.families?.clear() && !panels.peaks?.clear()) location.hash = backLink(query).hash;
    } else if (key === "j" || key === "ArrowDown") return key === "j" && step(query, 1);
    else if (key === "k" || key === "ArrowUp") return key === "k" && step(query, -1);
    else if (/^\d$/.test(key)) panels.families?.choose(panels.families.order[(Number(key) + 9) % 10]);
    else return false;
    return true;
  }
  function close() {
    panels.traces?.close();
    panels.spectrogram?.close();
  }
  load();
  return {
    element,
    title: "Run",
    update,
    again: () => again(),
    keys,
    close() {
      closed = true;
      close();
    },
  };
}

function frame(run, query) {
  const problem = make("p", { class: "flag", role: "alert" });
  const tell = (error) => (problem.textContent = error.message);
  const neighbours = query.at === undefined ? [] : [button("Previous run", () => step(query, -1), { class: "quiet", disabled: query.at === "0" }), button("Next run", () => step(query, 1), { class: "quiet" })];
  const head = make(
    "header",
    {},
    make("p", { class: "buttons" }, backLink(query), neighbours),
    make("h1", { text: run.name }),
    make("p", { class: "faint", text: run.facts }),
    run.answer.map((line) => make("p", { class: "answer" }, make("b", { class: line.startsWith("Present") ? "present" : "", text: line }))),
    run.flags.map((flag) => make("p", { class: "flag", text: `⚑ ${celsius(flag)}` })),
  );
  return { head, body: make("div", { class: "columns" }), problem, tell };
}

function backLink(query) {
  const { at, ...filter } = query;
  return make("a", { href: address("runs", [], filter), text: "← All runs" });
}

/* To the run before or after this one in the list that it was opened from. */
function step(query, by) {
  if (query.at === undefined) return false;
  const at = Number(query.at) + by;
  if (at < 0) return true;
  get("runs", { ...wanted(query), offset: at, limit: 1 }).then(({ runs: [next] }) => {
    if (next) location.hash = address("run", [next.id], { ...query, at });
    else announce("This is the last run of the list");
  });
  return true;
}

function staleLine(run, tell) {
  const again = button("Predict again", async () => {
    try {
      await send("POST", "runs/predict", { ids: [run.id] });
      await look();
    } catch (error) {
      tell(error);
    }
  });
  const element = make("p", { class: "flag" }, "Answered by an earlier bundle; explanations, blanks and reports are by the one in use. ", again);
  const update = (next) => (element.hidden = !next.stale);
  update(run);
  return { element, update };
}

function updated(panel, run) {
  panel?.update(run);
  return panel;
}

/* The chosen ions, that which rises highest over its background first. */
function byRise({ ions, signal, baseline }) {
  const rise = ({ mz }) => Math.max(...signal[mz].map((value, at) => (baseline[mz][at] > 0 ? value / baseline[mz][at] : 0)));
  return ions.filter((ion) => ion.chosen).sort((a, b) => rise(b) - rise(a));
}

function waiting(what) {
  return make("p", { class: "faint" }, make("progress", { "aria-label": what }), ` ${what}`);
}

function provenance(run) {
  const facts = [
    ["file", run.origin.file],
    ["SHA-256", run.origin.sha256],
    ["added", day(run.added)],
    ...(run.answers ?? []).map((each) => ["answer", `of bundle ${each.bundle.slice(0, 12)}, egams ${each.egams}, ${day(each.made)}${each.bundle === status()?.bundle?.digest ? " (in use)" : ""}`]),
  ];
  return make(
    "section",
    { "aria-label": "Notes and provenance" },
    make("h2", { text: "Notes of the reader" }),
    run.notes.length ? make("ul", { class: "small" }, run.notes.map((note) => make("li", { text: celsius(note) }))) : make("p", { class: "faint small", text: "None." }),
    make("h2", { text: "Provenance" }),
    make("dl", { class: "facts small" }, facts.flatMap(([key, text]) => [make("dt", { text: key }), make("dd", { text })])),
  );
}
