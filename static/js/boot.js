// A page opened while the sandbox still starts asks again by itself, a few times, unless the visitor began to write.
import { one } from "./dom.js";

const KEY = "boot-tries";
const MOST_TRIES = 20;
const PAUSE_MS = 2000;

/** @param {() => boolean} untouched */
export function waitForSandbox(untouched) {
  try {
    const tries = Number(sessionStorage.getItem(KEY) ?? 0);
    if (one("main").dataset["booting"] === undefined) sessionStorage.removeItem(KEY);
    else if (tries < MOST_TRIES) {
      sessionStorage.setItem(KEY, String(tries + 1));
      setTimeout(() => untouched() && location.reload(), PAUSE_MS);
    }
  } catch {
    // storage is switched off: the visitor presses Run
  }
}
