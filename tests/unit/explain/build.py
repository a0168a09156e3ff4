"""Small runs built by hand, for rules that are tested without a worker."""

from __future__ import annotations

from typing import Any

from app.run import (
    Edge,
    Graph,
    HistoryEntry,
    Node,
    NodeRef,
    Output,
    Run,
    SnippetError,
    Tensor,
    TensorSummary,
    Timings,
    Versions,
)


def summary(*values: float, **fields: Any) -> TensorSummary:
    """A summary of one-dimensional values: zeros, NaN and infinities are counted from them."""
    nans = sum(value != value for value in values)
    infs = sum(value in (float("inf"), float("-inf")) for value in values)
    zeros = sum(value == 0 for value in values)
    return TensorSummary((len(values),), "float32", len(values), zeros=zeros, nans=nans, infs=infs, **fields)


def leaf(id_: int, name: str | None = None, **fields: Any) -> Tensor:
    given = {"shape": (2,), "dtype": "float32", "line": id_, "requires_grad": True, **fields}
    return Tensor(id=id_, names=(name,) if name else (), **given)


def computed(id_: int, name: str | None = None, node: int | None = None, **fields: Any) -> Tensor:
    ref = NodeRef(0, node) if node is not None else None
    return leaf(id_, name, is_leaf=False, grad_fn=ref, grad_fn_name="MulBackward0", **fields)


def node(id_: int, kind: Any = "op", name: str = "MulBackward0", **fields: Any) -> Node:
    return Node(id=id_, kind=kind, name=name, **fields)


def accumulate(id_: int, tensor: int, **fields: Any) -> Node:
    return Node(id=id_, kind="accumulate_grad", name="AccumulateGrad", tensors=(tensor,), **fields)


def flow(source: int, target: int, gradient: TensorSummary | None = None) -> Edge:
    return Edge(source, target, gradient=gradient)


def cut(source: int, target: int, reason: Any, line: int | None = None) -> Edge:
    return Edge(source, target, kind="cut", reason=reason, line=line)


def graph(kind: Any, nodes: list[Node], edges: list[Edge], id_: int = 0, **fields: Any) -> Graph:
    return Graph(id=id_, kind=kind, nodes=tuple(nodes), edges=tuple(edges), **fields)


def history(*entries: tuple[Any, int, int]) -> tuple[HistoryEntry, ...]:
    return tuple(HistoryEntry(what, line, calls) for what, line, calls in entries)


def error(message: str, line: int | None = 1, type_: str = "RuntimeError", **fields: Any) -> SnippetError:
    return SnippetError(type_, message, line, **fields)


def run(code: str = "", **fields: Any) -> Run:
    status = "error" if "error" in fields else "ok"
    base = {"id": "r", "status": status, "code": code, "seed": 0, "versions": Versions(), "timings": Timings()}
    for several in ("tensors", "graphs"):
        fields[several] = tuple(fields.get(several, ()))
    return Run(**{**base, "limits": {}, "output": Output(), **fields})
