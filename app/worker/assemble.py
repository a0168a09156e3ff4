"""From what was seen to the values of `app.run`: nodes, edges, graphs, tensors. Inside the sandbox."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass, field
from typing import Any

import torch

from app.run import (
    Edge,
    Graph,
    HistoryEntry,
    Node,
    NodeRef,
    SavedTensor,
    Tensor,
    TensorMeta,
    TensorSummary,
)
from app.worker.engine import Call
from app.worker.places import NOWHERE, Place, Places
from app.worker.saved import saved_tensors, scalar_attributes
from app.worker.summarize import dtype_name, shape_of, summarize
from app.worker.tensors import Seen, Tensors
from app.worker.trace import Event, Trace
from app.worker.walk import AccumulateGrad, PythonNode, Walk, node_name, node_sequence_nr

_ACCUMULATE_SEQUENCE = 2**64 - 1
_MOST_ID = 2**31 - 1
_MOST_TENSORS_OF_NODE = 64


@dataclass(slots=True)
class Facts:
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


class Numbers:
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
            number = self._ids[key] = next(self._next) & _MOST_ID
        return number

    def known(self, key: Any) -> int | None:
        return self._ids.get(key)

    def tell(self, graph: int, node: int) -> None:
        """`graph` holds `node`."""
        self.graph_of[node] = graph
        self._members.setdefault(graph, set()).add(node)

    def members(self, graph: int) -> set[int]:
        return self._members.get(graph, set())


class Assembler:
    """Builds the values. Mentions of tensors are counted, so that no more than `most_tensors` are ever needed."""

    def __init__(self, places: Places, trace: Trace, tensors: Tensors, most_tensors: int) -> None:
        self.numbers = Numbers()
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

    def describe(self, walk: Walk) -> list[Facts]:
        """Facts of every kept node, in the order of the walk."""
        counted: set[Any] = set()
        return [self._facts(node, counted) for node in walk.nodes]

    def _facts(self, node: Any, counted: set[Any]) -> Facts:
        if type(node) is AccumulateGrad:
            leaf = self._tensors.of(node.variable)
            meta = TensorMeta(shape_of(node.variable), dtype_name(node.variable.dtype))
            return Facts(
                self.numbers.of(("leaf", leaf.serial)), "accumulate_grad", "AccumulateGrad", None, None, leaf, (meta,)
            )
        number = node_sequence_nr(node)
        kind = "custom" if isinstance(node, PythonNode) else "op"
        event = self._event_of(node)
        facts = Facts(self.numbers.of((number, id(node))), kind, node_name(node)[:256], number, event, None)
        if number >= 2**53:
            facts.sequence_nr = None
        facts.outputs = _outputs(node)
        made = event.outs if event is not None else ()
        freed = facts.id in self.freed
        facts.saved, facts.saved_bytes = saved_tensors(node, self._tensors, counted, freed, made)
        facts.attributes = scalar_attributes(node)
        return facts

    def _node(self, facts: Facts, executed: bool, micros: float | None) -> Node:
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

    def _made(self, facts: Facts) -> tuple[int, ...]:
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
        facts: list[Facts] = call.saved
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
            id=call.number & _MOST_ID,
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
            id=number & _MOST_ID,
            kind="live",
            nodes=tuple(self._node(f, False, None) for f in facts),
            edges=self.edges(walked, facts, {}),
            roots=_unique(facts[walked.position[r]].id for r in walked.roots if r in walked.position),
            total_nodes=walked.total_nodes,
            total_edges=walked.total_edges,
        )

    def remember(self, graph: int, facts: list[Facts]) -> None:
        for f in facts:
            self.numbers.tell(graph, f.id)
            if f.event is not None and f.sequence_nr == f.event.last and f.event.outs:
                self.numbers.of_event[f.event.number] = f.id
                self.recorded[graph, f.event.number] = (f.event, f.id)

    def edges(
        self, walked: Walk, facts: list[Facts], gradients: dict[tuple[int, int], TensorSummary]
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

    # --- tensors ---

    def tensor(self, seen: Seen, preview: int, deadline: float) -> Tensor:
        """The state of a tensor as it is now. Past `deadline` on the monotonic clock its numbers are left out."""
        summed = time.monotonic() < deadline
        tensor = seen.tensor()
        event = seen.event
        line = seen.made_line()
        names = self._names(seen)
        history = self._history(seen, line)
        if tensor is None:
            recorded = event is not None and event.recorded
            return Tensor(
                id=seen.serial, shape=_plain_shape(seen.shape), dtype=dtype_name(seen.dtype), names=names, line=line,
                requires_grad=seen.requires_grad, is_leaf=not recorded, is_parameter=seen.is_parameter,
                alive=False, grad_fn=self._made_by(seen), values=self.values_then.get(seen.serial), history=history,
            )  # fmt: skip
        return self._alive(seen, tensor, preview if summed else None, names, line, history)

    def _alive(
        self, seen: Seen, tensor: Any, preview: int | None, names: tuple[str, ...], line: int | None, history: Any
    ) -> Tensor:
        with torch._C.DisableTorchFunction():
            node = _grad_fn(tensor)
            leaf = node is None if tensor.requires_grad else True
            retains = not leaf and bool(_look(tensor, "retains_grad", False))
            gradient = tensor.grad if leaf or retains else None
            reference = self._reference(node) or self._made_by(seen) if node is not None else None
            return Tensor(
                id=seen.serial,
                shape=shape_of(tensor),
                dtype=dtype_name(tensor.dtype),
                names=names,
                line=line,
                device=str(tensor.device)[:256],
                layout=dtype_name(tensor.layout),
                requires_grad=tensor.requires_grad,
                is_leaf=leaf,
                is_parameter=seen.is_parameter or isinstance(tensor, torch.nn.Parameter),
                retains_grad=retains,
                version=_look(tensor, "_version", None),
                grad_fn=reference,
                grad_fn_name=None if node is None else node_name(node)[:256],
                values=None if preview is None else summarize(tensor, preview),
                grad=_gradient(gradient, preview),
                history=history,
            )

    def _reference(self, node: Any) -> NodeRef | None:
        number = self.numbers.known((node_sequence_nr(node), id(node)))
        return None if number is None else self._ref(number)

    def _made_by(self, seen: Seen) -> NodeRef | None:
        event = seen.event
        number = self.numbers.of_event.get(event.number) if event is not None and event.recorded else None
        return None if number is None else self._ref(number)

    def _ref(self, number: int) -> NodeRef | None:
        graph = self.numbers.graph_of.get(number)
        return None if graph is None else NodeRef(graph, number)

    def name_of(self, seen: Seen) -> str | None:
        """The best of its names."""
        names = self._names(seen)
        return names[0] if names else None

    def _names(self, seen: Seen) -> tuple[str, ...]:
        ranked = sorted((seen.names or {}).items(), key=lambda item: item[1])
        if not ranked and seen.gradient_of is not None and seen.gradient_of.names:
            return (f"{self._names(seen.gradient_of)[0]}.grad"[:256],)
        return tuple(name[:256] for name, _ in ranked[:64])

    def _history(self, seen: Seen, line: int | None) -> tuple[HistoryEntry, ...]:
        made = [HistoryEntry("made", line)] if line is not None else []
        entries = [HistoryEntry(what, at, calls) for what, at, calls in seen.history or ()]  # type: ignore[arg-type]
        return tuple([*made, *entries][:64])


def _gradient(gradient: Any, preview: int | None) -> TensorSummary | None:
    """A gradient that is there is always told, if only by its shape."""
    if gradient is None:
        return None
    if preview is None:
        shape = shape_of(gradient)
        return TensorSummary(shape, dtype_name(gradient.dtype), math.prod(shape))
    return summarize(gradient, preview)


def _unique(ids: Any) -> tuple[int, ...]:
    return tuple(dict.fromkeys(ids))


def _plain_shape(shape: Any) -> tuple[int, ...]:
    try:
        return tuple(int(n) for n in shape)[:64]
    except Exception:
        return ()


def _outputs(node: Any) -> tuple[TensorMeta, ...]:
    try:
        return tuple(TensorMeta(_plain_shape(m.shape), dtype_name(m.dtype)) for m in node._input_metadata[:256])
    except Exception:
        return ()


def _grad_fn(tensor: Any) -> Any | None:
    """Its node; a view that was changed while grad was off has none to give and raises."""
    try:
        return tensor.grad_fn if tensor.requires_grad else None
    except RuntimeError:
        return None


def _look(tensor: Any, attribute: str, otherwise: Any) -> Any:
    try:
        return getattr(tensor, attribute)
    except Exception:  # inference tensors keep no version
        return otherwise
