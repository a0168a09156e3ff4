// The tabs of the details (arrow keys move), and the three panes of a narrow screen.
import { all, one } from "./dom.js";
/** @import { Shown, Store } from "./types.d.ts" */

/** @param {Store} store */
export function createTabs(store) {
  const tabs = all("[role=tab]");
  const nameOf = (/** @type {HTMLElement} */ tab) => /** @type {Shown["tab"]} */ (tab.id.slice(4));
  const draw = (/** @type {Readonly<Shown>} */ now) => {
    for (const tab of tabs) {
      const chosen = nameOf(tab) === now.tab;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      one(`#panel-${nameOf(tab)}`).hidden = !chosen;
    }
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => store.set({ tab: nameOf(tab) }));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = step === undefined ? undefined : tabs[(index + step + tabs.length) % tabs.length];
      if (!next) return;
      event.preventDefault();
      store.set({ tab: nameOf(next) });
      next.focus();
    });
  }
  store.watch(["tab"], draw);
  store.watch(["run"], ({ run }) => {
    const count = (/** @type {string} */ tab, /** @type {number} */ value) => (one(`#tab-${tab} [data-count]`).textContent = value ? String(value) : "");
    count("gradients", run?.tensors.filter((tensor) => tensor.grad).length ?? 0);
    count("explain", run?.findings.length ?? 0);
    one("#tab-output").classList.toggle("alerting", run !== null && run.status !== "ok");
  });
  draw(store.now);
}

/** Which pane a narrow screen shows; a wide one shows all. */
export function createPanes() {
  const main = one("main");
  const buttons = all(".switch button");
  /** @param {string} pane */
  function show(pane) {
    main.dataset["pane"] = pane;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset["pane"] === pane));
  }
  for (const button of buttons) button.addEventListener("click", () => show(button.dataset["pane"] ?? "graph"));
  return show;
}
