"""Admits what a child said: shape and bounds by the strict decoder, then what types cannot say.

Pure; runs in the server. What a child says may be written by an attacker, so everything downstream (explain, picture,
the page) relies on this and on nothing the worker promises: ids are unique, edges lead somewhere, counts are within
the run's limits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from app.errors import ProtocolViolation
from app.protocol import Confined, Finished, FromChild, GraphCaptured, Limits, Progress, decode_from_child
from app.run import Edge, Graph, GraphAddition, Id, Node
from app.sandbox.pieces import EDGES_PER_NODE, decode_in_pieces

_LARGE_BYTES = 2**18


def is_large(payload: bytes) -> bool:
    """Whether decoding it takes long enough to be felt by others."""
    return len(payload) > _LARGE_BYTES


class Examiner:
    """Admits the messages of one run, in order. After one violation nothing it says may be used."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._nodes_of: dict[Id, set[Id]] = {}
        self._nodes_left = limits.nodes
        self._edges_left = limits.nodes * EDGES_PER_NODE
        self._finished = False

    def admit(self, payload: bytes) -> Progress | GraphCaptured | Finished:
        """The message in `payload`. Raises ProtocolViolation. A large one wants a thread."""
        if is_large(payload):
            return self.examine(decode_in_pieces(payload, self._limits))
        return self.examine(decode_from_child(payload))

    def examine(self, message: FromChild) -> Progress | GraphCaptured | Finished:
        """`message`, if it may come now and holds together. Raises ProtocolViolation."""
        if self._finished:
            raise ProtocolViolation("a message after the final one")
        match message:
            case Confined():
                raise ProtocolViolation("a report of confinement after the job")
            case GraphCaptured(graph=graph):
                self._examine_graph(graph)
            case Finished():
                self._examine_finished(message)
        return message

    def _examine_graph(self, graph: Graph) -> None:
        if len(self._nodes_of) >= self._limits.graphs + 1:  # the live graph is not counted among the calls
            raise ProtocolViolation("too many graphs")
        if graph.id in self._nodes_of:
            raise ProtocolViolation(f"two graphs have the id {graph.id}")
        self._spend(graph.nodes, graph.edges)
        self._nodes_of[graph.id] = check_graph(graph)

    def _examine_finished(self, message: Finished) -> None:
        self._finished = True
        if len(message.tensors) > self._limits.tensors:
            raise ProtocolViolation("too many tensors")
        _unique((tensor.id for tensor in message.tensors), "tensors")
        for addition in message.additions:
            self._spend(addition.nodes, addition.edges)
            self._examine_addition(addition)

    def _examine_addition(self, addition: GraphAddition) -> None:
        known = self._nodes_of.get(addition.graph)
        if known is None:
            raise ProtocolViolation(f"an addition to graph {addition.graph}, which does not exist")
        added = _unique((node.id for node in addition.nodes), "nodes")
        if not known.isdisjoint(added):
            raise ProtocolViolation("an addition repeats a node")
        known |= added
        _joined(addition.edges, known)

    def _spend(self, nodes: Collection[Node], edges: Collection[Edge]) -> None:
        self._nodes_left -= len(nodes)
        self._edges_left -= len(edges)
        if self._nodes_left < 0 or self._edges_left < 0:
            raise ProtocolViolation("more nodes or edges than the limits allow")


def check_graph(graph: Graph) -> set[Id]:
    """The ids of its nodes. Raises ProtocolViolation when they are not unique, or a root, an edge or the order of
    execution names another."""
    known = _unique((node.id for node in graph.nodes), "nodes")
    _joined(graph.edges, known)
    if not known.issuperset(graph.roots) or not known.issuperset(graph.order):
        raise ProtocolViolation("a graph names a node that it does not have")
    return known


def _joined(edges: Iterable[Edge], known: set[Id]) -> None:
    for edge in edges:
        if edge.source not in known or edge.target not in known:
            raise ProtocolViolation("an edge leads to a node that does not exist")


def _unique(ids: Iterable[Id], what: str) -> set[Id]:
    listed = list(ids)
    unique = set(listed)
    if len(unique) != len(listed):
        raise ProtocolViolation(f"two {what} have one id")
    return unique
