// All about the selected node: what it is, where it stands, what flows through it, what it keeps.
import { h, one } from "./dom.js";
import { bytes, number, shape, tensorName } from "./format.js";
import { full, gradient, lineLink } from "./gradients.js";
/** @import { Edge, GraphIndex, Node, Run, Store, TensorSummary, Words } from "./types.d.ts" */
/** @import { Links } from "./gradients.js" */
/** @typedef {{ run: Run, index: GraphIndex, t: Words, links: Links }} View */

/** @param {Store} store @param {Words} t @param {Links} links */
export function showNode(store, t, links) {
  const panel = one("#panel-node");
  store.watch(["node", "graph"], ({ node, graph, drawn }) => {
    const chosen = node === null ? undefined : graph?.nodes.get(node);
    if (!chosen || !graph || !drawn) return panel.replaceChildren(h("p", { class: "nothing-here" }, t("node.none")));
    return panel.replaceChildren(...about(chosen, { run: drawn, index: graph, t, links }));
  });
}

/** @param {Node} node @param {View} view */
function about(node, view) {
  const { index, t, links } = view;
  const line = index.lineOf.get(node.id);
  return [
    h("div", { class: "node-head" }, h("h3", {}, node.name), h("p", {}, t(`node.kind.${node.kind}`)), line !== undefined && lineLink(line, t, links)),
    list([
      ["node.call", node.call && h("code", {}, node.call)],
      ["node.module", node.module && h("code", {}, node.module)],
      [node.kind === "accumulate_grad" || node.kind === "leaf" ? "node.tensor" : "node.makes", tensors(node, view)],
      ["node.outputs", node.outputs.map((output) => `${shape(output.shape, t)} ${output.dtype}`).join(" · ")],
      ["node.executed", executed(node, view)],
      ["node.micros", node.micros !== null && t("node.micros.value", { micros: number(node.micros) })],
    ], t),
    flows("node.gradient_in", index.into.get(node.id) ?? [], "source", node, view),
    flows("node.gradient_out", index.out.get(node.id) ?? [], "target", node, view),
    saved(node, view),
    attributes(node, t),
    neighbours("node.inputs", index.out.get(node.id) ?? [], "target", view),
    neighbours("node.used_by", index.into.get(node.id) ?? [], "source", view),
  ].filter((part) => part !== null);
}

/** @param {[string, Element | string | false | null][]} rows @param {Words} t */
function list(rows, t) {
  const there = rows.filter(([, value]) => value);
  return there.length === 0 ? null : h("dl", { class: "facts-list" }, ...there.map(([key, value]) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value))));
}

/** @param {Node} node @param {View} view */
function tensors(node, { run, t }) {
  const named = node.tensors.flatMap((id) => run.tensors.find((tensor) => tensor.id === id) ?? []).filter((tensor) => tensor.names.length > 0);
  return named.length === 0 ? null : h("span", {}, ...named.flatMap((tensor, i) => [i > 0 && ", ", h("code", {}, tensorName(tensor, t)), ` ${shape(tensor.shape, t)}`]));
}

/** @param {Node} node @param {View} view */
function executed(node, { index, t }) {
  if (index.graph.kind === "live" || node.kind === "unrecorded" || node.kind === "leaf") return null;
  const step = index.graph.order.indexOf(node.id) + 1;
  if (step > 0) return t("node.executed.yes", { step, total: index.graph.order.length });
  return t(node.executed ? "node.executed.plain" : "node.executed.no");
}

/** @param {string} title @param {Edge[]} edges @param {"source" | "target"} end @param {Node} node @param {View} view */
function flows(title, edges, end, node, view) {
  const { index, run, t } = view;
  if (index.graph.kind === "live" || node.kind === "unrecorded" || node.kind === "leaf") return null;
  const rows = edges.flatMap((edge) => (edge.gradient ? [flow(edge.gradient, t(end === "source" ? "node.from" : "node.to", { name: nameOf(edge[end], view) }), t)] : []));
  const leaf = node.kind === "accumulate_grad" && end === "target" ? run.tensors.find((tensor) => tensor.id === node.tensors[0]) : undefined;
  if (leaf?.grad) rows.push(flow(leaf.grad, `${tensorName(leaf, t)}.grad`, t));
  if (rows.length === 0 && end === "target") return null;
  const empty = index.graph.roots.includes(node.id) ? "node.gradient.root" : "node.gradient.none";
  return h("section", {}, h("h4", {}, t(title)), ...(rows.length > 0 ? rows : [h("p", { class: "faint" }, t(empty))]));
}

/** @param {TensorSummary} summary @param {string} title @param {Words} t */
function flow(summary, title, t) {
  return h("div", { class: "flow" }, h("span", { class: "faint" }, title), gradient(summary, t), summary.histogram === null && summary.numel > 1 ? null : summary.numel > 4 ? null : summary.numel > 1 ? full(summary, t) : null);
}

/** @param {Node} node @param {View} view */
function saved(node, { run, t }) {
  if (node.saved.length === 0) return null;
  const rows = node.saved.map((kept) => {
    const tensor = run.tensors.find((one) => one.id === kept.tensor);
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, h("code", {}, kept.name), tensor && tensor.names.length > 0 && h("span", { class: "faint" }, ` = ${tensorName(tensor, t)}`)),
      h("td", {}, shape(kept.shape, t)),
      h("td", { class: "num" }, kept.bytes > 0 ? bytes(kept.bytes) : "–"),
      h("td", { class: "faint" }, t(`node.saved.${kept.state}`)),
    );
  });
  const all = node.saved.reduce((sum, kept) => sum + kept.bytes, 0);
  const shared = node.saved_bytes < all;
  const total = h("span", { class: "faint" }, t(shared ? "node.saved.shared" : "node.saved.total", { size: bytes(all), own: bytes(node.saved_bytes) }));
  return h("section", {}, h("h4", {}, t("node.saved"), " ", total), h("div", { class: "scroll" }, h("table", { class: "plain" }, h("tbody", {}, ...rows))));
}

/** @param {Node} node @param {Words} t */
function attributes(node, t) {
  const entries = Object.entries(node.attributes);
  if (entries.length === 0) return null;
  const rows = entries.map(([name, value]) => h("div", {}, h("dt", {}, h("code", {}, name)), h("dd", {}, h("code", {}, value === null ? "None" : typeof value === "boolean" ? (value ? "True" : "False") : String(value)))));
  return h("section", {}, h("h4", {}, t("node.attributes")), h("dl", { class: "facts-list" }, ...rows));
}

/** @param {string} title @param {Edge[]} edges @param {"source" | "target"} end @param {View} view */
function neighbours(title, edges, end, view) {
  const { t, links, index } = view;
  const items = edges.map((edge) => {
    const cut = edge.kind === "cut" && t(edge.line ? "node.cut_line" : "node.cut", { reason: t(`cut.${edge.reason}`), line: edge.line ?? 0 });
    const go = () => links.node(index.graph.id, edge[end]);
    return h("li", {}, h("button", { type: "button", class: "link", onclick: go }, nameOf(edge[end], view)), cut && h("span", { class: "cut" }, ` ✂ ${cut}`));
  });
  const none = h("p", { class: "faint" }, t(`${title}.none`));
  return h("section", {}, h("h4", {}, t(title)), items.length > 0 ? h("ul", { class: "neighbours" }, ...items) : none);
}

/** @param {number} id @param {View} view */
function nameOf(id, { index, run, t }) {
  const node = index.nodes.get(id);
  const leaf = node && (node.kind === "accumulate_grad" || node.kind === "leaf") ? run.tensors.find((tensor) => tensor.id === node.tensors[0]) : undefined;
  return leaf && leaf.names.length > 0 ? `${tensorName(leaf, t)} (${t("gradients.leaf.yes")})` : node?.name ?? String(id);
}
