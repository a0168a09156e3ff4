// What the visitor typed survives a reload, a crash and a closed tab: one draft in the browser's own storage.

const KEY = "draft";

/** @returns {string | null} */
export function readDraft() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** An example as it came is no draft. @param {string} code @param {string} untouched */
export function keepDraft(code, untouched) {
  try {
    if (code === untouched || code.trim() === "") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, code);
  } catch {
    // storage is full or switched off: the page works without
  }
}
