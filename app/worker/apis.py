"""What the functions that PyTorch lets a function mode see mean for capture. Inside the sandbox."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import resolve_name

from app.worker.text import sendable


class Kind(enum.Enum):
    OPERATION = enum.auto()
    IGNORED = enum.auto()
    GRAD_MODE = enum.auto()
    CALL = enum.auto()
    GET_GRAD = enum.auto()
    SET_GRAD = enum.auto()
    SET_REQUIRES_GRAD = enum.auto()
    RETAIN_GRAD = enum.auto()
    LEAVES = enum.auto()


@dataclass(frozen=True, slots=True)
class Api:
    """A function as the snippet calls it. `name` is its plain word (`mul`); `mutates`: it changes its first input."""

    kind: Kind
    path: str
    name: str
    mutates: bool = False


_T = torch.Tensor
_CALLS = {torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad}
_IGNORED = {
    _T.dim, _T.size, _T.numel, _T.__len__, _T.is_floating_point, _T.is_complex, torch.is_complex,
    torch.is_floating_point, _T.stride, _T.is_contiguous, _T.data_ptr, _T.nelement, _T.element_size,
    _T.storage_offset, _T.__repr__, _T.__format__, _T.__hash__, _T.untyped_storage, _T.is_inference, _T.get_device,
    _T.__dir__, _T.dim_order, _T.is_same_size, _T.is_pinned, _T._is_view, _T.register_hook, _T.__bool__,
    _T.__reduce_ex__, _T.__deepcopy__,
}  # fmt: skip
# Only these properties make a tensor; of the rest even a look can hang inside PyTorch or make a node.
_GET = {"data", "real", "imag", "T", "mT", "H", "mH"}
# Values that leave the graph as plain Python or NumPy values.
_LEAVES = {"item", "tolist", "numpy", "__float__", "__int__", "__array__", "__index__", "__complex__", "__bool__"}
_REFLECTED = re.compile(r"__[ri]?(add|sub|mul|div|truediv|floordiv|mod|pow|matmul|and|or|xor|lshift|rshift)__")
_PLAIN = {"truediv": "div", "floordiv": "floor_divide", "mod": "remainder"}
_MOST_KNOWN = 20_000
_known: dict[Any, Api] = {}
_name_of: Callable[[Any], str | None] = resolve_name.__wrapped__


def api_of(func: Any) -> Api:
    """The meaning of `func`; remembered."""
    try:
        found = _known.get(func)
        if found is None:
            found = _classify(func)
            if len(_known) < _MOST_KNOWN:
                _known[func] = found
        return found
    except TypeError:  # unhashable
        return _classify(func)


def gather_names() -> None:
    """Have PyTorch gather the names of its functions before a snippet runs. It puts the warning filters aside for that,
    as the function around `_name_of` always does, whereupon Python forgets which warnings it has shown."""
    resolve_name(torch.add)


def _classify(func: Any) -> Api:
    name = str(getattr(func, "__name__", "") or "")
    name = sendable(name)
    owner = str(getattr(getattr(func, "__self__", None), "__name__", "") or "")
    path = _path(func, name)
    if name == "__set__":
        kind = {"grad": Kind.SET_GRAD, "requires_grad": Kind.SET_REQUIRES_GRAD}.get(owner, Kind.IGNORED)
        return Api(Kind.OPERATION if owner == "data" else kind, path, owner, mutates=owner == "data")
    if name == "__get__":
        if owner == "grad":
            return Api(Kind.GET_GRAD, path, owner)
        return Api(Kind.OPERATION if owner in _GET else Kind.IGNORED, path, owner)
    if name == "__delete__":
        return Api(Kind.SET_GRAD if owner == "grad" else Kind.IGNORED, path, owner)
    if name == "_set_grad_enabled":
        return Api(Kind.GRAD_MODE, path, name)
    return Api(_kind(func, name), path, _plain(name), _mutates(name))


def _kind(func: Any, name: str) -> Kind:
    if func in _CALLS:
        return Kind.CALL
    if name in _LEAVES:
        return Kind.LEAVES
    if func in _IGNORED:
        return Kind.IGNORED
    if name == "requires_grad_":
        return Kind.SET_REQUIRES_GRAD
    return Kind.RETAIN_GRAD if name == "retain_grad" else Kind.OPERATION


def _path(func: Any, name: str) -> str:
    try:
        return sendable(str(_name_of(func) or getattr(func, "__qualname__", None) or name))
    except Exception:
        return name


def _plain(name: str) -> str:
    """`__rmul__` is `mul`, `__getitem__` is `getitem`; a trailing underscore tells that it works in place and stays."""
    reflected = _REFLECTED.fullmatch(name)
    plain = reflected[1] if reflected else name.strip("_") if name.startswith("__") else name
    return (_PLAIN.get(plain, plain) if reflected or name.startswith("__") else plain)[:256] or "call"


def _mutates(name: str) -> bool:
    if name in ("__setitem__", "__ior__", "__iand__", "__ixor__") or (name.startswith("__i") and name != "__invert__"):
        return name not in ("__int__", "__index__")
    return name.endswith("_") and not name.endswith("__")
