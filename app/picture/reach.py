"""Which nodes of a graph are drawn when it has more than fit: those nearest the loss. Pure, linear, iterative."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.run import Edge, Graph, Node


@dataclass(frozen=True, slots=True)
class Web:
    """A graph by its ids, without edges that lead nowhere. `uses` lists, for each node that is only ever a target
    (a leaf), the nodes that use it, nearest the loss first; `order` is breadth-first from the roots."""

    nodes: dict[int, Node]
    out: dict[int, list[Edge]]
    into: dict[int, list[Edge]]
    roots: tuple[int, ...]
    order: tuple[int, ...] = ()
    uses: dict[int, dict[int, int]] = field(default_factory=dict)

    def is_leaf(self, node: int) -> bool:
        return node in self.uses


@dataclass(frozen=True, slots=True)
class Kept:
    """`operations` are drawn once each; a leaf once for each of `uses` (user, leaf). `stubs` says of how many nodes
    each drawn node hides the way to, and `hidden` which of them each undrawn node counts for."""

    operations: dict[int, None]
    uses: dict[tuple[int, int], None]
    stubs: dict[int, int]
    hidden: dict[int, int]
    unreached: int


def web_of(graph: Graph) -> Web:
    """Index `graph`; the first of several nodes with one id counts."""
    nodes: dict[int, Node] = {}
    for node in graph.nodes:
        nodes.setdefault(node.id, node)
    out: dict[int, list[Edge]] = {node: [] for node in nodes}
    into: dict[int, list[Edge]] = {node: [] for node in nodes}
    for edge in graph.edges:
        if edge.source in nodes and edge.target in nodes:
            out[edge.source].append(edge)
            into[edge.target].append(edge)
    roots = tuple(dict.fromkeys(root for root in graph.roots if root in nodes))
    bare = Web(nodes, out, into, roots)
    order = _breadth_first(bare)
    return Web(nodes, out, into, roots, order, _uses(bare, order))


def _breadth_first(web: Web) -> tuple[int, ...]:
    heads = [*web.roots, *(node for node in web.nodes if not web.into[node])]
    seen = dict.fromkeys(heads)
    queue = deque(seen)
    others = iter(web.nodes)
    while queue or len(seen) < len(web.nodes):
        if not queue:  # only cycles, which PyTorch never makes, are left
            queue.append(next(node for node in others if node not in seen))
            seen[queue[0]] = None
        for edge in web.out[queue.popleft()]:
            if edge.target not in seen:
                seen[edge.target] = None
                queue.append(edge.target)
    return tuple(seen)


def _uses(web: Web, order: Iterable[int]) -> dict[int, dict[int, int]]:
    uses: dict[int, dict[int, int]] = {}
    for source in order:
        for edge in web.out[source]:
            if not web.out[edge.target] and web.nodes[edge.target].kind in {"accumulate_grad", "leaf"}:
                of = uses.setdefault(edge.target, {})
                of.setdefault(source, len(of))
    return uses


def keep_nearest(web: Web, budget: int) -> Kept:
    """Keep at most `budget` boxes, nearest the loss first, and count what lies behind each place where it was cut."""
    operations: dict[int, None] = {}
    uses: dict[tuple[int, int], None] = {}
    for node in web.order:
        if web.is_leaf(node):
            continue
        leaves = [leaf for leaf in dict.fromkeys(edge.target for edge in web.out[node]) if web.is_leaf(leaf)]
        room = budget - len(operations) - len(uses) - 1
        if room < 0 or (len(leaves) > room and operations):
            break
        operations[node] = None
        uses.update(dict.fromkeys((node, leaf) for leaf in leaves[:room]))
    stubs, hidden, unreached = _behind(web, operations, uses)
    return Kept(operations, uses, stubs, hidden, unreached)


def _behind(
    web: Web, operations: dict[int, None], uses: dict[tuple[int, int], None]
) -> tuple[dict[int, int], dict[int, int], int]:
    drawn = set(operations) | {leaf for _, leaf in uses}
    if len(drawn) == len(web.nodes):
        return {}, {}, 0
    owner: dict[int, int] = {}
    queue: deque[int] = deque()
    for node in operations:
        for edge in web.out[node]:
            if edge.target not in drawn and edge.target not in owner:
                owner[edge.target] = node
                queue.append(edge.target)
    while queue:
        node = queue.popleft()
        for edge in web.out[node]:
            if edge.target not in drawn and edge.target not in owner:
                owner[edge.target] = owner[node]
                queue.append(edge.target)
    stubs: dict[int, int] = {}
    for node in owner.values():
        stubs[node] = stubs.get(node, 0) + 1
    return stubs, owner, len(web.nodes) - len(drawn) - len(owner)
