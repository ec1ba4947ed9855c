/* Where files are dropped or chosen, and what stands beside them. */

import { announce, button, chooser, make } from "./dom.js";
import { droppedFiles } from "./dropped.js";
import { temperatureFields } from "./temperature.js";
import { forgetFailures, onUploads, upload, uploads } from "./uploads.js";
import { count } from "./words.js";

export function dropZone() {
  const problem = make("p", { class: "flag", role: "alert" });
  const progress = make("div", { class: "uploads" });
  const beside = temperatureFields();
  let instrument = "";
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
      make("summary", { text: "The files have no temperature, or the instrument is known" }),
      make("p", { class: "faint", text: "What is stated here holds for the files that are dropped or chosen next." }),
      beside.element,
      chooser("Instrument", [["", "infer it from the data"], ["commercial", "commercial"], ["sam_testbed", "SAM testbed"]], "", (value) => (instrument = value)),
    ),
    problem,
    progress,
    files,
    folder,
  );

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
      if (instrument) reading.instrument = instrument;
      if (!list.length) throw new Error("There are no files in it.");
      upload(list, { reading, temperature });
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
