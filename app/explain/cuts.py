"""Where a gradient stops: cut edges, as codes and as words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.explain.index import Index, label
from app.run import Edge, Id, Line, Node, Param

CUT_CODES: Final = {
    "detach": "cut_by_detach",
    "data": "cut_by_data",
    "item": "cut_by_item",
    "numpy": "cut_by_numpy",
    "rewrapped": "cut_by_rewrap",
    "no_grad": "made_under_no_grad",
    "inference_mode": "made_under_inference_mode",
    "integer": "cut_by_integer",
    "not_differentiable": "not_differentiable",
}
CUT_WORDS: Final = {
    "detach": "detach()",
    "data": ".data",
    "item": ".item()",
    "numpy": ".numpy()",
    "rewrapped": "torch.tensor(…)",
    "no_grad": "torch.no_grad()",
    "inference_mode": "torch.inference_mode()",
    "integer": "an integer dtype",
}


@dataclass(frozen=True)
class Cut:
    edge: Edge
    node: Node

    @property
    def line(self) -> Line | None:
        """Where the operation stands whose result is cut off."""
        return self.node.line or self.edge.line

    @property
    def block(self) -> Line | None:
        """Where recording was switched off, or else where the cut was made."""
        return self.edge.line or self.node.line

    @property
    def words(self) -> str:
        return CUT_WORDS.get(self.edge.reason or "", self.node.name)

    def code(self) -> tuple[str, dict[str, Param]]:
        """The reason code of this cut and the parameters of its sentence."""
        code = CUT_CODES.get(self.edge.reason or "")
        if code is None or self.line is None:
            return "cut_plain", {"how": self.words}
        params: dict[str, Param] = {"line": self.block}
        if code.startswith("made_under"):
            params = {"line": self.line, "block": self.block}
        elif code == "not_differentiable":
            params["operation"] = self.node.name
        return code, params


def cut_of(index: Index, edge: Edge) -> Cut | None:
    node = index.nodes.get(edge.source)
    real = edge.kind == "cut" and edge.reason in CUT_CODES
    return Cut(edge, node) if real and node is not None else None


@dataclass(frozen=True)
class Upstream:
    """What lies above something that was not recorded: the first cuts on each way, and the leaves on ways without."""

    cuts: tuple[Cut, ...]
    leaves: tuple[Id, ...]
    frozen: tuple[Id, ...]


def upstream(index: Index, start: list[Id]) -> Upstream:
    """Walk from unrecorded operations towards the leaves, each way up to its first cut."""
    seen, waiting = set(start), list(start)
    cuts: list[Cut] = []
    leaves: dict[Id, None] = {}
    frozen: dict[Id, None] = {}
    while waiting:
        node = index.nodes.get(waiting.pop(0))
        if node is None:
            continue
        if node.kind in ("leaf", "accumulate_grad"):
            leaves.update(dict.fromkeys(node.tensors))
        for edge in index.below.get(node.id, ()):
            cut = cut_of(index, edge)
            if cut is not None:
                cuts.append(cut)
                continue
            if edge.reason == "frozen":
                target = index.nodes.get(edge.target)
                frozen.update(dict.fromkeys(target.tensors if target is not None else ()))
            if edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    return Upstream(tuple(cuts), tuple(leaves), tuple(frozen))


def nearest_cuts(index: Index) -> dict[Id, Cut]:
    """For each node below a cut, the cut nearest to it: cuts that lead to a call first, then in the order of the run.

    One walk for all, so that many leaves below many cuts cost no more than the graph is large.
    """
    cuts = [cut for edges in index.below.values() for edge in edges if (cut := cut_of(index, edge)) is not None]
    cuts.sort(key=lambda cut: not leads_to_call(index, cut))
    found: dict[Id, Cut] = {}
    for cut in cuts:
        found.setdefault(cut.edge.target, cut)
    waiting = list(found)
    for node in waiting:
        for edge in index.below.get(node, ()):
            if edge.kind == "gradient" and edge.target not in found:
                found[edge.target] = found[node]
                waiting.append(edge.target)
    return found


def leads_to_call(index: Index, cut: Cut) -> bool:
    """The result of the cut was saved by an operation that a call walked, or the call walked the cut itself."""
    return cut.node.id in index.walked or any(tensor in index.saved_in_calls for tensor in cut.node.tensors)


def names_of(index: Index, ids: tuple[Id, ...]) -> list[str]:
    return [label(tensor) for id_ in ids if (tensor := index.tensors.get(id_)) is not None]
