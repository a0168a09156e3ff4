"""Walking an autograd graph: breadth first, without recursion, deterministic. Inside the sandbox."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from typing import Any

import torch

from app.worker.text import sendable

_WALKED_AT_MOST = 2_000_000


def _accumulate_grad_type() -> Any:
    leaf = torch.zeros((), requires_grad=True)
    with torch.enable_grad():
        return type(leaf.view_as(leaf).grad_fn.next_functions[0][0])


AccumulateGrad: Any = _accumulate_grad_type()
PythonNode: Any = torch._C._FunctionBase


@dataclass(slots=True)
class Walk:
    """The nodes reachable from the roots, nearest first; `position` finds a node's place in `nodes`.

    `nexts[i]` is `nodes[i].next_functions`. Only the first `kept` nodes are told; `total_edges` counts all.
    """

    nodes: list[Any] = field(default_factory=list)
    nexts: list[tuple[tuple[Any, int], ...]] = field(default_factory=list)
    position: dict[Any, int] = field(default_factory=dict)
    roots: list[Any] = field(default_factory=list)
    total_nodes: int = 0
    total_edges: int = 0

    def let_go(self) -> None:
        """Drop the references to the nodes, so that the snippet's graph dies when it would have died."""
        self.nodes, self.nexts, self.position, self.roots = [], [], {}, []


def walk(roots: list[Any], keep: int) -> Walk:
    """Everything reachable from `roots` (None among them is skipped); the first `keep` nodes are kept."""
    seen: dict[Any, int] = {}
    order: list[Any] = []
    for root in roots:
        if root is not None and root not in seen:
            seen[root] = len(order)
            order.append(root)
    nexts: list[tuple[tuple[Any, int], ...]] = []
    edges = 0
    enabled = gc.isenabled()
    gc.disable()  # a million small tuples would trigger it again and again
    try:
        for node in order:  # grows while we go
            following = node.next_functions
            if len(nexts) < keep:
                nexts.append(following)
            for target, _ in following:
                if target is not None:
                    edges += 1
                    if target not in seen and len(order) < _WALKED_AT_MOST:
                        seen[target] = len(order)
                        order.append(target)
    finally:
        if enabled:
            gc.enable()
    total = len(order)
    if total > keep:
        del order[keep:]
        seen = {node: index for index, node in enumerate(order)}
    return Walk(order, nexts, seen, [r for r in roots if r is not None], total, edges)


def root_of(tensor: Any) -> Any | None:
    """The node where a backward from `tensor` starts; None when it has no graph."""
    if not isinstance(tensor, torch.Tensor):
        return getattr(tensor, "node", None)  # a GradientEdge
    if not tensor.requires_grad:
        return None
    node = tensor.grad_fn
    if node is None:
        with torch.enable_grad():
            node = tensor.view_as(tensor).grad_fn.next_functions[0][0]
    return node


def node_name(node: Any) -> str:
    """PyTorch's own name without the C++ namespace: `MulBackward0`, `AccumulateGrad`, `CopySlices`."""
    name: str = type(node).name(node)  # by the type: a user's Function may have an attribute called `name`
    return sendable(name.rsplit("::", 1)[-1] if name.startswith("torch::") else name)


def node_sequence_nr(node: Any) -> int:
    number: int = type(node)._sequence_nr(node)
    return number
