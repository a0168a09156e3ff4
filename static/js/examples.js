// The menu of examples: opens one in the editor without losing what stood there.
import { examples } from "./api.js";
import { all, one } from "./dom.js";
/** @import { Example } from "./types.d.ts" */

/** @param {(example: Example) => void} open @param {(problem: unknown) => void} failed */
export function createExamples(open, failed) {
  const menu = /** @type {HTMLDetailsElement} */ (one("#examples"));
  /** @type {Promise<Example[]> | null} */
  let list = null;
  for (const link of all("[data-example]", menu)) {
    link.addEventListener("click", async (event) => {
      if (event instanceof MouseEvent && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
      event.preventDefault();
      close();
      try {
        const found = (await (list ??= examples())).find((example) => example.id === link.dataset["example"]);
        if (!found) return;
        for (const other of all("[data-example]", menu)) other.removeAttribute("aria-current");
        link.setAttribute("aria-current", "true");
        open(found);
      } catch (problem) {
        list = null;
        failed(problem);
      }
    });
  }
  const close = () => {
    menu.open = false;
    one("summary", menu).focus();
  };
  document.addEventListener("click", (event) => {
    if (menu.open && event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    const links = all("[data-example]", menu);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && menu.open) (event.stopPropagation(), close());
    if (step === undefined || !menu.open) return;
    event.preventDefault();
    links[(links.findIndex((link) => link === document.activeElement) + step + links.length) % links.length]?.focus();
  });
}

/** One line above the code, with at most one thing to do about it. */
export function createNotice() {
  const box = one("#notice");
  const action = one("[data-action]", box);
  /** @type {(() => void) | null} */
  let act = null;
  action.addEventListener("click", () => ((box.hidden = true), act?.()));
  one("[data-close]", box).addEventListener("click", () => (box.hidden = true));
  /** @param {string} text @param {string} [label] @param {() => void} [then] */
  return (text, label = "", then = () => {}) => {
    one("[data-text]", box).textContent = text;
    action.textContent = label;
    action.hidden = label === "";
    act = then;
    box.hidden = text === "";
  };
}
