// The picture of the chosen graph: put in, selected, linked with lines, walked by keyboard.
import { all, one } from "./dom.js";
import { walkByKeys } from "./keys.js";
import { parsePicture } from "./svg.js";
import { createViewport } from "./viewport.js";
/** @import { Shown, Store, Words } from "./types.d.ts" */
/** @import { Viewport } from "./viewport.js" */

/** @param {Store} store @param {Words} t @param {(line: number) => void} goToLine */
export function createGraph(store, t, goToLine) {
  const holder = one("#picture");
  /** @type {Viewport | null} */
  let viewport = null;
  const root = () => holder.querySelector("svg");
  /** @param {number} id */
  const drawn = (id) => /** @type {SVGGElement[]} */ ([...holder.querySelectorAll(`g.node[data-node="${id}"]`)]);
  const loss = () => drawn(store.now.graph?.graph.roots[0] ?? -1)[0] ?? holder.querySelector("g.node");

  /** Shows the picture, given as text or already in the page. Returns whether it is one. @param {string | null} text */
  async function show(text) {
    const picture = text === null ? root() : parsePicture(text);
    if (!picture) return false;
    if (text !== null) holder.replaceChildren(picture);
    name(picture);
    mark(store.now);
    const scale = one("#scale");
    const mine = await createViewport(picture, loss, (k) => (scale.textContent = `${Math.round(k * 100)} %`));
    if (root() !== picture) return true;
    viewport = mine;
    viewport.start();
    return true;
  }

  /** @param {SVGSVGElement} picture */
  function name(picture) {
    const graph = store.now.graph?.graph;
    if (!graph) return;
    picture.setAttribute("role", "group");
    picture.querySelector(":scope > title")?.remove();
    picture.setAttribute("aria-label", t("graph.label", { nodes: t.count("count.nodes", graph.nodes.length), edges: t.count("count.edges", graph.edges.length) }));
    loss()?.setAttribute("tabindex", "0");
  }

  /** @param {Readonly<Shown>} now */
  function mark({ node, line, graph }) {
    const linked = new Set(line === null ? [] : graph?.nodesOfLine.get(line));
    const near = new Set([...(graph?.out.get(node ?? -1) ?? []), ...(graph?.into.get(node ?? -1) ?? [])].map((e) => `${e.source}-${e.target}`));
    const dim = linked.size > 0 && node === null;
    for (const element of holder.querySelectorAll("g.node")) {
      const id = Number(element.getAttribute("data-node") ?? -1);
      element.classList.toggle("selected", id === node);
      element.setAttribute("aria-pressed", String(id === node));
      element.classList.toggle("linked", linked.has(id));
      element.classList.toggle("dimmed", dim && !linked.has(id));
    }
    for (const element of holder.querySelectorAll("g.edge")) {
      element.classList.toggle("selected", near.has(`${element.getAttribute("data-source")}-${element.getAttribute("data-target")}`));
    }
  }

  /** @param {Element} element */
  function choose(element) {
    const id = Number(element.getAttribute("data-node"));
    if (!element.hasAttribute("data-node")) return;
    for (const other of holder.querySelectorAll('g.node[tabindex="0"]')) other.setAttribute("tabindex", "-1");
    element.setAttribute("tabindex", "0");
    store.set({ node: id, line: store.now.graph?.lineOf.get(id) ?? null, tab: "node" });
  }

  holder.addEventListener("click", (event) => {
    const element = event.target instanceof Element ? event.target.closest("g.node") : null;
    if (element) choose(element);
    else if (event.target instanceof Element && event.target.closest("svg")) store.set({ node: null, line: null });
  });
  walkByKeys(holder, store, {
    drawn,
    loss,
    choose,
    goToLine,
    viewport: () => viewport,
  });
  for (const button of all("[data-zoom]")) {
    button.addEventListener("click", () => {
      const action = button.dataset["zoom"];
      if (action === "in" || action === "out") viewport?.by(action === "in" ? 1.25 : 0.8);
      else if (action === "fit") viewport?.fit();
      else viewport?.full();
    });
  }
  new ResizeObserver(() => viewport && !viewport.moved && viewport.start()).observe(holder);
  store.watch(["node", "line", "graph"], mark);

  return {
    show,
    clear: () => (holder.replaceChildren(), (viewport = null)),
    has: () => root() !== null,
    /** @param {number} id */
    reveal(id) {
      const element = drawn(id)[0];
      if (element) viewport?.reveal(element);
    },
    /** @param {number} id */
    focus(id) {
      drawn(id)[0]?.focus({ preventScroll: true });
    },
    focusLoss: () => /** @type {SVGGElement | null} */ (holder.querySelector('g.node[tabindex="0"]') ?? loss())?.focus({ preventScroll: true }),
  };
}
