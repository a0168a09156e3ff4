"""Numbers that went wrong: the first NaN, the first infinity, gradients that are exactly zero. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from app.explain.finding import Severity, find
from app.explain.index import Index, label, listed
from app.run import Edge, Finding, Graph, Id, Node, Param, Tensor, TensorSummary

STEPS = frozenset(f"{name}Backward0" for name in ("Round", "Sign", "Floor", "Ceil", "Trunc"))
"""Their derivative is zero wherever there is one."""


def has_nan(summary: TensorSummary) -> bool:
    return bool(summary.nans) or "NaN" in (summary.min, summary.max)


def has_inf(summary: TensorSummary) -> bool:
    return bool(summary.infs) or bool({"Infinity", "-Infinity"} & {summary.min, summary.max})


def is_zero(summary: TensorSummary) -> bool:
    """Exactly zero everywhere, seen on every element."""
    if summary.numel == 0 or summary.sampled:
        return False
    if summary.zeros is not None:
        return summary.zeros == summary.numel
    return (summary.norm, summary.min, summary.max) == (0, 0, 0)


def explain_numbers(index: Index) -> Iterator[Finding]:
    yield from _nan_forward(index)
    yield from _first_bad_gradient(index, "nan_gradient", has_nan)
    yield from _first_bad_gradient(index, "inf_gradient", has_inf)
    yield from _zero_gradients(index)


def _nan_forward(index: Index) -> Iterator[Finding]:
    """The earliest operation whose result has NaN though what it was made from has none."""
    bad = {t.id for t in index.run.tensors if t.values is not None and has_nan(t.values)}
    if not bad:
        return
    leaf = next((t for t in index.run.tensors if t.id in bad and t.is_leaf and t.requires_grad), None)
    if leaf is not None:
        yield find("nan_input", "warning", line=leaf.line, tensors=(leaf.id,), params={"name": label(leaf)})
        return
    makers = [node for node in index.nodes.values() if node.kind in ("op", "custom") and bad & set(node.tensors)]
    makers.sort(key=lambda node: (node.sequence_nr is None, node.sequence_nr or 0))
    for node in makers[:1]:
        tensor = next(index.tensors[id_] for id_ in node.tensors if id_ in bad)
        yield find(
            "nan_forward",
            "warning",
            line=node.line or tensor.line,
            nodes=index.ref(node),
            tensors=(tensor.id,),
            certainty="likely" if tensor.version else "certain",
            params={"name": label(tensor), "node": node.name, "line": node.line},
        )


def _first_bad_gradient(index: Index, code: str, bad: Callable[[TensorSummary], bool]) -> Iterator[Finding]:
    """The first node of the first call that took only good gradients and gave a bad one."""
    for graph in index.calls:
        node = _turning_point(graph, bad)
        if node is not None:
            tensors = tuple(id_ for id_ in graph.accumulates if _grad_is(index.tensors.get(id_), bad))
            params = {"node": node.name, "line": node.line}
            yield find(code, "warning", line=node.line, nodes=index.ref(node), tensors=tensors, params=params)
            return


def _turning_point(graph: Graph, bad: Callable[[TensorSummary], bool]) -> Node | None:
    """The first node in the engine's order with no bad gradient coming in and one going out."""
    coming, going = set(), set()
    for edge in graph.edges:
        if edge.kind == "gradient" and edge.gradient is not None and bad(edge.gradient):
            coming.add(edge.target)
            going.add(edge.source)
    nodes = {node.id: node for node in graph.nodes}
    return next((nodes[id_] for id_ in graph.order if id_ in going - coming and id_ in nodes), None)


def _grad_is(tensor: Tensor | None, bad: Callable[[TensorSummary], bool]) -> bool:
    return tensor is not None and tensor.grad is not None and bad(tensor.grad)


def _zero_gradients(index: Index) -> Iterator[Finding]:
    """Leaves whose gradient is exactly zero, by the operation that made it so in the last call."""
    zero = {t.id for t in index.run.tensors if t.is_leaf and t.grad is not None and is_zero(t.grad)}
    if not zero or not index.calls:
        return
    graph = index.calls[-1]
    by_node: defaultdict[int, list[str]] = defaultdict(list)
    origins = _zero_origins(graph)
    for node in graph.nodes:
        if node.kind == "accumulate_grad" and node.id in origins:
            for tensor in zero.intersection(node.tensors):
                by_node[origins[node.id]].append(label(index.tensors[tensor]))
    for id_, names in by_node.items():
        node = index.nodes[id_]
        step = node.name in STEPS
        if node.line is not None:
            params: dict[str, Param] = {"names": listed(names), "node": node.name, "line": node.line}
            code = "zero_gradient_step" if step else "zero_gradient"
            severity: Severity = "warning" if step else "info"
            yield find(code, severity, line=node.line, nodes=index.ref(node), params=params)


def _zero_origins(graph: Graph) -> dict[Id, Id]:
    """For nodes that only zero gradients reached: the node where the gradient became zero on the first such way."""
    alive: set[Id] = set(graph.roots)
    origins: dict[Id, Id] = {}
    by_source: defaultdict[Id, list[Edge]] = defaultdict(list)
    for edge in graph.edges:
        if edge.kind == "gradient" and edge.gradient is not None:
            by_source[edge.source].append(edge)
            if not is_zero(edge.gradient):
                alive.add(edge.target)
    known = {node.id for node in graph.nodes}
    for source in graph.order:
        for edge in by_source[source]:
            if edge.target not in alive and {source, edge.target} <= known:
                origins.setdefault(edge.target, origins.get(source, source))
    return origins
