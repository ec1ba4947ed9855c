/* What the server is doing, each second. All tabs see the same. */

import { get } from "./api.js";

const listeners = new Set();
const trouble = document.getElementById("trouble");
let current = null;

export function status() {
  return current;
}

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
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
