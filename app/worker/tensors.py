"""The tensors that a run has met, each under one small number. Inside the sandbox.

Tensors are held weakly: capture must not keep alive what the snippet lets go.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from app.worker.text import sendable

if TYPE_CHECKING:
    from app.worker.events import Event

Tensor: Any = torch.Tensor
_Parameter: Any = torch.nn.Parameter
_HISTORY = 64


class Seen:
    """One tensor. `event` made it; `first_line` is where it was met first; `names` are (rank, name) as bound."""

    __slots__ = (
        "__weakref__",
        "dtype",
        "event",
        "first_line",
        "gradient_of",
        "history",
        "is_parameter",
        "names",
        "ref",
        "requires_grad",
        "serial",
        "shape",
    )

    def __init__(self, serial: int, tensor: Any) -> None:
        self.serial = serial
        self.ref: weakref.ref[Any] | None = weakref.ref(tensor)
        self.event: Event | None = None
        self.first_line: int | None = None
        self.names: dict[str, tuple[int, int]] | None = None
        self.history: list[tuple[str, int, int]] | None = None
        self.gradient_of: Seen | None = None
        self.is_parameter = type(tensor) is _Parameter
        self.requires_grad = False
        try:
            self.requires_grad = tensor.requires_grad
            self.dtype = tensor.dtype
            self.shape = tensor.shape
        except Exception:  # an uninitialized parameter has no shape
            self.dtype = None
            self.shape = ()

    def requires_grad_now(self) -> bool:
        """Its flag, or what the flag was when the tensor was last seen."""
        tensor = self.tensor()
        try:
            return self.requires_grad if tensor is None else bool(tensor.requires_grad)
        except Exception:  # a class of the snippet's that will not say
            return self.requires_grad

    def tensor(self) -> Any | None:
        """The tensor itself while it lives."""
        return None if self.ref is None else self.ref()

    def made_line(self) -> int | None:
        """The line that made it; of a tensor that was only changed in place, where it was met first."""
        event = self.event
        return event.line if event is not None and not event.api.mutates else self.first_line

    def happened(self, what: str, line: int | None, calls: int) -> None:
        """Remember an entry of the history; the oldest half and the newest stay when there are too many."""
        if line is None or (what == "modified_in_place" and line == self.first_line and not self.names):
            return  # initialized where it was made
        if self.history is None:
            self.history = []
        if len(self.history) >= _HISTORY:
            del self.history[_HISTORY // 2]
        self.history.append((what, line, calls))

    def name(self, name: str, rank: int, order: int) -> None:
        """Bind `name`; the better rank of two stays."""
        if self.names is None:
            self.names = {}
        name = sendable(name)
        known = self.names.get(name)
        if known is None:
            if len(self.names) < 256:
                self.names[name] = (rank, order)
        elif rank < known[0]:
            self.names[name] = (rank, known[1])


class Tensors:
    """Identity of tensors: the same object is the same `Seen` for as long as it lives."""

    def __init__(self) -> None:
        self._by_id: dict[int, Seen] = {}
        self._serials = itertools.count()

    def of(self, tensor: Any) -> Seen:
        seen = self._by_id.get(id(tensor))
        if seen is not None and seen.ref is not None and seen.ref() is tensor:
            return seen
        seen = self._by_id[id(tensor)] = Seen(next(self._serials), tensor)
        return seen

    def known(self, tensor: Any) -> Seen | None:
        """What `of` would say, without making a new entry."""
        seen = self._by_id.get(id(tensor))
        return seen if seen is not None and seen.ref is not None and seen.ref() is tensor else None

    def forget(self, tensor: Any) -> None:
        """Drop the weak reference to `tensor`: `torch.utils.swap_tensors` refuses tensors that have one."""
        seen = self._by_id.pop(id(tensor), None)
        if seen is not None:
            seen.ref = None

    def alive(self) -> Iterator[tuple[Seen, Any]]:
        """Every tensor met that still exists, in the order of meeting."""
        for seen in sorted(self._by_id.copy().values(), key=lambda s: s.serial):
            tensor = seen.tensor()
            if tensor is not None:
                yield seen, tensor


def tensors_in(values: Any, depth: int = 2) -> Iterator[Any]:
    """The tensors among `values`, in lists, tuples and dicts as well."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif depth and isinstance(value, list | tuple):
            yield from tensors_in(value, depth - 1)
        elif depth and type(value) is dict:
            yield from tensors_in(value.values(), depth - 1)
