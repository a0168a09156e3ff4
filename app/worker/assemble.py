"""From what was seen to the values of `app.run`: nodes, edges, graphs, tensors. Inside the sandbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.run import (
    Edge,
    Graph,
    Node,
    SavedTensor,
    TensorMeta,
    TensorSummary,
)
from app.worker.engine import Call
from app.worker.events import Event
from app.worker.ids import MOST_ID, Ids
from app.worker.places import NOWHERE, Place, Places
from app.worker.saved import saved_tensors, scalar_attributes
from app.worker.summarize import dtype_name, shape_of
from app.worker.tensors import Seen, Tensors
from app.worker.trace import Trace
from app.worker.walk import AccumulateGrad, PythonNode, Walk, node_name, node_sequence_nr

_ACCUMULATE_SEQUENCE = 2**64 - 1
_MOST_TENSORS_OF_NODE = 64


@dataclass(slots=True)
class NodeFacts:
    """What one node says of itself, taken before the engine frees its buffers."""

    id: int
    kind: str
    name: str
    sequence_nr: int | None
    event: Event | None
    leaf: Seen | None
    outputs: tuple[TensorMeta, ...] = ()
    saved: tuple[SavedTensor, ...] = ()
    saved_bytes: int = 0
    attributes: dict[str, bool | int | float | str | None] = field(default_factory=dict)


class Assembler:
    """Builds the values. Mentions of tensors are counted, so that no more than `most_tensors` are ever needed."""

    def __init__(self, places: Places, trace: Trace, tensors: Tensors, most_tensors: int) -> None:
        self.ids = Ids()
        self.mentioned: dict[int, Seen] = {}
        self.values_then: dict[int, TensorSummary] = {}
        self.recorded: dict[tuple[int, int], tuple[Event, int]] = {}
        self.freed: set[int] = set()
        self.truncated_tensors = False
        self._places = places
        self._trace = trace
        self._tensors = tensors
        self._most_mentioned = max(1, most_tensors * 3 // 4)
        self._event_of: Any = None

    def attach(self, event_of: Any) -> None:
        """`event_of(node)` is the call that made a node."""
        self._event_of = event_of

    # --- nodes ---

    def describe(self, walk: Walk) -> list[NodeFacts]:
        """NodeFacts of every kept node, in the order of the walk."""
        counted: set[Any] = set()
        return [self._facts(node, counted) for node in walk.nodes]

    def _facts(self, node: Any, counted: set[Any]) -> NodeFacts:
        if type(node) is AccumulateGrad:
            leaf = self._tensors.of(node.variable)
            meta = TensorMeta(shape_of(node.variable), dtype_name(node.variable.dtype))
            return NodeFacts(
                self.ids.of(("leaf", leaf.serial)), "accumulate_grad", "AccumulateGrad", None, None, leaf, (meta,)
            )
        number = node_sequence_nr(node)
        kind = "custom" if isinstance(node, PythonNode) else "op"
        event = self._event_of(node)
        facts = NodeFacts(self.ids.of((number, id(node))), kind, node_name(node)[:256], number, event, None)
        if number >= 2**53:
            facts.sequence_nr = None
        facts.outputs = _outputs(node)
        made = event.outs if event is not None else ()
        freed = facts.id in self.freed
        facts.saved, facts.saved_bytes = saved_tensors(node, self._tensors, counted, freed, made)
        facts.attributes = scalar_attributes(node)
        return facts

    def _node(self, facts: NodeFacts, executed: bool, micros: float | None) -> Node:
        event = facts.event
        place = self.place(event)
        return Node(
            id=facts.id,
            kind=facts.kind,  # type: ignore[arg-type]
            name=facts.name,
            line=facts.leaf.made_line() if facts.leaf else place.line,
            column=place.column,
            end_column=place.end_column,
            call=event.api.path if event else None,
            module=event.module if event else None,
            tensors=self._made(facts),
            outputs=facts.outputs,
            saved=facts.saved,
            saved_bytes=facts.saved_bytes,
            attributes=facts.attributes,
            sequence_nr=facts.sequence_nr,
            executed=executed,
            micros=micros,
        )

    def place(self, event: Event | None) -> Place:
        return NOWHERE if event is None else self._places.place(event.code, event.instruction)

    def _made(self, facts: NodeFacts) -> tuple[int, ...]:
        """The tensors of a node that have a name or keep their gradient; the leaf of an AccumulateGrad always."""
        if facts.leaf is not None:
            return (facts.leaf.serial,) if self.mention(facts.leaf) else ()
        event = facts.event
        if event is None or facts.sequence_nr != event.last:
            return ()
        named = [seen for seen in event.outs if seen.names]
        return tuple(seen.serial for seen in named if self.mention(seen))[:_MOST_TENSORS_OF_NODE]

    def mention(self, seen: Seen) -> bool:
        """Promise that the run will list this tensor, if there is room for it."""
        if seen.serial in self.mentioned:
            return True
        if len(self.mentioned) >= self._most_mentioned:
            self.truncated_tensors = True
            return False
        self.mentioned[seen.serial] = seen
        return True

    # --- graphs ---

    def graph(self, call: Call) -> Graph:
        """What a finished call showed."""
        facts: list[NodeFacts] = call.saved
        ran = set(call.order)
        if not call.retained:
            self.freed.update(facts[i].id for i in ran)
        nodes = tuple(self._node(f, i in ran, call.micros.get(i)) for i, f in enumerate(facts))
        for root, values in zip(call.roots, call.root_values, strict=False):
            if self.mention(root):
                self.values_then[root.serial] = values
        self.remember(call.number, facts)
        place = self._places.place(call.code, call.instruction)
        return Graph(
            id=call.number & MOST_ID,
            kind=call.kind,  # type: ignore[arg-type]
            nodes=nodes,
            edges=self.edges(call.walk, facts, call.gradients),
            roots=_unique(facts[call.walk.position[r]].id for r in call.walk.roots if r in call.walk.position),
            line=call.line,
            call=place.text[:400] or None,
            order=tuple(facts[i].id for i in call.order),
            accumulates=_unique(s.serial for s in call.accumulated if self.mention(s)),
            retained=call.retained,
            create_graph=call.create_graph,
            error=call.error,
            total_nodes=call.walk.total_nodes,
            total_edges=call.walk.total_edges,
        )

    def live_graph(self, number: int, walked: Walk) -> Graph:
        """What hangs on live tensors."""
        facts = self.describe(walked)
        self.remember(number, facts)
        return Graph(
            id=number & MOST_ID,
            kind="live",
            nodes=tuple(self._node(f, False, None) for f in facts),
            edges=self.edges(walked, facts, {}),
            roots=_unique(facts[walked.position[r]].id for r in walked.roots if r in walked.position),
            total_nodes=walked.total_nodes,
            total_edges=walked.total_edges,
        )

    def remember(self, graph: int, facts: list[NodeFacts]) -> None:
        for f in facts:
            self.ids.tell(graph, f.id)
            if f.event is not None and f.sequence_nr == f.event.last and f.event.outs:
                self.ids.of_event[f.event.number] = f.id
                self.recorded[graph, f.event.number] = (f.event, f.id)

    def edges(
        self, walked: Walk, facts: list[NodeFacts], gradients: dict[tuple[int, int], TensorSummary]
    ) -> tuple[Edge, ...]:
        found: list[Edge] = []
        position = walked.position
        for source, nexts in enumerate(walked.nexts[: len(facts)]):
            for index, (target, target_position) in enumerate(nexts):
                if target is not None and target in position:
                    gradient = gradients.get((source, index))
                    target_id = facts[position[target]].id
                    found.append(Edge(facts[source].id, target_id, index, target_position, gradient=gradient))
        return tuple(found)


def _unique(ids: Any) -> tuple[int, ...]:
    return tuple(dict.fromkeys(ids))


def _outputs(node: Any) -> tuple[TensorMeta, ...]:
    try:
        return tuple(TensorMeta(shape_of(m), dtype_name(m.dtype)) for m in node._input_metadata[:256])
    except Exception:
        return ()
