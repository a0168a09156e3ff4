// All nodes of the graph as a table: the equivalent of the picture, and what is left when it cannot be drawn.
import { h, one } from "./dom.js";
import { amount, shape, tensorName } from "./format.js";
import { lineLink } from "./gradients.js";
/** @import { GraphIndex, Node, Run, Store, Words } from "./types.d.ts" */
/** @import { Links } from "./gradients.js" */

const MOST_ROWS = 2000;

/** Draws the table only while it is seen. @param {Store} store @param {Words} t @param {Links} links */
export function createTable(store, t, links) {
  const holder = one("#nodes-table");
  let fresh = false;
  const draw = () => {
    const { graph, drawn } = store.now;
    if (holder.hidden || fresh || !graph || !drawn) return;
    fresh = true;
    const rows = graph.graph.nodes.slice(0, MOST_ROWS).map((node) => row(node, graph, drawn, t, links));
    const heads = ["name", "line", "shape", "gradient"].map((key) => h("th", { scope: "col" }, t(key === "name" ? "tab.node" : key === "gradient" ? "node.gradient_in" : `gradients.${key}`)));
    const last = h("th", { scope: "col" }, t("node.inputs"));
    holder.replaceChildren(h("table", { class: "plain nodes" }, h("caption", { class: "sr" }, t("graph.nodes.caption")), h("thead", {}, h("tr", {}, ...heads, last)), h("tbody", {}, ...rows)));
    mark();
  };
  const mark = () => {
    for (const one of holder.querySelectorAll("tr[data-node]")) one.classList.toggle("chosen", Number(one.getAttribute("data-node")) === store.now.node);
  };
  store.watch(["graph"], () => ((fresh = false), draw()));
  store.watch(["node"], mark);
  return {
    /** @param {boolean} shown */
    show(shown) {
      holder.hidden = !shown;
      draw();
    },
  };
}

/** @param {Node} node @param {GraphIndex} index @param {Run} run @param {Words} t @param {Links} links */
function row(node, index, run, t, links) {
  const line = index.lineOf.get(node.id);
  const leaf = node.kind === "op" || node.kind === "custom" ? undefined : run.tensors.find((tensor) => tensor.id === node.tensors[0]);
  const into = (index.into.get(node.id) ?? []).flatMap((edge) => edge.gradient ?? [])[0];
  const inputs = (index.out.get(node.id) ?? []).map((edge) => index.nodes.get(edge.target)?.name ?? "").join(", ");
  const sizes = node.outputs[0]?.shape ?? leaf?.shape ?? null;
  return h(
    "tr",
    { "data-node": node.id },
    h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: () => links.node(index.graph.id, node.id) }, node.name), leaf && leaf.names.length > 0 && h("span", { class: "faint" }, ` ${tensorName(leaf, t)}`)),
    h("td", {}, line === undefined ? "–" : lineLink(line, t, links)),
    h("td", {}, sizes ? shape(sizes, t) : "–"),
    h("td", {}, into ? amount(into, t) : "–"),
    h("td", { class: "faint" }, inputs || "–"),
  );
}
