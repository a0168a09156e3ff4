// Gets the picture of the chosen graph and shows it, or the table of its nodes when there is none.
import { Refusal, picture } from "./api.js";
import { createChoice } from "./choice.js";
import { one } from "./dom.js";
import { createGraph } from "./graph.js";
import { firstGraph, indexGraph } from "./index.js";
import { createTable } from "./table.js";
/** @import { Graph, Run, Store, Words } from "./types.d.ts" */
/** @import { Links } from "./gradients.js" */

/** @param {Store} store @param {Words} t @param {string} language @param {Links} links */
export function createDrawing(store, t, language, links) {
  const graphs = createGraph(store, t, links.line);
  const table = createTable(store, t, links);
  const choice = createChoice(store, t, { choose: (graph) => choose(graph.id), redraw: () => void load(), table: arrange });
  let asked = new AbortController();

  /** @param {Run} run */
  function show(run) {
    const graph = firstGraph(run);
    store.set({ drawn: run, graph: graph && indexGraph(graph, run), failed: false, picture: run.picture });
    if (!graph) {
      graphs.clear();
      empty(run);
    } else if (run.picture?.graph === graph.id && usual()) void put(run.picture.svg);
    else void load();
    arrange();
  }

  /** Whether the picture that comes with a run is the one that is wanted. */
  const usual = () => choice.view.detail === "merged" && choice.view.direction === "TB" && language === "en";

  /** The picture that the server has put into the page. @param {Run} run */
  function adopt(run) {
    const graph = firstGraph(run);
    store.set({ drawn: run, graph: graph && indexGraph(graph, run) });
    if (graphs.has()) void put(null);
    else if (graph) void load();
    else empty(run);
    arrange();
  }

  /** @param {string | null} svg */
  async function put(svg) {
    store.set({ failed: !(await graphs.show(svg)) });
    arrange();
  }

  async function load() {
    const { drawn, graph } = store.now;
    if (!drawn || !graph) return;
    asked.abort();
    const mine = (asked = new AbortController());
    const { detail, direction } = choice.view;
    try {
      const drawing = await picture(drawn.id, { graph: graph.graph.id, detail, direction, lang: language }, mine.signal);
      store.set({ picture: drawing });
      await put(drawing.svg);
    } catch (problem) {
      if (mine.signal.aborted) return;
      if (!(problem instanceof Refusal)) throw problem;
      graphs.clear();
      store.set({ failed: true });
      arrange();
    }
  }

  /** @param {number} id */
  function choose(id) {
    const { drawn, run, graph } = store.now;
    const shown = drawn === run ? drawn : null;
    const wanted = shown?.graphs.find((/** @type {Graph} */ one) => one.id === id);
    if (!shown || !wanted || graph?.graph.id === id) return;
    store.set({ graph: indexGraph(wanted, shown), node: null, line: null });
    void load();
  }

  /** @param {Run} run */
  function empty(run) {
    const words = run.status === "ok" ? "graph.empty" : "graph.none";
    one("#nothing .big").textContent = t(words);
    one("#nothing p:last-child").textContent = t(`${words}.hint`);
  }

  /** Picture, table or a word that there is nothing. */
  function arrange() {
    const any = store.now.graph !== null;
    const tabled = any && (choice.view.table || store.now.failed);
    table.show(tabled);
    one("#picture").hidden = !any || tabled;
    one(".zoom").hidden = !any || tabled;
    one("#nothing").hidden = any;
    one("#legend").hidden = tabled || !any;
  }

  return {
    show,
    adopt,
    choose,
    table: () => choice.showTable(true),
    /** @param {number} node */
    reveal: (node) => graphs.reveal(node),
    focus: () => graphs.focusLoss(),
  };
}
