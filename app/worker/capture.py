"""All of capture for one run: what watches while the snippet runs, and what is told at its end. Inside the sandbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from app.protocol import GraphCaptured, Limits
from app.run import Edge, Graph, GraphAddition, Node, Tensor, TensorMeta, Truncated
from app.worker.assemble import Assembler
from app.worker.cuts import Cut, Cuts
from app.worker.engine import Call, Engine
from app.worker.modules import Modules
from app.worker.names import Names
from app.worker.places import Places
from app.worker.program import Program
from app.worker.seams import Seams
from app.worker.summarize import dtype_name, shape_of
from app.worker.table import Table
from app.worker.tensors import Seen, Tensors
from app.worker.trace import Trace
from app.worker.walk import node_sequence_nr, walk

_MOST_CUTS = 200
_MOST_CUT_NODES = 2_000
_MOST_RECORDED = 2_000
_SUMMARY_SECONDS = 2.0
_BYTES_AN_ELEMENT = 160  # a number as text, in values and in gradients, within a quarter of the result
_QUICK_SECONDS = 0.1
_QUICK_NODES = 5_000


@dataclass(frozen=True)
class Ending:
    """What only the end of the run can tell."""

    tensors: tuple[Tensor, ...]
    additions: tuple[GraphAddition, ...]
    truncated: Truncated


class Capture:
    """Watches one snippet. `tell` gets each graph as soon as its call has ended."""

    def __init__(
        self,
        limits: Limits,
        program: Program,
        places: Places,
        tell: Callable[[GraphCaptured], None],
        progress: Callable[[int | None, str], None],
    ) -> None:
        self._limits = limits
        self._tell = tell
        self._tensors = Tensors()
        self._trace = Trace(self._tensors, limits.events, progress)
        self._assembler = Assembler(places, self._trace, self._tensors, limits.tensors)
        self._table = Table(self._assembler.ids, self._assembler.values_then)
        self._cuts = Cuts(self._assembler)
        self._engine = Engine(
            self._trace,
            self._tensors,
            limits.graphs,
            limits.nodes,
            limits.result_bytes,
            self._assembler.describe,
            self._call_ended,
        )
        self._assembler.attach(self._engine.event_of)
        modules = Modules(self._trace)
        self._names = Names(self._tensors, self._trace, modules, program.bindings)
        self.seams = Seams(self._trace, self._tensors, self._engine, modules, self._names.bound)
        self._told_graphs: set[int] = set()

    @property
    def last_line(self) -> int | None:
        return self._trace.last_line

    @property
    def faults(self) -> list[str]:
        """What went wrong in capture itself; empty, or a bug of ours."""
        return self._trace.faults

    def operands_of(self, exc: BaseException) -> tuple[TensorMeta, ...]:
        """Shapes and dtypes of what was given to the operation that raised `exc`."""
        return tuple(TensorMeta(shape_of(seen), dtype_name(seen.dtype)) for seen in self._trace.operands_of(exc))

    # --- while it runs ---

    def _call_ended(self, call: Call) -> None:
        graph = self._assembler.graph(call)
        if call.error is not None:
            graph = self._with_ungraphed_roots(graph, call)
        self._told_graphs.add(graph.id)
        self._tell(GraphCaptured(graph))

    def _with_ungraphed_roots(self, graph: Graph, call: Call) -> Graph:
        """A root that has no graph is explained by the unrecorded operations behind it."""
        for seen in call.roots:
            if not seen.requires_grad_now():
                graph = _grown(graph, self._cuts.behind_root(seen, graph.id))
        return graph

    # --- at the end ---

    def finish(self, namespace: dict[str, Any], quick: bool) -> Ending:
        """Send the live graph; return the tensors, and the operations that explain where gradients stop."""
        if quick:
            for call in self._engine.active[:]:
                self._call_ended(call)
        with torch._C.DisableTorchFunction():
            named = self._names.from_namespace(namespace)
            self._tell_last_unseen()
            live = self._live_graph(_QUICK_NODES if quick else None)
            cuts = self._explained(named, live)
            for graph in self._merged(cuts, live):
                self._tell(GraphCaptured(graph))
            deadline = time.monotonic() + (_QUICK_SECONDS if quick else _SUMMARY_SECONDS)
            return Ending(self._listed(named, deadline), _additions(cuts, self._told_graphs), self._truncated())

    def _tell_last_unseen(self) -> None:
        """Beyond the limit calls are only counted, but the last one of them is shown, if its roots still live."""
        if self._engine.last_unseen is None:
            return
        call = self._engine.last_unseen
        roots = [tensor for tensor in (seen.tensor() for seen in call.roots) if tensor is not None]
        if roots:
            self._engine.look(call, roots)
            self._call_ended(call)
            call.walk.let_go()

    def _live_graph(self, most: int | None) -> Graph | None:
        reached = self._assembler.ids.known
        roots: list[Any] = []
        for _, tensor in self._tensors.alive():
            node = _live_root(tensor)
            if node is not None and reached(_key(node)) is None:
                roots.append(node)
        if not roots:
            return None
        left = max(10, self._engine.nodes_left())
        walked = walk(_tops(roots), left if most is None else min(left, most))
        try:
            return self._assembler.live_graph(self._trace.calls, walked)
        finally:
            walked.let_go()

    def _explained(self, named: list[Seen], live: Graph | None) -> list[Cut]:
        """Unrecorded operations that explain why something named has no gradient, or why a recorded one stops."""
        number = self._trace.calls
        nothing = not self._told_graphs and live is None
        found: list[Cut | None] = []
        for seen in self._named_alive(named)[:_MOST_CUTS]:
            if not seen.requires_grad_now() or (seen.event is not None and seen.event.left):
                found.append(self._cuts.behind(seen, number, nothing))
        left = _MOST_CUT_NODES
        reached = self._assembler.ids.members_of_all(self._told_graphs)
        for (graph, _), (event, node) in list(self._assembler.recorded.items())[:_MOST_RECORDED]:
            if left <= 0 or all(event.wanted):
                continue
            cut = self._cuts.under(event, node, graph, reached)
            if cut is not None:
                left -= len(cut.nodes)
                found.append(cut)
        return [cut for cut in found if cut is not None]

    def _merged(self, cuts: list[Cut], live: Graph | None) -> list[Graph]:
        """The live graph with the cuts that belong to it; nothing when there is neither."""
        for cut in cuts:
            if cut.graph not in self._told_graphs:
                live = _grown(live or Graph(self._trace.calls & (2**31 - 1), "live", (), ()), cut)
        return [] if live is None else [live]

    def _named_alive(self, named: list[Seen]) -> list[Seen]:
        """Tensors of variables, then others that have a name and still live."""
        found = {seen.serial: seen for seen in named}
        for seen, _ in self._tensors.alive():
            if seen.names:
                found.setdefault(seen.serial, seen)
        return sorted(found.values(), key=lambda seen: seen.serial)

    def _listed(self, named: list[Seen], deadline: float) -> tuple[Tensor, ...]:
        wanted = {seen.serial: seen for seen in (*self._assembler.mentioned.values(), *named)}
        for seen, _ in self._tensors.alive():
            if seen.names:
                wanted.setdefault(seen.serial, seen)
        kept = list(wanted.values())[: self._limits.tensors]
        self._assembler.truncated_tensors |= len(kept) < len(wanted)
        kept.sort(key=lambda seen: seen.serial)
        preview = min(self._limits.preview_elements, self._limits.result_bytes // (_BYTES_AN_ELEMENT * len(kept) + 1))
        rows = [self._row(seen, max(1, preview), deadline) for seen in kept]
        return tuple(row for row in rows if row is not None)

    def _row(self, seen: Seen, preview: int, deadline: float) -> Tensor | None:
        """None for a tensor whose class is the snippet's and raises when it is looked at."""
        try:
            return self._table.tensor(seen, preview, deadline)
        except MemoryError:
            raise
        except Exception:
            self._assembler.truncated_tensors = True
            return None

    def _truncated(self) -> Truncated:
        return Truncated(
            nodes=self._engine.truncated_nodes,
            edges=self._engine.truncated_nodes,
            tensors=self._assembler.truncated_tensors,
            events=self._trace.truncated,
            graphs=self._engine.truncated_graphs,
        )


def _grown(graph: Graph, cut: Cut) -> Graph:
    fields = {name: getattr(graph, name) for name in Graph.__struct_fields__}
    fields["nodes"] = (*graph.nodes, *cut.nodes)
    fields["edges"] = (*graph.edges, *cut.edges)
    fields["roots"] = tuple(dict.fromkeys((*graph.roots, *cut.tops)))
    return Graph(**fields)


def _live_root(tensor: Any) -> Any | None:
    try:
        return tensor.grad_fn if tensor.requires_grad else None
    except Exception:  # a view that was changed while grad was off, or a class of the snippet's that will not say
        return None


def _key(node: Any) -> Any:
    return (node_sequence_nr(node), id(node))


def _tops(roots: list[Any]) -> list[Any]:
    """Newest first: what is nearest to a loss comes first in the walk."""
    return sorted(dict.fromkeys(roots), key=lambda node: -node_sequence_nr(node))


def _additions(cuts: list[Cut], told: set[int]) -> tuple[GraphAddition, ...]:
    """What graphs that were sent already gain, one addition for each."""
    nodes: dict[int, list[Node]] = {}
    edges: dict[int, list[Edge]] = {}
    for cut in cuts:
        if cut.graph in told:
            nodes.setdefault(cut.graph, []).extend(cut.nodes)
            edges.setdefault(cut.graph, []).extend(cut.edges)
    return tuple(GraphAddition(graph, tuple(nodes[graph]), tuple(edges[graph])) for graph in sorted(nodes))
