// What the page shows, in one place; every part of the page watches the fields it draws.
/** @import { Shown, Store } from "./types.d.ts" */

/** @returns {Store} */
export function createStore() {
  /** @type {Shown} */
  let now = { state: "empty", run: null, drawn: null, graph: null, node: null, line: null, tab: "gradients", edited: false, failed: false, picture: null };
  /** @type {{ fields: (keyof Shown)[], react: (now: Shown) => void }[]} */
  const watchers = [];
  return {
    get now() {
      return now;
    },
    set(change) {
      const before = now;
      now = { ...now, ...change };
      for (const { fields, react } of watchers) {
        if (fields.some((field) => before[field] !== now[field])) react(now);
      }
    },
    watch(fields, react) {
      watchers.push({ fields, react });
    },
  };
}
