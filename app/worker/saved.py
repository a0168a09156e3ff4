"""What nodes keep for their backward formula. Inside the sandbox.

Only the raw handles are looked at: unpacking would run the user's saved-tensor hooks or recompute a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

from app.run import SavedTensor
from app.worker.summarize import MOST_COUNT, dtype_name, shape_of
from app.worker.tensors import Seen, Tensors
from app.worker.text import sendable
from app.worker.walk import PythonNode

_RAW = "_raw_saved_"
_SAVED = "_saved_"
_DULL = ("_sym_sizes", "_sym_strides", "_sym_numel", "_options", "_sym_size_int", "_scalar_type")
_attributes: dict[type, tuple[tuple[str, ...], tuple[str, ...]]] = {}


def saved_tensors(
    node: Any, tensors: Tensors, counted: set[Any], freed: bool, made: Iterable[Seen]
) -> tuple[tuple[SavedTensor, ...], int]:
    """The saved tensors of `node`, and the bytes of those storages that are not in `counted` yet (they are added).

    `freed` says that a call released them before; otherwise one that is not there was never needed. A saved output is
    another Python object than the tensor that the operation returned, so it is looked for among those it `made`.
    """
    if isinstance(node, PythonNode):
        raws = [("saved_tensors", raw) for raw in _sequence(type(node)._raw_saved_tensors.__get__(node))]
    else:
        raws = _raws(node)
    found: list[SavedTensor] = []
    total = 0
    for name, raw in raws[:64]:
        saved, storage = _describe(name, raw, tensors, made)
        if saved.state == "freed" and not freed:
            continue
        found.append(saved)
        if storage is not None and storage not in counted:
            counted.add(storage)
            total += saved.bytes
    return tuple(found), total


def _raws(node: Any) -> list[tuple[str, Any]]:
    raws: list[tuple[str, Any]] = []
    for attribute in _names(type(node))[0]:
        name = attribute[len(_RAW) :]
        try:
            value = getattr(node, attribute)
        except RuntimeError:  # a freed list
            raws.append((name, None))
            continue
        raws += [(name, raw) for raw in _sequence(value)]
    return raws


def _sequence(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else () if value is None else (value,)


def _describe(name: str, raw: Any, tensors: Tensors, made: Iterable[Seen]) -> tuple[SavedTensor, Any]:
    """One saved tensor and the key of its storage."""
    try:
        if raw is None:
            return SavedTensor(name, None, None, state="freed"), None
        if raw.unpack_hook is not None:
            return SavedTensor(name, None, None, state="hooked"), None
        held = raw.data
        if not isinstance(held, torch.Tensor):
            return SavedTensor(name, None, None, state="freed"), None
        size = held.numel() * held.element_size()
        known = tensors.known(held) or _same_memory(held, made)
        shape = shape_of(held)
        saved = SavedTensor(
            name, shape, dtype_name(held.dtype), min(size, MOST_COUNT), None if known is None else known.serial
        )
        return saved, _storage(held) if size else None
    except Exception:  # functorch wrappers, fake tensors
        return SavedTensor(name, None, None), None


def _same_memory(held: Any, made: Iterable[Seen]) -> Seen | None:
    for seen in made:
        tensor = seen.tensor()
        if tensor is not None and tensor.data_ptr() == held.data_ptr() and tensor.shape == held.shape:
            return seen
    return None


def _storage(tensor: Any) -> Any:
    if tensor.layout is not torch.strided:
        return ("sparse", id(tensor))
    return tensor.untyped_storage().data_ptr() or ("empty", id(tensor))


def scalar_attributes(node: Any) -> dict[str, bool | int | float | str | None]:
    """The plain numbers of the backward formula: `dim`, `exponent`, `alpha`, …"""
    if isinstance(node, PythonNode):
        return {}
    found: dict[str, bool | int | float | str | None] = {}
    for attribute in _names(type(node))[1]:
        try:
            found[attribute[len(_SAVED) :][:256]] = _plain(getattr(node, attribute))
        except Exception:
            continue
    return found


def _names(kind: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    known = _attributes.get(kind)
    if known is None:
        names = dir(kind)
        raw = tuple(n for n in names if n.startswith(_RAW))
        tensors = {_SAVED + n[len(_RAW) :] for n in raw}
        scalars = tuple(n for n in names if n.startswith(_SAVED) and n not in tensors and not n.endswith(_DULL))
        known = _attributes[kind] = (raw, scalars[:32])
    return known


def _plain(value: Any) -> bool | int | float | str | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        value = value - 2**64 if 2**63 <= value < 2**64 else value  # a negative number that C++ hands out unsigned
        return value if -(2**63) <= value < 2**63 else str(value)[:256]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return sendable(str(value).removeprefix("torch."))
