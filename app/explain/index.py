"""One run, arranged for looking things up: nodes and tensors by id, edges both ways, calls. Pure.

What a run says of itself is not trusted: ids may lead nowhere and graphs may be cyclic, so lookups return None and
walks remember where they have been.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from app.run import Edge, Graph, Id, Node, NodeRef, Run, Tensor


@dataclass(frozen=True)
class Index:
    run: Run
    tensors: dict[Id, Tensor]
    nodes: dict[Id, Node]
    graph_of: dict[Id, Id]
    """The first graph that has the node of this id."""
    below: dict[Id, list[Edge]]
    """Edges by source: towards the leaves."""
    above: dict[Id, list[Edge]]
    """Edges by target: towards the loss."""
    makers: dict[Id, list[Node]]
    """Nodes that made the tensor, or that stand for it as a leaf."""
    cut_edges: tuple[Edge, ...]
    walked: frozenset[Id]
    """Nodes of the graphs of calls."""
    saved_in_calls: frozenset[Id]
    """Tensors that a node of such a graph keeps for its backward."""
    calls: tuple[Graph, ...]
    """The graphs of `backward()` and `autograd.grad()`, in the order of the calls."""
    live: tuple[Graph, ...]

    def ref(self, node: Node) -> tuple[NodeRef, ...]:
        graph = self.graph_of.get(node.id)
        return () if graph is None else (NodeRef(graph, node.id),)

    def down(self, start: Iterable[Id], *, through_cuts: bool) -> set[Id]:
        """Ids of the nodes that can be reached from `start` towards the leaves, `start` included."""
        seen = set(start)
        waiting = list(seen)
        while waiting:
            for edge in self.below.get(waiting.pop(), ()):
                if (through_cuts or edge.kind == "gradient") and edge.target not in seen:
                    seen.add(edge.target)
                    waiting.append(edge.target)
        return seen

    def failed_call(self) -> Graph | None:
        """The call that ended the run with its error."""
        failed = [graph for graph in self.calls if graph.error is not None]
        return failed[-1] if failed and self.run.error is not None else None


def index(run: Run) -> Index:
    nodes: dict[Id, Node] = {}
    graph_of: dict[Id, Id] = {}
    below: defaultdict[Id, list[Edge]] = defaultdict(list)
    above: defaultdict[Id, list[Edge]] = defaultdict(list)
    makers: defaultdict[Id, list[Node]] = defaultdict(list)
    for graph in run.graphs:
        for node in graph.nodes:
            if node.id not in nodes:
                graph_of[node.id] = graph.id
                for tensor in node.tensors:
                    makers[tensor].append(node)
            nodes[node.id] = node
        for edge in graph.edges:
            below[edge.source].append(edge)
            above[edge.target].append(edge)
    calls = tuple(graph for graph in run.graphs if graph.kind != "live")
    return Index(
        run=run,
        tensors={tensor.id: tensor for tensor in run.tensors},
        nodes=nodes,
        graph_of=graph_of,
        below=dict(below),
        above=dict(above),
        makers=dict(makers),
        cut_edges=tuple(edge for graph in run.graphs for edge in graph.edges if edge.kind == "cut"),
        walked=frozenset(node.id for graph in calls for node in graph.nodes),
        saved_in_calls=frozenset(
            saved.tensor for graph in calls for node in graph.nodes for saved in node.saved if saved.tensor is not None
        ),
        calls=calls,
        live=tuple(graph for graph in run.graphs if graph.kind == "live"),
    )


def label(tensor: Tensor) -> str:
    """The tensor as a reader knows it: its first name, or its shape."""
    return tensor.names[0] if tensor.names else f"Tensor{shape_text(tensor.shape)}"


def shape_text(shape: Iterable[int]) -> str:
    return str(tuple(shape))


def listed(names: Iterable[str], at_most: int = 5) -> str:
    """Names in one line, the rest as an ellipsis."""
    found = list(dict.fromkeys(names))
    return ", ".join(found[:at_most]) + (", …" if len(found) > at_most else "")
