"""Which tensor the snippet calls how: bindings as they happen, and the variables that stand at the end.

Inside the sandbox. Looks only at plain containers and at instance dictionaries, so none of the snippet's code runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import GetSetDescriptorType
from typing import Any

import torch

from app.worker.modules import Modules
from app.worker.program import Binding
from app.worker.tensors import Seen, Tensors
from app.worker.trace import Trace

# Ranks: the lower says more. A parameter is best known by its dotted path, other tensors by their variable.
PARAMETER, VARIABLE, INSIDE, PASSED, LOOPED = 0, 1, 2, 3, 4
_RANK = {"assigned": VARIABLE, "passed": PASSED, "looped": LOOPED}
_DULL = (int, float, str, bool, bytes, type(None), type)
# As `kind.__module__` and so on, but what a metaclass says of it is not asked.
_MODULE_OF, _ENTRIES_OF, _BASES_OF = (type.__dict__[name].__get__ for name in ("__module__", "__dict__", "__mro__"))
_ELEMENTS = 64
_DEPTH = 3
_MOST_AT_BINDING = 5_000
_MOST_VISITED = 20_000


class Names:
    """Gathers names. `bound` is the probe that the instrumented snippet calls."""

    def __init__(self, tensors: Tensors, trace: Trace, modules: Modules, bindings: tuple[Binding, ...]) -> None:
        self._tensors = tensors
        self._trace = trace
        self._modules = modules
        self._bindings = bindings
        self._times = [0] * len(bindings)
        self._latest: dict[tuple[int, str], Seen] = {}
        self._order = itertools.count()

    def bound(self, number: int, value: Any) -> None:
        """The name of binding `number` now stands for `value`. Never raises, returns nothing, changes nothing."""
        kind = type(value)
        if kind in _DULL or torch.compiler.is_compiling() or number >= len(self._bindings):
            return
        try:
            self._times[number] += 1
            if self._times[number] > _MOST_AT_BINDING:
                return  # the last value is found in the namespace
            binding = self._bindings[number]
            if issubclass(kind, torch.Tensor):
                self._bind(value, binding)
            elif issubclass(kind, torch.nn.Module):
                self._modules.bind(value, binding.name)
            elif (kind is list or kind is tuple) and binding.how == "assigned":
                self._bind_elements(value, binding)
        except Exception as exc:
            self._trace.fault(exc)

    def _bind(self, tensor: Any, binding: Binding) -> None:
        with torch._C.DisableTorchFunction():
            seen = self._tensors.of(tensor)
        self._trace.last_line = binding.line
        if seen.first_line is None:
            seen.first_line = binding.line
        seen.name(binding.name, _RANK[binding.how], next(self._order))
        if binding.how != "assigned":
            return
        before = self._latest.get((binding.scope, binding.name))
        if before is not None and before is not seen:
            before.happened("rebound", binding.line, self._trace.calls)
        self._latest[binding.scope, binding.name] = seen

    def _bind_elements(self, values: Any, binding: Binding) -> None:
        for index, value in enumerate(values[:_ELEMENTS]):
            if issubclass(type(value), torch.Tensor):
                with torch._C.DisableTorchFunction():
                    seen = self._tensors.of(value)
                if seen.first_line is None:
                    seen.first_line = binding.line
                seen.name(f"{binding.name}[{index}]"[:256], INSIDE, next(self._order))

    def from_namespace(self, namespace: dict[str, Any]) -> list[Seen]:
        """Name what the snippet's variables hold now. Returns those tensors."""
        found: list[Seen] = []
        looped = {b.name for b in self._bindings if b.how == "looped"} - {
            b.name for b in self._bindings if b.how == "assigned"
        }
        for path, value, depth in _walk_values(namespace):
            if issubclass(type(value), torch.Tensor):
                with torch._C.DisableTorchFunction():
                    seen = self._tensors.of(value)
                rank = INSIDE if depth else LOOPED if path in looped else VARIABLE
                seen.name(path[:256], PARAMETER if depth and seen.is_parameter else rank, next(self._order))
                found.append(seen)
            elif issubclass(type(value), torch.nn.Module):
                found += self._parameters(path, value)
        return found

    def _parameters(self, path: str, module: Any) -> list[Seen]:
        found: list[Seen] = []
        with torch._C.DisableTorchFunction():
            try:
                parts = [*torch.nn.Module.named_parameters(module), *torch.nn.Module.named_buffers(module)]
            except Exception:
                return []
            for name, tensor in parts[:_MOST_VISITED]:
                seen = self._tensors.of(tensor)
                rank = PARAMETER if isinstance(tensor, torch.nn.Parameter) else INSIDE
                seen.name(f"{path}.{name}"[:256], rank, next(self._order))
                found.append(seen)
        return found


def _walk_values(namespace: dict[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Variables, then what lies in their lists, tuples, dicts and attributes: (path, value, depth)."""
    pending: list[tuple[str, Any, int]] = [
        (name, value, 0) for name, value in namespace.copy().items() if type(name) is str and not name.startswith("__")
    ]
    visited: set[int] = set()
    for path, value, depth in pending:  # grows while we go
        yield path, value, depth
        if depth >= _DEPTH or type(value) in _DULL or id(value) in visited or len(pending) > _MOST_VISITED:
            continue
        visited.add(id(value))
        pending += [(path + part, inner, depth + 1) for part, inner in _inside(value)]


def _inside(value: Any) -> list[tuple[str, Any]]:
    kind = type(value)
    if kind is list or kind is tuple:
        return [(f"[{i}]", inner) for i, inner in enumerate(value[:_ELEMENTS])]
    if kind is dict:
        items = itertools.islice(value.copy().items(), _ELEMENTS)
        return [(f"[{key!r}]", inner) for key, inner in items if type(key) in (str, int)]
    attributes = _own_attributes(value, kind)
    return [
        (f".{key}", inner) for key, inner in itertools.islice(attributes.copy().items(), _ELEMENTS) if type(key) is str
    ]


def _own_attributes(value: Any, kind: type) -> dict[Any, Any]:
    """The instance dictionary of an object whose class the snippet wrote; empty where that class, or its metaclass,
    would have to be asked for it."""
    module = _MODULE_OF(kind)
    if type(module) is not str or module != "__main__" or issubclass(kind, torch.Tensor | torch.nn.Module):
        return {}
    slot = next((entries["__dict__"] for entries in map(_ENTRIES_OF, _BASES_OF(kind)) if "__dict__" in entries), None)
    if type(slot) is not GetSetDescriptorType:
        return {}
    attributes = slot.__get__(value)
    return attributes if type(attributes) is dict else {}
