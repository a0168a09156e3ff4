"""All of capture for one run: what watches while the snippet runs, and what is told at its end. Inside the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from app.protocol import GraphCaptured, Limits
from app.run import Graph, GraphAddition, Tensor, Truncated
from app.worker.assemble import Assembler
from app.worker.cuts import Cut, Cuts
from app.worker.engine import Call, Engine
from app.worker.modules import Modules
from app.worker.names import Names
from app.worker.places import Places
from app.worker.program import Program
from app.worker.seams import Seams
from app.worker.tensors import Seen, Tensors
from app.worker.trace import Trace
from app.worker.walk import node_sequence_nr, walk

_MOST_CUTS = 200


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
        self._cuts = Cuts(self._assembler)
        self._engine = Engine(
            self._trace, self._tensors, limits.graphs, limits.nodes, self._assembler.describe, self._call_ended
        )
        self._assembler.attach(self._engine.event_of)
        modules = Modules(self._trace)
        self._names = Names(self._tensors, self._trace, modules, program.bindings)
        self.seams = Seams(self._trace, self._tensors, self._engine, modules, self._names.bound)
        self._told_graphs: set[int] = set()

    @property
    def last_line(self) -> int | None:
        return self._trace.last_line

    # --- while it runs ---

    def _call_ended(self, call: Call) -> None:
        graph = self._assembler.graph(call)
        if call.error is not None:
            graph = self._with_ungraphed_roots(graph, call)
        self._told_graphs.add(graph.id)
        self._tell(GraphCaptured(graph))

    def _with_ungraphed_roots(self, graph: Graph, call: Call) -> Graph:
        """A root that has no graph is explained by the unrecorded operations behind it."""
        bare = [seen for seen in call.roots if not seen.requires_grad_now()]
        for cut in (self._cuts.behind(bare, lambda _: True), self._cuts.lone(bare, lambda _: True)):
            if cut is not None:
                self._cuts.place_in(cut, graph.id)
                graph = _grown(graph, cut)
        return graph

    # --- at the end ---

    def finish(self, namespace: dict[str, Any], quick: bool) -> Ending:
        """Send the live graph; return the tensors, and the operations that explain where gradients stop."""
        if quick:
            for call in self._engine.active[:]:
                self._call_ended(call)
        with torch._C.DisableTorchFunction():
            named = self._names.from_namespace(namespace)
            live = self._live_graph()
            additions, live = self._explained(named, live)
            if live is not None:
                self._tell(GraphCaptured(live))
            return Ending(self._listed(named), tuple(additions), self._truncated())

    def _live_graph(self) -> Graph | None:
        reached = self._assembler.numbers.known
        roots: list[Any] = []
        for _, tensor in self._tensors.alive():
            node = _live_root(tensor)
            if node is not None and reached(_key(node)) is None:
                roots.append(node)
        if not roots:
            return None
        walked = walk(_tops(roots), max(10, self._engine.nodes_left()))
        try:
            return self._assembler.live_graph(self._trace.calls, walked)
        finally:
            walked.let_go()

    def _explained(self, named: list[Seen], live: Graph | None) -> tuple[list[GraphAddition], Graph | None]:
        """Put each kept cut into the graph it hangs on, the rest into the live graph."""
        nothing = not self._told_graphs and live is None
        additions: list[GraphAddition] = []
        for seen in _latest(self._tensors, named)[:_MOST_CUTS]:
            cut = self._cuts.behind([seen], lambda c: c.stops or c.frozen or nothing)
            if cut is None:
                continue
            if cut.graph is not None and cut.graph in self._told_graphs:
                self._cuts.place_in(cut, cut.graph)
                additions.append(GraphAddition(cut.graph, tuple(cut.nodes), tuple(cut.edges)))
            else:
                live = live or Graph(self._trace.calls, "live", (), ())
                self._cuts.place_in(cut, live.id)
                live = _grown(live, cut)
        return additions, live

    def _listed(self, named: list[Seen]) -> tuple[Tensor, ...]:
        wanted = {seen.serial: seen for seen in (*self._assembler.mentioned.values(), *named)}
        for seen, _ in self._tensors.alive():
            if seen.names:
                wanted.setdefault(seen.serial, seen)
        kept = list(wanted.values())[: self._limits.tensors]
        self._assembler.truncated_tensors |= len(kept) < len(wanted)
        kept.sort(key=lambda seen: seen.serial)
        return tuple(self._assembler.tensor(seen, self._limits.preview_elements) for seen in kept)

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
    known = {node.id for node in graph.nodes}
    fields["nodes"] = (*graph.nodes, *(node for node in cut.nodes if node.id not in known))
    fields["edges"] = (*graph.edges, *cut.edges)
    fields["roots"] = tuple(dict.fromkeys((*graph.roots, *cut.tops)))
    return Graph(**fields)


def _live_root(tensor: Any) -> Any | None:
    try:
        return tensor.grad_fn if tensor.requires_grad else None
    except RuntimeError:  # a view that was changed while grad was off
        return None


def _key(node: Any) -> Any:
    return (node_sequence_nr(node), id(node))


def _tops(roots: list[Any]) -> list[Any]:
    """Newest first: what is nearest to a loss comes first in the walk."""
    return sorted(dict.fromkeys(roots), key=lambda node: -node_sequence_nr(node))


def _latest(tensors: Tensors, named: list[Seen]) -> list[Seen]:
    """Named tensors that may need an explanation: those of variables, then others that still live."""
    found = {seen.serial: seen for seen in named}
    for seen, _ in tensors.alive():
        if seen.names:
            found.setdefault(seen.serial, seen)
    return sorted(found.values(), key=lambda seen: seen.serial)
