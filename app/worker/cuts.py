"""Operations that autograd did not record, and where the gradient stops at them. Inside the sandbox.

Most unrecorded operations explain nothing (printing, metrics, updates). Kept are those that lead from a tensor that
requires grad to something named that does not, and what stands behind a root that has no graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.run import CutReason, Edge, Node, TensorMeta
from app.worker.apis import Kind
from app.worker.assemble import Assembler
from app.worker.summarize import dtype_name, shape_of
from app.worker.tensors import Seen
from app.worker.trace import Event

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
_MOST_EVENTS = 500


@dataclass(slots=True)
class Cut:
    """Unrecorded operations and the edges from them, ready to be put into a graph.

    `graph` is the graph of the nodes that they hang on, None when they hang on none. `stops` says that some tensor
    among the inputs required grad, so that a gradient really stops here.
    """

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    tops: list[int] = field(default_factory=list)
    graph: int | None = None
    stops: bool = False
    frozen: bool = False


def reason_of(event: Event) -> CutReason:
    """Why nothing was recorded, though an input required grad."""
    if event.inference:
        return "inference_mode"
    if event.api.kind is Kind.LEAVES or event.api.name in _REASONS and not event.off:
        return _REASONS.get(event.api.name, "item")
    if event.off:
        return "no_grad"
    made = event.outs[0].dtype if event.outs else None
    if made is not None and not (made.is_floating_point or made.is_complex):
        return "integer"
    return "not_differentiable"


class Cuts:
    """Finds unrecorded ancestors and turns them into nodes and edges, each only once in a run."""

    def __init__(self, assembler: Assembler) -> None:
        self._assembler = assembler
        self._told: set[int] = set()

    def behind(self, targets: Iterable[Seen], keep: Callable[[Cut], bool]) -> Cut | None:
        """The unrecorded ancestry of `targets`, when there is one and `keep` wants it."""
        tops = {e.number: e for e in (t.event for t in targets) if e is not None and _drawn(e)}
        events = [e for e in _ancestry(list(tops.values())) if e.number not in self._told]
        if not events:
            return None
        cut = self._stops(events)
        if not keep(cut):
            return None
        self._told.update(e.number for e in events)
        for event in events:
            self._tell(event, cut)
        cut.tops = [self._id(e) for e in tops.values() if e in events]
        self._settle(cut)
        return cut

    def lone(self, targets: Iterable[Seen], keep: Callable[[Cut], bool]) -> Cut | None:
        """Tensors that no operation used: a root that is a plain leaf."""
        cut = Cut()
        for seen in targets:
            if seen.event is None or not _drawn(seen.event):
                cut.tops.append(self._leaf(seen, cut))
        return cut if cut.nodes and keep(cut) else None

    def _stops(self, events: list[Event]) -> Cut:
        cut = Cut()
        cut.stops = any(any(e.wanted) for e in events)
        cut.frozen = any(_frozen(seen) for e in events for seen in e.ins)
        return cut

    def _id(self, event: Event) -> int:
        return self._assembler.numbers.of(("event", event.number))

    def _tell(self, event: Event, cut: Cut) -> None:
        assembler = self._assembler
        place = assembler.place(event)
        named = [seen for seen in event.outs if seen.names]
        node = Node(
            id=self._id(event),
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
            if seen in event.outs and not wanted and seen.event is event:
                continue
            target = self._maker(seen, wanted, cut)
            cut.edges.append(self._edge(event, node.id, target, position, seen, wanted))
        for position, source in enumerate(event.left, len(event.ins)):
            cut.edges.append(
                Edge(node.id, self._id(source), position, kind="cut", reason="rewrapped", line=event.line)
            )

    def _edge(self, event: Event, source: int, target: int, position: int, seen: Seen, wanted: bool) -> Edge:
        if wanted:
            reason, line = reason_of(event), event.switch_line if event.off or event.inference else event.line
        elif _frozen(seen):
            reason, line = "frozen", _froze(seen)
        else:
            reason, line = "none_required", seen.first_line
        return Edge(source, target, position, kind="cut", reason=reason, line=line or event.line)

    def _maker(self, seen: Seen, wanted: bool, cut: Cut) -> int:
        """The node that made `seen`: an op's, another unrecorded one, the leaf's AccumulateGrad, or a new leaf node."""
        numbers = self._assembler.numbers
        event = seen.event
        if event is not None and event.recorded and wanted and event.number in numbers.of_event:
            return numbers.of_event[event.number]
        if event is not None and not event.recorded and not wanted and _drawn(event):
            return self._id(event)
        accumulate = numbers.known(("leaf", seen.serial))
        if accumulate is not None:
            return accumulate
        return self._leaf(seen, cut)

    def _leaf(self, seen: Seen, cut: Cut) -> int:
        assembler = self._assembler
        number = assembler.numbers.of(("tensor", seen.serial))
        if all(node.id != number for node in cut.nodes):
            mentioned = assembler.mention(seen)
            name = next(iter(seen.names or {}), "tensor")
            cut.nodes.append(
                Node(
                    id=number,
                    kind="leaf",
                    name=name[:256],
                    line=seen.first_line,
                    tensors=(seen.serial,) if mentioned else (),
                    outputs=(_meta(seen),),
                )
            )
        return number

    def _settle(self, cut: Cut) -> None:
        """Find the graph that most lately told one of the nodes that the cut hangs on."""
        graph_of = self._assembler.numbers.graph_of
        own = {node.id for node in cut.nodes}
        graphs = [graph_of[e.target] for e in cut.edges if e.target not in own and e.target in graph_of]
        cut.graph = max(graphs) if graphs else None

    def place_in(self, cut: Cut, graph: int) -> None:
        """The cut's nodes are told by `graph` from now on."""
        for node in cut.nodes:
            self._assembler.numbers.graph_of[node.id] = graph


def _drawn(event: Event) -> bool:
    """Whether an unrecorded operation is a node: it took tensors in, or values that left some."""
    return not event.recorded and bool(event.ins or event.left)


def _ancestry(tops: list[Event]) -> list[Event]:
    """`tops` and the unrecorded operations behind them, nearest first."""
    found = {e.number: e for e in tops}
    pending = list(tops)
    for event in pending:  # grows while we go
        before = [s.event for s, wanted in zip(event.ins, event.wanted, strict=False) if not wanted]
        for earlier in (*before, *event.left):
            if earlier is None or earlier.number in found or len(found) >= _MOST_EVENTS:
                continue
            if earlier.number < event.number and _drawn(earlier):
                found[earlier.number] = earlier
                pending.append(earlier)
    return pending


def _frozen(seen: Seen) -> bool:
    """A tensor that would require grad, had the snippet not said otherwise."""
    return not seen.requires_grad_now() and (seen.is_parameter or _froze(seen) is not None)


def _froze(seen: Seen) -> int | None:
    lines = [line for what, line, _ in seen.history or () if what == "requires_grad_off"]
    return lines[-1] if lines else None


def _meta(seen: Seen) -> TensorMeta:
    return TensorMeta(shape_of(seen), dtype_name(seen.dtype))
