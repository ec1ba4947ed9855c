/* The server's answers, or its words for what is wrong. */

export class Refused extends Error {
  constructor(error, status) {
    super(error.text || error.problem || `the server answers ${status}`);
    this.error = error;
    this.status = status;
  }
}

/* Told to the window when a request reaches nobody. */
export const GONE = "egams-gone";

export class Gone extends Error {
  constructor() {
    super("egams does not answer. Is it still running? Start it again with: egams serve");
    window.dispatchEvent(new Event(GONE));
  }
}

async function answer(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Gone();
  }
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  const error = body?.error ?? { problem: `the server answers ${response.status} ${response.statusText}` };
  throw new Refused(error, response.status);
}

/* Why a file of the page did not come, as an error. */
export async function reason(path) {
  try {
    await answer(path);
    return new Error("It could not be loaded. Reload the page.");
  } catch (error) {
    return error;
  }
}

export function query(values) {
  const kept = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(kept).toString();
  return text ? `?${text}` : "";
}

export function get(path, values = {}, options = {}) {
  return answer(`/api/${path}${query(values)}`, options);
}

export function send(method, path, content = undefined) {
  if (content instanceof FormData) return answer(`/api/${path}`, { method, body: content });
  const body = content === undefined ? undefined : JSON.stringify(content);
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  return answer(`/api/${path}`, { method, body, headers });
}
