/* Which part is shown is in the address, so that reload, back and bookmarks work. */

export function place() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [part = "runs", ...ids] = path.split("/").filter(Boolean);
  return { part, ids: ids.map(Number), query: Object.fromEntries(new URLSearchParams(search)) };
}

export function address(part, ids = [], query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  const search = new URLSearchParams(kept).toString();
  return `#/${[part, ...ids].join("/")}${search ? `?${search}` : ""}`;
}

/* Change the address without a new entry in the history, and without showing the part anew. */
export function rewrite(part, ids, query) {
  history.replaceState(null, "", address(part, ids, query));
}
