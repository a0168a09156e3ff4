"""Errors of a call that cannot start: its root has no graph, or is not a single real number. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.explain import fixes
from app.explain.cuts import Upstream, names_of, upstream
from app.explain.finding import find
from app.explain.index import Index, label, listed, shape_text
from app.explain.source import Source
from app.run import Finding, Fix, Graph, SnippetError, Tensor

OFFERED_LEAVES = 4


def root_has_no_graph(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    """`element 0 of tensors does not require grad`: the cuts above the root, or the leaves that nobody asked for."""
    call = index.failed_call()
    above = upstream(index, list(call.roots)) if call is not None else Upstream((), (), ())
    if above.cuts:
        cut = above.cuts[0]
        lines = {"called": error.line, "cut": cut.line, "block": cut.block}
        params = {"how": cut.words, "cut": cut.block}
        yield find("root_has_no_graph_cut", "error", line=error.line, lines=lines, params=params)
        return
    leaves = [tensor for id_ in above.leaves if (tensor := index.tensors.get(id_)) is not None]
    missing = _made_by_grad(index, leaves, error)
    if missing is not None:
        params = {"call": missing.line}
        yield find("create_graph_missing", "error", line=error.line, lines={"call": missing.line}, params=params)
    elif above.frozen or (leaves and any(leaf.is_parameter for leaf in leaves)):
        ids = above.frozen or tuple(leaf.id for leaf in leaves if leaf.is_parameter)
        params = {"leaves": listed(names_of(index, ids))}
        yield find("root_has_no_graph_frozen", "error", line=error.line, tensors=ids, params=params)
    else:
        yield from _nobody_asked(source, leaves, error)


def _nobody_asked(source: Source, leaves: list[Tensor], error: SnippetError) -> Iterator[Finding]:
    offers = [(leaf, fix) for leaf in leaves if (fix := _let_require(source, leaf)) is not None]
    made = next((leaf.line for leaf in leaves if leaf.line is not None), None)
    names = listed(label(leaf) for leaf in leaves)
    yield find(
        "root_has_no_graph",
        "error",
        line=error.line,
        lines={"called": error.line, "made": made},
        tensors=tuple(leaf.id for leaf in leaves),
        params={"leaves": names or None, "made": made},
        fix=offers[0][1] if len(offers) == 1 else None,
    )
    for leaf, fix in offers[:OFFERED_LEAVES] if len(offers) > 1 else ():
        params = {"name": label(leaf), "line": leaf.line}
        yield find("never_required", "info", line=leaf.line, tensors=(leaf.id,), params=params, fix=fix)


def _let_require(source: Source, leaf: Tensor) -> Fix | None:
    floating = leaf.dtype.removeprefix("torch.").startswith(("float", "bfloat", "complex", "double", "half"))
    return fixes.require_grad(source, leaf.line) if floating and not leaf.is_parameter else None


def _made_by_grad(index: Index, leaves: list[Tensor], error: SnippetError) -> Graph | None:
    """The `autograd.grad` call without `create_graph` whose result the root was computed from."""
    lines = {leaf.line for leaf in leaves if leaf.line is not None} - {error.line}
    earlier = [graph for graph in index.calls if graph.kind == "grad" and graph.error is None]
    return next((g for g in earlier if not g.create_graph and g.line is not None and g.line in lines), None)


def non_scalar_root(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    complex_ = re.search(r"real scalar outputs but got ([\w.]+)", error.message)
    if complex_ is not None:
        params = {"dtype": complex_[1]}
        yield find("complex_root", "error", line=error.line, params=params)
        return
    shape = _root_shape(index)
    params = {"shape": shape}
    yield find(
        "non_scalar_root",
        "error",
        line=error.line,
        params=params,
        fix=fixes.reduce_root(source, error.line) if shape is not None else None,
    )


def _root_shape(index: Index) -> str | None:
    call = index.failed_call()
    roots = [index.nodes.get(id_) for id_ in call.roots] if call is not None else []
    for node in roots:
        tensors = [index.tensors[id_] for id_ in node.tensors if id_ in index.tensors] if node is not None else []
        shapes = [out.shape for out in node.outputs] if node is not None else []
        for shape in shapes + [tensor.shape for tensor in tensors]:
            if shape:
                return shape_text(shape)
    return None
