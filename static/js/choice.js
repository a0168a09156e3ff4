// Which graph of the run is drawn, and how: the list of calls, the direction, AccumulateGrad nodes apart or merged.
import { all, h, one } from "./dom.js";
/** @import { Graph, Run, Store, Words } from "./types.d.ts" */
/** @typedef {{ detail: "merged" | "all", direction: "TB" | "LR", table: boolean }} View */

/** @param {Store} store @param {Words} t @param {{ choose(graph: Graph): void, redraw(): void, table(shown: boolean): void }} page */
export function createChoice(store, t, page) {
  /** @type {View} */
  const view = { detail: "merged", direction: "TB", table: false };
  const choice = one("#graph-choice");
  const select = /** @type {HTMLSelectElement} */ (one("select", choice));
  const everything = /** @type {HTMLInputElement} */ (one("#everything input"));
  const direction = one("#direction");

  select.addEventListener("change", () => {
    const graph = store.now.drawn?.graphs.find((one) => String(one.id) === select.value);
    if (graph) page.choose(graph);
  });
  everything.addEventListener("change", () => {
    view.detail = everything.checked ? "all" : "merged";
    page.redraw();
  });
  direction.addEventListener("click", () => {
    view.direction = view.direction === "TB" ? "LR" : "TB";
    one("span", direction).textContent = view.direction === "TB" ? "↓" : "→";
    direction.title = `${t("graph.direction")}: ${t(`graph.direction.${view.direction}`)}`;
    direction.setAttribute("aria-label", direction.title);
    page.redraw();
  });
  for (const button of all("[data-view]")) button.addEventListener("click", () => showTable(button.dataset["view"] === "table"));

  /** @param {boolean} shown */
  function showTable(shown) {
    view.table = shown;
    for (const button of all("[data-view]")) button.setAttribute("aria-pressed", String((button.dataset["view"] === "table") === shown));
    page.table(shown);
  }

  store.watch(["drawn", "graph"], ({ drawn, graph }) => {
    const graphs = drawn?.graphs ?? [];
    choice.hidden = graphs.length < 2;
    select.replaceChildren(...graphs.map((one) => h("option", { value: one.id, selected: one.id === graph?.graph.id }, name(one, drawn, t))));
  });
  return { view, showTable };
}

/** @param {Graph} graph @param {Run | null} run @param {Words} t */
function name(graph, run, t) {
  const same = (run?.graphs ?? []).filter((other) => other.kind === graph.kind);
  return t(`graph.option.${graph.kind}`, { index: same.indexOf(graph) + 1, total: same.length, line: graph.line ?? "–" });
}
