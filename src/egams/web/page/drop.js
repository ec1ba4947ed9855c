/* Where files are dropped or chosen, and what stands beside them. */

import { announce, button, chooser, make } from "./dom.js";
import { droppedFiles } from "./dropped.js";
import { temperatureFields } from "./temperature.js";
import { forgetFailures, onUploads, upload, uploads } from "./uploads.js";
import { count, instrument as named } from "./words.js";

const UNSTATED = "The files have no temperature, or the instrument is known";
const INSTRUMENTS = [["", "infer it from the data"], ["commercial", "commercial"], ["sam_testbed", "SAM testbed"]];

export function dropZone() {
  const problem = make("p", { class: "flag", role: "alert" });
  const progress = make("div", { class: "uploads" });
  const beside = temperatureFields({}, tellStated);
  const instrument = chooser("Instrument", INSTRUMENTS, "", tellStated);
  const kind = instrument.querySelector("select");
  const summary = make("summary", { text: UNSTATED });
  const used = make("p", { class: "faint", role: "status" });
  const files = make("input", { type: "file", multiple: true, class: "unseen", "aria-label": "Files of runs", tabindex: "-1", onchange: chosen });
  const folder = make("input", { type: "file", webkitdirectory: true, class: "unseen", "aria-label": "A folder of runs", tabindex: "-1", onchange: chosen });
  const zone = make(
    "section",
    { class: "drop", "aria-label": "Add runs", ondragover: over, ondragleave: out, ondrop: dropped },
    make("p", { class: "call" }, make("b", { text: "Drop files of runs here" }), " or "),
    make(
      "p",
      {},
      button("Choose files", () => files.click()),
      " ",
      button("Choose a folder", () => folder.click()),
    ),
    make("p", { class: "faint", text: "Tables in any layout (.csv, .txt, .xlsx), files of instruments, archives. They stay on this machine." }),
    make(
      "details",
      {},
      summary,
      make("p", { class: "faint", text: "What is stated here holds for the files that are dropped or chosen next, and for no others. A file that has a temperature of its own keeps it." }),
      beside.element,
      instrument,
    ),
    used,
    problem,
    progress,
    files,
    folder,
  );

  function stated() {
    return [beside.words(), kind.value && `instrument ${named(kind.value)}`].filter(Boolean).join(", ");
  }
  function tellStated() {
    const words = stated();
    summary.textContent = words ? `${words}, for the files that are dropped next` : UNSTATED;
    summary.classList.toggle("flag", Boolean(words));
  }
  function over(event) {
    event.preventDefault();
    zone.classList.add("over");
  }
  function out() {
    zone.classList.remove("over");
  }
  async function dropped(event) {
    event.preventDefault();
    out();
    take(await droppedFiles(event.dataTransfer));
  }
  function chosen(event) {
    const list = [...event.target.files].filter((file) => !file.name.startsWith("."));
    event.target.value = "";
    take(list);
  }
  function take(list) {
    problem.textContent = "";
    try {
      const { reading, temperature } = beside.value();
      if (kind.value) reading.instrument = kind.value;
      if (!list.length) throw new Error("There are no files in it.");
      const words = stated();
      upload(list, { reading, temperature });
      beside.clear();
      kind.value = "";
      tellStated();
      used.textContent = words ? `Stated for ${count(list.length, "file")}: ${words}. For further files state it anew.` : "";
      announce(`${count(list.length, "file")} on the way`);
    } catch (error) {
      problem.textContent = error.message;
    }
  }

  function tell(now) {
    const failed = now.failed.map(({ name, reason }) => make("li", {}, make("b", { text: name }), `: ${reason}`));
    progress.replaceChildren(
      ...(now.open
        ? [
            make("progress", { max: now.total, value: now.sent, "aria-label": "Files sent" }),
            make("span", { text: ` ${now.sent} of ${count(now.total, "file")} sent; leave this page open until all are` }),
          ]
        : []),
      ...(failed.length
        ? [make("ul", { class: "flag" }, failed), button("Clear", forgetFailures, { class: "quiet", "aria-label": "Clear the list of files that were not taken" })]
        : []),
    );
  }
  tell(uploads());
  const stop = onUploads(tell);
  return { element: zone, close: stop };
}
