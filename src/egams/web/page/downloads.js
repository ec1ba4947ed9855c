/* Answers as files, and a report, of some runs. */

import { query, send } from "./api.js";
import { button, make } from "./dom.js";
import { look } from "./live.js";
import { finished } from "./work.js";

const KINDS = [["csv", "CSV"], ["xlsx", "Excel"], ["json", "JSON"]];

/* Elements; `tell` is called with an error. */
export function downloads(ids, tell) {
  const links = KINDS.map(([kind, name]) =>
    make("a", { class: "button", href: `/api/predictions.${kind}${query({ ids: ids.join(",") })}`, download: "", text: name, "data-key": `as-${kind}`, "aria-label": `Answers as ${name}` }),
  );
  return [reportButton(ids, tell), ...links];
}

function reportButton(ids, tell) {
  const start = button("Report", begin, { "data-key": "report" });
  const line = make("span", { class: "report", "aria-live": "polite" });

  async function begin() {
    start.disabled = true;
    line.replaceChildren(make("progress", { "aria-label": "Report" }), " is being made");
    try {
      const work = await send("POST", "report", { ids });
      look();
      await finished(work.id, (now) => now.total > 1 && line.replaceChildren(make("progress", { max: now.total, value: now.done, "aria-label": "Report" })));
      line.replaceChildren(make("a", { class: "button main", href: `/api/work/${work.id}/file`, download: "", text: "Download the report" }));
    } catch (error) {
      line.replaceChildren();
      tell(error);
    }
    start.disabled = false;
  }
  return make("span", {}, start, " ", line);
}
