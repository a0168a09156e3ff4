"""Why a tensor has no gradient: one reason for each. Pure.

Rules go from what is certain of the tensor itself, over what the calls did, to what its graph suggests. Those that
conclude from what was not seen say `certainty: "likely"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.explain.codes import PLAIN, REASONS
from app.explain.cuts import Cut, cut_of, leads_to_call, names_of, nearest_cuts, upstream
from app.explain.index import Index, label, listed
from app.run import Graph, HistoryKind, Id, Line, Node, Param, Reason, Tensor

INTEGER_DTYPES = ("int", "uint", "bool", "bits")


@dataclass(frozen=True)
class Evidence:
    """What the rules share, computed once for a run."""

    index: Index
    cuts: dict[Id, Cut]
    """The cut nearest above each node."""
    elsewhere: frozenset[Id]
    """Nodes below a live result that no cut goes out from."""


def gather(index: Index) -> Evidence:
    cuts = nearest_cuts(index)
    targets = {cut.edge.target for cut in cuts.values()}
    tops = {node.id for graph in index.live for node in graph.nodes if node.id not in index.above} - targets
    return Evidence(index, cuts, frozenset(index.down(tops, through_cuts=False)))


def reason(evidence: Evidence, tensor: Tensor) -> Reason:
    """Why `tensor.grad` is None."""
    if not tensor.alive:
        return say("gone")
    if not tensor.requires_grad:
        return _needs_none(evidence, tensor)
    if not tensor.is_leaf and not tensor.retains_grad:
        return _not_a_leaf(evidence.index, tensor)
    return _not_reached(evidence, tensor)


def say(code: str, certainty: str = "certain", **params: Param) -> Reason:
    """A reason whose sentence can be filled; the plain one where a line or a name is missing."""
    return _filled(code, certainty, params)


def _filled(code: str, certainty: str, params: Mapping[str, Param]) -> Reason:
    if any(params.get(name) is None for name in REASONS[code]):
        code += PLAIN
    known = {name: value for name, value in params.items() if value is not None}
    return Reason(code, {**known, "certainty": certainty})


def _cut_reason(cut: Cut, certainty: str) -> Reason:
    code, params = cut.code()
    return _filled(code, certainty, params)


def last_line(tensor: Tensor, what: HistoryKind) -> Line | None:
    return next((entry.line for entry in reversed(tensor.history) if entry.what == what), None)


# --- requires_grad is False -----------------------------------------------------------------------------------------


def _needs_none(evidence: Evidence, tensor: Tensor) -> Reason:
    index = evidence.index
    if tensor.is_parameter or last_line(tensor, "requires_grad_off") is not None:
        return say("frozen", line=last_line(tensor, "requires_grad_off"))
    makers = [node.id for node in index.makers.get(tensor.id, ()) if node.kind == "unrecorded"]
    above = upstream(index, makers)
    if above.cuts:
        return _cut_off(index, tensor, above.cuts[0])
    if tensor.dtype.removeprefix("torch.").startswith(INTEGER_DTYPES):
        return say("integer_dtype", dtype=tensor.dtype.removeprefix("torch."))
    if above.leaves:
        return _made_from_plain(tensor, listed(names_of(index, above.leaves)))
    return say("never_required", line=tensor.line)


def _made_from_plain(tensor: Tensor, inputs: str) -> Reason:
    if tensor.line is None or not inputs:
        return say("never_required", line=tensor.line)
    return say("inputs_never_required", line=tensor.line, inputs=inputs)


def _cut_off(index: Index, tensor: Tensor, cut: Cut) -> Reason:
    source = index.nodes.get(cut.edge.target)
    inputs = [index.tensors[id_] for id_ in source.tensors if id_ in index.tensors] if source is not None else []
    renewed = {name for leaf in inputs if leaf.id != tensor.id for name in leaf.names} & set(tensor.names)
    if cut.edge.reason == "no_grad" and renewed and cut.line is not None:
        return say("lost_by_update", name=min(renewed), line=cut.line)
    return _cut_reason(cut, "certain")


# --- computed by a recorded operation -------------------------------------------------------------------------------


def _not_a_leaf(index: Index, tensor: Tensor) -> Reason:
    made_by = tensor.grad_fn_name
    lost = _lost_leaf(index, tensor)
    if lost is not None and tensor.line is not None and made_by is not None:
        if lost.names and lost.line is not None:
            return say("leaf_overwritten", name=label(tensor), line=tensor.line, leaf_line=lost.line)
        if not lost.names and lost.line == tensor.line:
            return say("leaf_unnamed", name=label(tensor), line=tensor.line, made_by=made_by)
    return say("non_leaf", name=label(tensor), line=tensor.line, made_by=made_by)


def _lost_leaf(index: Index, tensor: Tensor) -> Tensor | None:
    """The leaf right above `tensor` that had its name before, or that never had one."""
    start = tensor.grad_fn.node if tensor.grad_fn is not None else None
    for edge in index.below.get(start, ()) if start is not None else ():
        node = index.nodes.get(edge.target)
        if node is None or node.kind != "accumulate_grad":
            continue
        for leaf in (index.tensors[id_] for id_ in node.tensors if id_ in index.tensors):
            if (
                leaf.id != tensor.id
                and not leaf.is_parameter
                and (set(leaf.names) & set(tensor.names) or not leaf.names)
            ):
                return leaf
    return None


# --- a leaf that needs a gradient and has none ----------------------------------------------------------------------


def _not_reached(evidence: Evidence, tensor: Tensor) -> Reason:
    index = evidence.index
    wrote = [graph for graph in index.calls if tensor.id in graph.accumulates]
    if wrote:
        cleared = last_line(tensor, "grad_cleared")
        return say("cleared", "certain" if cleared else "likely", line=cleared, call=wrote[-1].line)
    nodes = {node.id for node in index.makers.get(tensor.id, ()) if node.kind != "unrecorded"}
    for graph in reversed(index.calls):
        # Without AccumulateGrad it stands only above a cut; of a call that failed that is all there is.
        here = [n for n in graph.nodes if n.id in nodes and (n.kind != "leaf" or graph.error is not None)]
        if here:
            return _passed_by(index, graph, here)
    if not any(graph.kind == "backward" for graph in index.calls):
        return _nothing_called(index)
    if all(graph.error is not None for graph in index.calls if graph.kind == "backward"):
        return _after_failure(index, evidence, nodes)
    return _off_the_path(evidence, tensor, nodes)


def _passed_by(index: Index, graph: Graph, here: list[Node]) -> Reason:
    """The graph of a call has the leaf, and yet nothing was written to it."""
    if graph.error is not None:
        return say("backward_failed", call=graph.line)
    if graph.kind == "grad":
        return say("only_autograd_grad", call=graph.line)
    if not any(node.executed for node in here):
        return say("not_among_inputs", call=graph.line)
    for node in here:
        for edge in index.above.get(node.id, ()):
            source = index.nodes.get(edge.source)
            if source is not None and source.kind == "custom" and edge.gradient is None:
                return say("backward_returned_none", function=source.name, line=source.line)
    return say("backward_returned_none_plain", "likely")


def _nothing_called(index: Index) -> Reason:
    run = index.run
    if run.error is not None or run.limit is not None or run.status == "killed":
        return say("stopped_early", line=run.error.line if run.error is not None else run.last_line)
    return say("no_backward")


def _after_failure(index: Index, evidence: Evidence, nodes: set[Id]) -> Reason:
    cut = _cut_above(evidence, nodes)
    if cut is not None:
        return _cut_reason(cut, "certain" if leads_to_call(index, cut) else "likely")
    return say("backward_failed", call=index.calls[-1].line)


def _off_the_path(evidence: Evidence, tensor: Tensor, nodes: set[Id]) -> Reason:
    index = evidence.index
    call = next((graph.line for graph in reversed(index.calls) if graph.kind == "backward"), None)
    cut = _cut_above(evidence, nodes)
    if cut is not None:
        return _cut_reason(cut, "certain" if leads_to_call(index, cut) else "likely")
    if nodes:
        used = next(
            (line for node in nodes for edge in index.above.get(node, ()) if (line := _line(index, edge.source))), None
        )
        return say("not_on_path", call=call, used=used)
    orphan = _orphan_cut(index, tensor)
    if orphan is not None:
        return say("unused_or_cut", "likely", name=label(tensor), how=orphan.words, line=orphan.block)
    return say("unused", "likely", name=label(tensor))


def _orphan_cut(index: Index, tensor: Tensor) -> Cut | None:
    """A cut above a computed tensor that is freed, so that it is not known any more what that was computed from."""
    for edge in index.cut_edges:
        target, cut = index.nodes.get(edge.target), cut_of(index, edge)
        if cut is not None and target is not None and target.kind == "leaf" and tensor.id not in target.tensors:
            stood_for = [index.tensors[id_] for id_ in target.tensors if id_ in index.tensors]
            if any(not seen.is_leaf or not seen.alive for seen in stood_for):
                return cut
    return None


def _cut_above(evidence: Evidence, nodes: set[Id]) -> Cut | None:
    """The cut between the leaf and the loss; not one that merely looked at it while it is used in another way."""
    for node in sorted(nodes):
        cut = evidence.cuts.get(node)
        if cut is not None and (node not in evidence.elsewhere or leads_to_call(evidence.index, cut)):
            return cut
    return None


def _line(index: Index, id_: Id) -> Line | None:
    node = index.nodes.get(id_)
    return node.line if node is not None else None
