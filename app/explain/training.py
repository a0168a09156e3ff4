"""Things that run and may still not be meant: sums over calls, parts that no call reached. Pure.

Ordinary training code gets nothing above "info" here: a warning must be certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.explain import fixes
from app.explain.finding import find
from app.explain.index import Index, label, listed
from app.explain.source import Source
from app.run import Finding, Fix, Line, Param, Tensor

MOST_HISTORY = 64
CLEARS = re.compile(r"zero_grad|\.grad\s*=[^=]|\.grad\.zero_|grad\.(fill_|copy_|mul_)|del\s+\S+\.grad|clear_grad")


def explain_training(index: Index, source: Source) -> Iterator[Finding]:
    yield from _no_backward(index, source)
    yield from _non_leaf_read(index, source)
    yield from _accumulated(index)
    yield from _retained_twice(index)
    yield from _created_graph_kept(index)
    yield from _unused_parameters(index)


def _no_backward(index: Index, source: Source) -> Iterator[Finding]:
    """A run that ended well, built a graph and never called backward()."""
    recorded = any(node.kind in ("op", "custom") for graph in index.live for node in graph.nodes)
    if index.run.status != "ok" or index.calls or not recorded:
        return
    tops = [t for t in index.run.tensors if t.alive and t.requires_grad and not t.is_leaf and _is_top(index, t)]
    scalars = [tensor for tensor in tops if tensor.names and tensor.shape in ((), (1,))]
    fix: Fix | None = None
    if len(scalars) == 1:
        fix = fixes.call_after(source, scalars[0].line, label(scalars[0]), "backward", outermost=True)
    yield find("no_backward", "info", tensors=tuple(t.id for t in scalars), fix=fix)


def _is_top(index: Index, tensor: Tensor) -> bool:
    edges = index.above.get(tensor.grad_fn.node, ()) if tensor.grad_fn is not None else ()
    return all(edge.kind == "cut" for edge in edges)


def _non_leaf_read(index: Index, source: Source) -> Iterator[Finding]:
    """The snippet reads `.grad` of a tensor that does not keep it (PyTorch warns there too)."""
    for tensor in index.run.tensors:
        if tensor.grad_reason is None or tensor.grad_reason.code != "non_leaf" or not tensor.names:
            continue
        name = tensor.names[0]
        read = re.search(rf"(?<![\w.]){re.escape(name)}\.grad\b(?!_|\s*=[^=])", index.run.code)
        if read is not None and name.isidentifier():
            params: dict[str, Param] = {"name": name, "line": tensor.line}
            fix = fixes.call_after(source, tensor.line, name, "retain_grad")
            yield find("non_leaf", "warning", line=tensor.line, tensors=(tensor.id,), params=params, fix=fix)


def _accumulated(index: Index) -> Iterator[Finding]:
    """Gradients that several calls added up since they were last cleared; a warning where a step used them before.

    A step between two calls that nothing ever clears is the forgotten `zero_grad()`. With clearing anywhere in sight it
    may be meant (two losses, two optimizers, gradients gathered over batches), so that is only told.
    """
    if index.run.truncated.graphs:
        return
    clears = CLEARS.search(index.run.code) is not None
    groups: dict[tuple[int, Line | None], list[Tensor]] = {}
    for tensor in index.run.tensors:
        wrote = _writes(index, tensor)
        if len(wrote) > 1 and tensor.grad is not None and len(tensor.history) < MOST_HISTORY:
            step = None if clears or _cleared(tensor) else _step_between(tensor, wrote)
            groups.setdefault((len(wrote), step), []).append(tensor)
    for (count, step), tensors in groups.items():
        ids, names = tuple(t.id for t in tensors[:64]), listed(label(t) for t in tensors)
        if step is not None:
            params: dict[str, Param] = {"name": names, "count": count, "step": step}
            yield find("never_cleared", "warning", line=step, tensors=ids, params=params)
        else:
            yield find("accumulated", "info", tensors=ids, params={"name": names, "count": count})


def _writes(index: Index, tensor: Tensor) -> list[int]:
    """The calls, counted from 1, that added to `.grad` since it was last cleared."""
    since = max(_cleared(tensor), default=0)
    numbered = enumerate(index.calls, start=1)
    return [number for number, graph in numbered if number > since and tensor.id in graph.accumulates]


def _cleared(tensor: Tensor) -> list[int]:
    return [entry.calls for entry in tensor.history if entry.what == "grad_cleared"]


def _step_between(tensor: Tensor, wrote: list[int]) -> Line | None:
    """The line that changed the tensor after one of these calls and before another, at least twice in the run."""
    steps = [e for e in tensor.history if e.what == "modified_in_place" and e.calls >= wrote[0]]
    between = [entry for entry in steps if entry.calls < wrote[-1]]
    return between[0].line if between and len({entry.calls for entry in steps}) > 1 else None


def _retained_twice(index: Index) -> Iterator[Finding]:
    """The same root was walked again: without saved tensors nothing stops it, and the gradients double."""
    seen: dict[int, int] = {}
    for graph in index.calls:
        if graph.kind == "backward" and graph.error is None and not graph.retained:
            for root in graph.roots:
                seen[root] = seen.get(root, 0) + 1
    count = max(seen.values(), default=0)
    if count > 1:
        yield find("retained_twice", "info", params={"count": count})


def _created_graph_kept(index: Index) -> Iterator[Finding]:
    kept = next((g for g in index.calls if g.kind == "backward" and g.create_graph and g.error is None), None)
    if kept is not None:
        yield find("created_graph_kept", "info", line=kept.line)


def _unused_parameters(index: Index) -> Iterator[Finding]:
    """Parameters that no call reached although others of the run were."""
    if index.run.status != "ok" or not any(graph.accumulates for graph in index.calls):
        return
    codes = ("unused", "not_on_path", "not_on_path_plain")
    missed = [t for t in index.run.tensors if t.is_parameter and t.grad_reason and t.grad_reason.code in codes]
    if missed:
        params: dict[str, Param] = {"names": listed(label(t) for t in missed), "count": len(missed)}
        yield find("unused_parameters", "info", tensors=tuple(t.id for t in missed[:64]), params=params)
