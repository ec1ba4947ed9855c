/* What is written and not saved yet, kept in this tab: leaving a run, or its being drawn anew, loses none of it. */

const KEPT = "egams-draft";

const keys = () => Object.keys(sessionStorage).filter((key) => key.startsWith(`${KEPT}/`));

/* A draft of one kind, of one run: an id may mean another run in another library. */
export function draft(run, kind) {
  const key = `${KEPT}/${run.id}/${run.added}/${kind}`;
  return {
    get: () => JSON.parse(sessionStorage.getItem(key)),
    set: (value) => sessionStorage.setItem(key, JSON.stringify(value)),
    drop: () => sessionStorage.removeItem(key),
  };
}

/* Remarks that were begun on a run that is gone now; they are handed over once. */
export function takeRemarks(id) {
  const found = keys().filter((key) => key.startsWith(`${KEPT}/${id}/`));
  const texts = found.filter((key) => key.endsWith("/remark")).map((key) => JSON.parse(sessionStorage.getItem(key)));
  for (const key of found) sessionStorage.removeItem(key);
  return texts;
}

// The tab itself would take them with it.
window.addEventListener("beforeunload", (event) => {
  if (keys().length) event.preventDefault();
});
