"""The table of tensors: what each named or mentioned tensor is at the end of a run. Inside the sandbox."""

from __future__ import annotations

import math
import time
from typing import Any

import torch

from app.run import HistoryEntry, NodeRef, Tensor, TensorSummary
from app.worker.ids import Ids
from app.worker.summarize import MOST_COUNT, dtype_name, shape_of, summarize
from app.worker.tensors import Seen
from app.worker.walk import node_name, node_sequence_nr


class Table:
    """Describes tensors. `values_then` has the values of roots of calls, which are often gone at the end."""

    def __init__(self, ids: Ids, values_then: dict[int, TensorSummary]) -> None:
        self._ids = ids
        self._values_then = values_then

    def tensor(self, seen: Seen, preview: int, deadline: float) -> Tensor:
        """The state of a tensor as it is now. Past `deadline` on the monotonic clock its numbers are left out."""
        summed = time.monotonic() < deadline
        tensor = seen.tensor()
        event = seen.event
        line = seen.made_line()
        names = names_of(seen)
        history = _history(seen, line)
        if tensor is None:
            recorded = event is not None and event.recorded
            return Tensor(
                id=seen.serial, shape=shape_of(seen), dtype=dtype_name(seen.dtype), names=names, line=line,
                requires_grad=seen.requires_grad, is_leaf=not recorded, is_parameter=seen.is_parameter,
                alive=False, grad_fn=self._made_by(seen), values=self._values_then.get(seen.serial), history=history,
            )  # fmt: skip
        return self._alive(seen, tensor, preview if summed else None, names, line, history)

    def _alive(
        self, seen: Seen, tensor: Any, preview: int | None, names: tuple[str, ...], line: int | None, history: Any
    ) -> Tensor:
        with torch._C.DisableTorchFunction():
            node = _grad_fn(tensor)
            leaf = node is None if tensor.requires_grad else True
            retains = not leaf and bool(_look(tensor, "retains_grad", False))
            gradient = tensor.grad if leaf or retains else None
            reference = self._reference(node) or self._made_by(seen) if node is not None else None
            return Tensor(
                id=seen.serial,
                shape=shape_of(tensor),
                dtype=dtype_name(tensor.dtype),
                names=names,
                line=line,
                device=str(tensor.device)[:256],
                layout=dtype_name(tensor.layout),
                requires_grad=tensor.requires_grad,
                is_leaf=leaf,
                is_parameter=seen.is_parameter or isinstance(tensor, torch.nn.Parameter),
                retains_grad=retains,
                version=_look(tensor, "_version", None),
                grad_fn=reference,
                grad_fn_name=None if node is None else node_name(node)[:256],
                values=None if preview is None else summarize(tensor, preview),
                grad=_gradient(gradient, preview),
                history=history,
            )

    def _reference(self, node: Any) -> NodeRef | None:
        return self._ids.reference(self._ids.known((node_sequence_nr(node), id(node))))

    def _made_by(self, seen: Seen) -> NodeRef | None:
        event = seen.event
        recorded = event is not None and event.recorded
        return self._ids.reference(self._ids.of_event.get(event.number)) if event and recorded else None


def names_of(seen: Seen) -> tuple[str, ...]:
    """Its names, the one that says most first."""
    ranked = sorted((seen.names or {}).items(), key=lambda item: item[1])
    if not ranked and seen.gradient_of is not None and seen.gradient_of.names:
        return (f"{names_of(seen.gradient_of)[0]}.grad"[:256],)
    return tuple(name for name, _ in ranked[:64])


def _history(seen: Seen, line: int | None) -> tuple[HistoryEntry, ...]:
    made = [HistoryEntry("made", line)] if line is not None else []
    entries = [HistoryEntry(what, at, calls) for what, at, calls in seen.history or ()]  # type: ignore[arg-type]
    return tuple([*made, *entries][:64])


def _gradient(gradient: Any, preview: int | None) -> TensorSummary | None:
    """A gradient that is there is always told, if only by its shape."""
    if gradient is None:
        return None
    if preview is None:
        shape = shape_of(gradient)
        return TensorSummary(shape, dtype_name(gradient.dtype), min(math.prod(shape), MOST_COUNT))
    return summarize(gradient, preview)


def _grad_fn(tensor: Any) -> Any | None:
    """Its node; a view that was changed while grad was off has none to give and raises."""
    try:
        return tensor.grad_fn if tensor.requires_grad else None
    except RuntimeError:
        return None


def _look(tensor: Any, attribute: str, otherwise: Any) -> Any:
    try:
        return getattr(tensor, attribute)
    except Exception:  # inference tensors keep no version
        return otherwise
