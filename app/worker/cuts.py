"""Operations that autograd did not record, and where the gradient stops at them. Inside the sandbox.

Most unrecorded operations explain nothing (printing, metrics, updates). Kept are those that lead from a tensor that
requires grad to something named that does not, and what stands behind a root that has no graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.run import CutReason, Edge, Node, TensorMeta
from app.worker.ancestry import MOST_EVENTS, ancestry, drawn, inputs, leaves
from app.worker.apis import Kind
from app.worker.assemble import Assembler
from app.worker.events import Event
from app.worker.ids import Ids
from app.worker.summarize import dtype_name, shape_of
from app.worker.table import names_of
from app.worker.tensors import Seen

_REASONS: dict[str, CutReason] = {
    "detach": "detach",
    "detach_": "detach",
    "data": "data",
    "item": "item",
    "tolist": "item",
    "float": "item",
    "int": "item",
    "index": "item",
    "numpy": "numpy",
    "array": "numpy",
    "tensor": "rewrapped",
    "as_tensor": "rewrapped",
    "asarray": "rewrapped",
    "new_tensor": "rewrapped",
    "from_numpy": "rewrapped",
}
_MOST_LEAVES = 16


@dataclass(slots=True)
class Cut:
    """Unrecorded operations and the edges from them, to be put into `graph`. `tops` are those nearest the loss."""

    graph: int
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    tops: list[int] = field(default_factory=list)


def reason_of(event: Event) -> CutReason:
    """Why nothing was recorded, though an input required grad."""
    if event.inference:
        return "inference_mode"
    if event.api.kind is Kind.LEAVES or (event.api.name in _REASONS and not event.off):
        return _REASONS.get(event.api.name, "item")
    if event.off:
        return "no_grad"
    made = event.outs[0].dtype if event.outs else None
    if made is not None and not (made.is_floating_point or made.is_complex):
        return "integer"
    return "not_differentiable"


class Cuts:
    """Finds unrecorded ancestors and turns them into nodes and edges; a graph tells each of them once."""

    def __init__(self, assembler: Assembler) -> None:
        self._assembler = assembler

    def behind_root(self, root: Seen, graph: int) -> Cut:
        """Everything behind a root that has no graph: its unrecorded operations, or just itself."""
        cut = Cut(graph)
        if root.event is not None and drawn(root.event):
            self._tell([root.event], cut)
        else:
            cut.tops.append(self._leaf(root, cut))
        return self._placed(cut)

    def behind(self, target: Seen, live: int, whatever: bool) -> Cut | None:
        """What stands between `target`, which does not require grad, and a tensor that does; None when nothing does.

        It hangs on the latest graph that holds one of those tensors' nodes, else on the live graph, number `live`.
        With `whatever` the operations are told although no gradient stops at them.
        """
        event = target.event
        if event is None or not drawn(event):
            return None
        events = ancestry([event])
        if not whatever and not any(any(e.wanted) for e in events):
            return None
        graph = self._graph_of(events)
        cut = Cut(live if graph is None else graph)
        self._tell([event], cut)
        return self._placed(cut) if cut.nodes else None

    def under(self, event: Event, node: int, graph: int, reached: set[int]) -> Cut | None:
        """What went into a recorded operation without a gradient of its own: frozen tensors, directly or by way of what
        they kept from being recorded, and operations that cut off a leaf which is not among what calls `reached`.
        """
        cut = Cut(graph)
        for position, (seen, wanted) in enumerate(zip(event.ins, event.wanted, strict=False)):
            if wanted:
                continue
            made_by = seen.event
            if _frozen(seen):
                target = self._leaf(seen, cut)
                cut.edges.append(Edge(node, target, position, kind="cut", reason="frozen", line=_froze(seen)))
            elif made_by is not None and drawn(made_by):
                found = self._why_not(made_by, seen, graph, reached)
                if found is not None:
                    self._tell([made_by], cut)
                    cut.edges.append(
                        Edge(node, self._id(made_by), position, kind="cut", reason=found[0], line=found[1])
                    )
        cut.tops = []
        return self._placed(cut) if cut.edges else None

    def _why_not(
        self, made_by: Event, seen: Seen, graph: int, reached: set[int]
    ) -> tuple[CutReason, int | None] | None:
        """The reason and line of a cut edge to the unrecorded `made_by`, which made `seen`; None when it is no loss."""
        ids = self._assembler.ids
        events = ancestry([made_by])
        if any(_frozen(s) for s in inputs(events, wanted=False)):
            return "frozen", next((_froze(s) for e in events for s in e.ins if _froze(s)), None)
        found = [ids.known(("leaf", leaf.serial)) for leaf in leaves(inputs(events, wanted=True))]
        lost = any(leaf not in reached and leaf not in ids.members(graph) for leaf in found)
        return ("none_required", seen.made_line()) if lost else None

    def _placed(self, cut: Cut) -> Cut:
        for node in cut.nodes:
            self._assembler.ids.tell(cut.graph, node.id)
        return cut

    def _graph_of(self, events: list[Event]) -> int | None:
        """The latest graph that holds a node which these operations cut off."""
        ids = self._assembler.ids
        nodes = [_node_of(seen, ids) for seen in inputs(events, wanted=True)]
        graphs = [ids.graph_of[n] for n in nodes if n is not None and n in ids.graph_of]
        return max(graphs) if graphs else None

    def _id(self, event: Event) -> int:
        return self._assembler.ids.of(("event", event.number))

    def _tell(self, tops: list[Event], cut: Cut) -> None:
        told = self._assembler.ids.members(cut.graph)
        own = {node.id for node in cut.nodes}
        for event in ancestry(tops):
            number = self._id(event)
            if number in told or number in own:
                continue
            self._tell_event(event, number, cut)
            if event in tops:
                cut.tops.append(number)

    def _tell_event(self, event: Event, number: int, cut: Cut) -> None:
        assembler = self._assembler
        place = assembler.place(event)
        named = [seen for seen in event.outs if seen.names]
        node = Node(
            id=number,
            kind="unrecorded",
            name=event.api.name[:256],
            line=place.line,
            column=place.column,
            end_column=place.end_column,
            call=event.api.path,
            module=event.module,
            tensors=tuple(seen.serial for seen in named if assembler.mention(seen))[:64],
            outputs=tuple(_meta(seen) for seen in event.outs[:64]),
        )
        cut.nodes.append(node)
        for position, (seen, wanted) in enumerate(zip(event.ins, event.wanted, strict=False)):
            for target in self._makers(seen, event, wanted, cut):
                cut.edges.append(_edge(event, number, target, position, seen, wanted))
        for position, source in enumerate(event.left, len(event.ins)):
            edge = Edge(number, self._id(source), position, kind="cut", reason="rewrapped", line=event.line)
            cut.edges.append(edge)

    def _makers(self, seen: Seen, event: Event, wanted: bool, cut: Cut) -> list[int]:
        """The node that made `seen`, if the cut's graph has it: an op's, another unrecorded one, an AccumulateGrad.

        Else nodes that stand for the leaves it was computed from: those are what somebody misses the gradient of.
        """
        ids = self._assembler.ids
        node = _node_of(seen, ids)
        if node is not None and node in ids.members(cut.graph):
            return [node]
        made_by = seen.event
        if not wanted and made_by is not None and drawn(made_by) and made_by.number < event.number:
            return [self._id(made_by)]
        behind = leaves([seen])[:_MOST_LEAVES] if wanted else [seen]
        return list(dict.fromkeys(self._leaf(leaf, cut) for leaf in behind))

    def _leaf(self, seen: Seen, cut: Cut) -> int:
        assembler = self._assembler
        accumulate = assembler.ids.known(("leaf", seen.serial))
        if accumulate is not None and accumulate in assembler.ids.members(cut.graph):
            return accumulate
        number = assembler.ids.of(("tensor", seen.serial))
        if number in assembler.ids.members(cut.graph) or any(node.id == number for node in cut.nodes):
            return number
        cut.nodes.append(
            Node(
                id=number,
                kind="leaf",
                name=next(iter(names_of(seen)), "tensor"),
                line=seen.made_line(),
                tensors=(seen.serial,) if assembler.mention(seen) else (),
                outputs=(_meta(seen),),
            )
        )
        return number


def _node_of(seen: Seen, ids: Ids) -> int | None:
    """The node of a graph that made `seen`: its operation's, or its AccumulateGrad.

    Where that node is in no graph (it died before any call), the nearest one that it was computed from.
    """
    pending, visited = [seen], {seen.serial}
    for tensor in pending:  # grows while we go
        event = tensor.event
        if event is None or not event.recorded:
            node = ids.known(("leaf", tensor.serial))
        else:
            node = ids.of_event.get(event.number)
        if node is not None:
            return node
        if event is None or not event.recorded or len(pending) > MOST_EVENTS:
            continue
        for source, wanted in zip(event.ins, event.wanted, strict=False):
            if wanted and source.serial not in visited:
                visited.add(source.serial)
                pending.append(source)
    return None


def _edge(event: Event, source: int, target: int, position: int, seen: Seen, wanted: bool) -> Edge:
    reason: CutReason = "none_required"
    line = seen.made_line()
    if wanted:
        reason = reason_of(event)
        line = event.switch_line if reason in ("no_grad", "inference_mode") else event.line
    elif _frozen(seen):
        reason, line = "frozen", _froze(seen)
    return Edge(source, target, position, kind="cut", reason=reason, line=line or event.line)


def _frozen(seen: Seen) -> bool:
    """Of a tensor that did not require grad where it was used: whether it would have, had the snippet not said no."""
    return seen.is_parameter or _froze(seen) is not None


def _froze(seen: Seen) -> int | None:
    lines = [line for what, line, _ in seen.history or () if what == "requires_grad_off"]
    return lines[-1] if lines else None


def _meta(seen: Seen) -> TensorMeta:
    return TensorMeta(shape_of(seen), dtype_name(seen.dtype))
