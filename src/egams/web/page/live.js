/* What the server is doing, each second. All tabs see the same. */

import { get, GONE } from "./api.js";

const listeners = new Set();
const returns = new Set();
let away = false;
window.addEventListener(GONE, () => (away = true));
const trouble = document.getElementById("trouble");
let current = null;

export function status() {
  return current;
}

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/* When the server answers again: what failed meanwhile is asked for anew. */
export function onReturn(listener) {
  returns.add(listener);
  return () => returns.delete(listener);
}

export function showTrouble(text) {
  if (trouble.textContent === text) return;
  trouble.textContent = text;
  trouble.hidden = !text;
}

export async function look() {
  try {
    const next = await get("status");
    const changed = JSON.stringify(current) !== JSON.stringify(next);
    current = next;
    showTrouble("");
    if (changed) for (const listener of [...listeners]) listener(next);
    if (!away) return;
    away = false;
    for (const listener of [...returns]) listener(next);
  } catch (error) {
    showTrouble(error.message);
  }
}

export async function watch() {
  for (;;) {
    await look();
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? 4000 : 1000));
  }
}
