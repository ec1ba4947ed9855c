/* Confirmed labels join what egams knows: first the lesson in words, then the decision. */

import { get, send } from "./api.js";
import { announce, button, make, table } from "./dom.js";
import { look, status } from "./live.js";
import { address } from "./router.js";
import { count, day, plain } from "./words.js";
import { workLine } from "./work.js";

const SHOWN = 50;
const UNCHANGED = 0.0005; // mean log loss that rounds to the same

export function view() {
  const problem = make("p", { class: "flag", role: "alert" });
  const use = make("section", { "aria-label": "In use" });
  const labelled = make("section", { "aria-label": "Labelled runs" });
  const lessons = make("section", { "aria-label": "Lessons", "aria-live": "polite" });
  const element = make(
    "div",
    {},
    make("h1", { text: "Teach" }),
    make("p", { text: "Runs whose labels you confirmed join the reference runs that egams compares with: seconds, no training. You see what it changes before it is used." }),
    problem,
    use,
    labelled,
    lessons,
  );

  async function act(doing, said = "") {
    problem.textContent = "";
    try {
      await doing();
      if (said) announce(said);
      await look();
      await update();
    } catch (error) {
      problem.textContent = error.message;
    }
  }
  async function update() {
    const [runs, stale, all] = await Promise.all([
      get("runs", { labelled: true, limit: SHOWN, sort: "name", descending: false }),
      get("runs", { stale: true, limit: 0 }),
      get("work", { limit: 200 }),
    ]);
    drawUse(stale.total);
    drawLabelled(runs, all.work.some((each) => each.kind === "teach" && ["queued", "working"].includes(each.state)));
    drawLessons(all.work.filter((each) => each.kind === "teach"));
  }
  const safely = () => update().catch((error) => (problem.textContent = error.message));

  function drawUse(stale) {
    const { bundle } = status();
    if (!bundle.ready) return use.replaceChildren(make("p", { class: "faint", text: "The bundle is being loaded." }));
    use.replaceChildren(
      make("h2", { text: "In use" }),
      make("p", { text: bundle.shipped ? `The bundle that comes with egams: it knows ${count(bundle.runs, "run")}.` : `A taught bundle: it knows ${count(bundle.runs, "run")}${bundle.taught ? `, ${bundle.taught} of them yours` : ""}.` }),
      make(
        "p",
        { class: "buttons" },
        bundle.problem ? button("Use the shipped bundle from now on", () => act(() => send("POST", "bundle", { work: "shipped" }), "The shipped bundle is in use")) : null,
        bundle.shipped ? null : button("Go back to the shipped bundle", () => act(() => send("POST", "bundle", { work: "shipped" }), "The shipped bundle is in use")),
        stale ? button(`Predict again ${count(stale, "answer")} of other bundles`, () => act(() => send("POST", "runs/predict", { ids: null }), "Answers are predicted again")) : null,
      ),
    );
  }
  function drawLabelled({ runs, total }, busy) {
    const rows = runs.map((run) =>
      make("tr", {}, make("th", { scope: "row", class: "called" }, make("a", { href: address("run", [run.id]), text: run.name })), make("td", { text: Object.keys(run.labels).filter((family) => run.labels[family]).map(plain).join(", ") || "none of the ten" })),
    );
    const start = button(total ? `Teach ${total === 1 ? "this run" : `these ${total} runs`}` : "Teach", () => act(() => send("POST", "teach", {}), "Teaching"), { class: "main", disabled: !total || busy });
    labelled.replaceChildren(
      make("h2", { text: `Labelled runs (${total})` }),
      total
        ? table("Runs with confirmed labels", ["run", "in the sample"].map((text) => make("th", { scope: "col", text })), rows)
        : make("p", { text: "None yet. Open a run, set the boxes of its families, and confirm." }),
      total > SHOWN ? make("p", {}, make("a", { href: address("runs", [], { labelled: "true" }), text: `All ${total} in the list` })) : "",
      make("p", { class: "buttons" }, start),
    );
  }
  function drawLessons(work) {
    lessons.replaceChildren(
      ...(work.length ? [make("h2", { text: "Lessons" })] : []),
      ...work.map((each) => (each.state === "done" && each.result ? lesson(each) : make("ul", { class: "work" }, workLine(each, act)))),
    );
  }
  function lesson({ id, made, result }) {
    const inUse = status().bundle.digest === result.bundle;
    const better = result.after < result.before - UNCHANGED;
    const lost = result.known_after > result.known_before + UNCHANGED;
    const figures = (text, before, after) => make("tr", {}, make("th", { scope: "row", text }), make("td", { class: "number", text: before.toFixed(3) }), make("td", { class: "number", text: after.toFixed(3) }));
    const heads = ["", "before", "after"].map((text, place) => make("th", { scope: "col", text, class: place ? "number" : "" }));
    return make(
      "article",
      { class: "lesson" },
      make("h3", { text: `${count(result.runs, "run")} taught, ${day(made)}` }),
      make("p", {}, make("b", { text: better ? "Better on your runs" : "Not better on your runs" }), lost ? ", and worse on those known before." : ", and nothing is lost on those known before."),
      table("Mean log loss, lower is better", heads, [
        figures("your runs, each as if it had not been taught", result.before, result.after),
        figures("runs known before, by neighbours alone", result.known_before, result.known_after),
      ]),
      make("p", { class: "faint small", text: "Mean log loss: how far probabilities are from the labels. Lower is better, 0 is perfect." }),
      inUse
        ? make("p", {}, make("b", { text: "✓ In use" }))
        : button("Use it from now on", () => act(() => send("POST", "bundle", { work: id }), "The taught bundle is in use"), { class: better && !lost ? "main" : "", "aria-label": `Use the lesson of ${day(made)} from now on` }),
    );
  }
  if (status()) safely();
  return { element, title: "Teach", update: safely };
}
