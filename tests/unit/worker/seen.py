"""Evaluates a snippet in this process and gives what was told in a form that is easy to ask."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from app.protocol import Finished, GraphCaptured, Job, Limits, Progress, decode_from_child, encode
from app.run import Edge, Graph, Node, Tensor
from app.worker.evaluate import Evaluation


@dataclass
class Seen:
    messages: list
    faults: list[str]

    @property
    def finished(self) -> Finished:
        assert isinstance(self.messages[-1], Finished)
        return self.messages[-1]

    @property
    def graphs(self) -> list[Graph]:
        """The graphs with what was added to them afterwards, in the order of the calls."""
        told = sorted((m.graph for m in self.messages if isinstance(m, GraphCaptured)), key=lambda g: g.id)
        return [self._whole(graph) for graph in told]

    def _whole(self, graph: Graph) -> Graph:
        fields = {name: getattr(graph, name) for name in Graph.__struct_fields__}
        for addition in self.finished.additions:
            if addition.graph == graph.id:
                fields["nodes"] += addition.nodes
                fields["edges"] += addition.edges
        return Graph(**fields)

    @property
    def progress(self) -> list[Progress]:
        return [m for m in self.messages if isinstance(m, Progress)]

    def node(self, name: str, graph: int = 0) -> Node:
        return next(n for n in self.graphs[graph].nodes if n.name == name)

    def names(self, graph: int = 0) -> list[str]:
        return [n.name for n in self.graphs[graph].nodes]

    def edges(self, source: str, graph: int = 0) -> list[Edge]:
        return [e for e in self.graphs[graph].edges if e.source == self.node(source, graph).id]

    def cuts(self, graph: int = 0) -> list[tuple[str, str, str, int | None]]:
        """(from, to, reason, line) of every cut edge."""
        name = {n.id: n.name for n in self.graphs[graph].nodes}
        return [(name[e.source], name[e.target], e.reason, e.line) for e in self.graphs[graph].edges if e.kind == "cut"]

    def tensor(self, name: str) -> Tensor:
        """The tensor that has this name, the latest one if there are several."""
        return [t for t in self.finished.tensors if name in t.names][-1]


def see(code: str, seed: int = 0, **limits) -> Seen:
    """Evaluate `import torch` and `code`; every message goes through the strict decoder."""
    return see_exactly(f"import torch; from torch import nn\n{code}", seed, **limits)


def see_exactly(code: str, seed: int = 0, **limits) -> Seen:
    messages: list = []
    evaluation = Evaluation(Job(code, seed, Limits(**limits)), lambda m: messages.append(decode_from_child(encode(m))))
    with warnings.catch_warnings():
        warnings.resetwarnings()
        evaluation.run()
    return Seen(messages, evaluation._capture.faults if evaluation._capture else [])
