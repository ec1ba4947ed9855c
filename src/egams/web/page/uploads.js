/* Files on their way to the server: some at once, each tried again while the server is full. */

import { Refused, send } from "./api.js";
import { look, status } from "./live.js";

const AT_ONCE = 3;
const waiting = [];
const listeners = new Set();
const state = { total: 0, sent: 0, failed: [] };
let running = 0;

export function uploads() {
  return { ...state, open: waiting.length + running };
}

export function onUploads(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function forgetFailures() {
  state.failed = [];
  tell();
}

export function upload(files, { reading = {}, temperature = null } = {}) {
  if (waiting.length + running === 0) Object.assign(state, { total: 0, sent: 0 });
  for (const file of files) waiting.push({ file, reading, temperature });
  state.total += files.length;
  tell();
  while (running < Math.min(AT_ONCE, waiting.length + running)) {
    running += 1;
    next();
  }
}

function tell() {
  for (const listener of [...listeners]) listener(uploads());
}

async function next() {
  for (let item = waiting.shift(); item; item = waiting.shift()) {
    try {
      await deliver(item);
      state.sent += 1;
    } catch (error) {
      state.failed = [...state.failed, { name: item.file.name, reason: error.message }];
    }
    tell();
  }
  running -= 1;
  tell();
  if (running === 0) look();
}

async function deliver({ file, reading, temperature }) {
  const most = status()?.limits?.upload_bytes;
  if (most && file.size > most) {
    throw new Error(`${Math.ceil(file.size / 2 ** 20)} MB, and at most ${Math.floor(most / 2 ** 20)} MB are taken. Start egams serve with a larger --most-upload.`);
  }
  for (;;) {
    const form = new FormData();
    // Fields first: the server reads the file while it arrives.
    if (Object.keys(reading).length) form.append("reading", JSON.stringify(reading));
    if (temperature) form.append("temperature", temperature, temperature.name);
    form.append("file", file, file.name);
    try {
      return await send("POST", "files", form);
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 429) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  }
}

window.addEventListener("beforeunload", (event) => {
  if (waiting.length + running > 0) event.preventDefault();
});
