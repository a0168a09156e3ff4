"""Ids of graph nodes, the same for the whole run. Inside the sandbox."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from app.run import NodeRef

MOST_ID = 2**31 - 1


class Ids:
    """Node ids of a run: the same node has the same id in every graph. `graph_of` is the graph that told it last."""

    def __init__(self) -> None:
        self._ids: dict[Any, int] = {}
        self._next = itertools.count()
        self._members: dict[int, set[int]] = {}
        self.graph_of: dict[int, int] = {}
        self.of_event: dict[int, int] = {}

    def of(self, key: Any) -> int:
        number = self._ids.get(key)
        if number is None:
            number = self._ids[key] = next(self._next) & MOST_ID
        return number

    def known(self, key: Any) -> int | None:
        return self._ids.get(key)

    def tell(self, graph: int, node: int) -> None:
        """`graph` holds `node`."""
        self.graph_of[node] = graph
        self._members.setdefault(graph, set()).add(node)

    def members(self, graph: int) -> set[int]:
        return self._members.get(graph, set())

    def members_of_all(self, graphs: Iterable[int]) -> set[int]:
        return set().union(*(self.members(graph) for graph in graphs))

    def reference(self, node: int | None) -> NodeRef | None:
        """Where a node stands, if a graph holds it."""
        graph = None if node is None else self.graph_of.get(node)
        return None if node is None or graph is None else NodeRef(graph, node)
