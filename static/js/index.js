// Looking things up in a graph: by id, by line, by neighbour. Pure.
/** @import { Edge, Graph, GraphIndex, Run } from "./types.d.ts" */

/** A leaf's node stands on the line that made the leaf. @param {Graph} graph @param {Run} run @returns {GraphIndex} */
export function indexGraph(graph, run) {
  const tensorLine = new Map(run.tensors.map((tensor) => [tensor.id, tensor.line]));
  const lineOf = new Map();
  const nodesOfLine = new Map();
  for (const node of graph.nodes) {
    const line = node.line ?? tensorLine.get(node.tensors[0] ?? -1);
    if (!line) continue;
    lineOf.set(node.id, line);
    push(nodesOfLine, line, node.id);
  }
  /** @type {Map<number, Edge[]>} */ const out = new Map();
  /** @type {Map<number, Edge[]>} */ const into = new Map();
  for (const edge of graph.edges) {
    push(out, edge.source, edge);
    push(into, edge.target, edge);
  }
  return { graph, nodes: new Map(graph.nodes.map((node) => [node.id, node])), out, into, lineOf, nodesOfLine };
}

/** @template K, V @param {Map<K, V[]>} lists @param {K} key @param {V} value */
function push(lists, key, value) {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/** The graph to show first: the last call, or what is live when there was none. @param {Run} run */
export function firstGraph(run) {
  const drawn = run.graphs.find((graph) => graph.id === run.picture?.graph);
  return drawn ?? run.graphs.filter((graph) => graph.kind !== "live").at(-1) ?? run.graphs.at(-1) ?? null;
}
