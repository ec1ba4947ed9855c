/* Where everything is kept, and ways out of it. */

import { get } from "./api.js";
import { make } from "./dom.js";
import { status } from "./live.js";
import { count, day } from "./words.js";
import { workLine } from "./work.js";

const SHOWN = 30;
const EXPORTS = [
  ["/api/library/export", "Everything as a zip", "files, answers, remarks and labels, for any program and for egams"],
  ["/api/library/backup", "Backup", "one file, taught bundles included; to use it: egams serve --library FILE"],
  ["/api/library/labels.csv", "Labels", "confirmed labels, a row a run"],
  ["/api/predictions.csv", "Answers as CSV", "probabilities of all runs"],
  ["/api/predictions.xlsx", "Answers for Excel", "with calls, flags and notes"],
  ["/api/predictions.json", "Answers as JSON", "everything, for programs"],
];

export function view() {
  const facts = make("dl", { class: "facts" });
  const work = make("ul", { class: "work" });
  const earlier = make("p", { class: "flag" });
  const problem = make("p", { class: "flag", role: "alert" });
  const element = make(
    "div",
    {},
    make("h1", { text: "Library" }),
    problem,
    facts,
    make("h2", { text: "Take out" }),
    make("ul", { class: "exports" }, EXPORTS.map(([href, name, what]) => make("li", {}, make("a", { class: "button", href, download: "", text: name }), ` ${what}`))),
    earlier,
    make("h2", { text: "Latest work" }),
    work,
  );
  async function update() {
    const { library, runs, version, bundle, limits } = status();
    const shown = [
      ["kept in", library],
      ["runs", runs],
      ["bundle in use", bundle.ready ? `${bundle.shipped ? "shipped with egams" : "taught"}, ${bundle.runs} runs, digest ${bundle.digest.slice(0, 16)}` : "being loaded"],
      ["largest file", `${Math.floor(limits.upload_bytes / 2 ** 20)} MB`],
      ["egams", version],
    ];
    facts.replaceChildren(...shown.flatMap(([key, text]) => [make("dt", { text: key }), make("dd", { text })]));
    const [found, stale] = await Promise.all([get("work", { limit: SHOWN }), get("runs", { stale: true, limit: 0 })]);
    earlier.textContent = stale.total ? `${count(stale.total, "answer")} in these files ${stale.total === 1 ? "is" : "are"} by an earlier bundle. Under Teach they can be predicted again.` : "";
    work.replaceChildren(...found.work.map((each) => {
      const line = workLine(each, act);
      line.firstElementChild.append(make("span", { class: "faint small", text: day(each.made) }));
      return line;
    }));
  }
  async function act(doing) {
    problem.textContent = "";
    try {
      await doing();
      await update();
    } catch (error) {
      problem.textContent = error.message;
    }
  }
  const safely = () => act(async () => {});
  if (status()) safely();
  return { element, title: "Library", update: safely };
}
