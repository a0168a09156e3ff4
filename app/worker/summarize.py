"""The numbers of a tensor that are worth showing, at bounded cost. Inside the sandbox.

Runs under the snippet's own switches, so it turns them off: no function modes, no grad, no dispatch modes. It draws no
random numbers.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from app.run import Histogram, NonFinite, Number, Scalar, TensorSummary

MOST_COUNT = 2**53 - 1
_SMALL = 64
_WHOLE = 262_144
_SAMPLE = 65_536
_BINS = 20
_HANDLER = "__torch_dispatch__"
# As `kind.__module__` and so on, but what a metaclass says of it is not asked.
_MODULE_OF, _ENTRIES_OF, _BASES_OF = (type.__dict__[name].__get__ for name in ("__module__", "__dict__", "__mro__"))


class unobserved:
    """What runs inside is seen by no mode of the snippet's or ours, and is not recorded by autograd."""

    __slots__ = ("_functions", "_grad", "_modes")

    def __enter__(self) -> None:
        self._functions = torch._C.DisableTorchFunction()
        self._functions.__enter__()
        self._grad = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        self._modes = _disable_current_modes() if torch._C._len_torch_dispatch_stack() else None
        if self._modes is not None:
            self._modes.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._modes is not None:
            self._modes.__exit__(None, None, None)
        torch._C._set_grad_enabled(self._grad)
        self._functions.__exit__(None, None, None)


def number(value: float) -> Number:
    """`value` as JSON can say it."""
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else _infinite(value)


def _infinite(value: float) -> NonFinite:
    return "Infinity" if value > 0 else "-Infinity"


def dtype_name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")[:256]


def shape_of(tensor: Any) -> tuple[int, ...]:
    """The shape as plain integers; () where it has none (a ragged tensor, an uninitialized parameter)."""
    try:
        return tuple(min(int(n), MOST_COUNT) for n in tensor.shape)[:64]
    except Exception:
        return ()


def summarize(tensor: Any, preview: int) -> TensorSummary:
    """Everything about the elements of `tensor`, with a histogram. Never raises."""
    with unobserved():
        return summary_of(tensor, preview, histogram=True)


def summary_of(tensor: Any, preview: int, histogram: bool = False, full: bool = True) -> TensorSummary:
    """The same within `unobserved`; `full=False` leaves it at norm, min and max."""
    shape, dtype = shape_of(tensor), dtype_name(getattr(tensor, "dtype", ""))
    bare = TensorSummary(shape, dtype, min(math.prod(shape), MOST_COUNT))
    try:
        elements = _elements(tensor)
        if elements is None or not elements.numel():
            return bare
        return _summary(bare, elements, preview, histogram, full)
    except Exception:  # functorch wrappers, exotic layouts
        return bare


def _elements(tensor: Any) -> Any | None:
    """The elements as a plain strided tensor; None where there are none to see."""
    if type(tensor) is not torch.Tensor and _dispatches(type(tensor)):
        return None
    plain = tensor.detach()
    if plain.device.type == "meta" or torch._C._functorch.is_functorch_wrapped_tensor(plain):
        return None
    if plain.is_quantized:
        plain = plain.dequantize()
    if plain.layout is torch.strided:
        return plain.resolve_conj().resolve_neg() if plain.is_complex() or plain.is_neg() else plain
    if plain.layout is torch.sparse_coo:
        return plain.coalesce().values()
    return plain.values()


def _dispatches(kind: type) -> bool:
    """Whether a class that the snippet wrote would see, and could answer, what is asked of its tensors."""
    owner = next(base for base in _BASES_OF(kind) if _HANDLER in _ENTRIES_OF(base))
    return owner is not torch.Tensor and not str(_MODULE_OF(owner)).startswith("torch.")


def _summary(bare: TensorSummary, elements: Any, preview: int, histogram: bool, full: bool) -> TensorSummary:
    whole = preview > 0 and elements.shape == bare.shape
    corner, corner_shape = _corner(elements, preview) if whole else ((), ())
    numbers, sampled = _sample(elements)
    truncated = len(corner) < bare.numel
    shared = {"preview": corner, "preview_shape": corner_shape, "truncated": truncated, "sampled": sampled}
    if numbers.is_complex():
        magnitude = numbers.abs()
        norm = number(torch.linalg.vector_norm(magnitude.double()).item())
        return _with(bare, norm=norm, zeros=_count(magnitude == 0), nans=_count(magnitude.isnan()),
                     infs=_count(magnitude.isinf()), **shared)  # fmt: skip
    if numbers.numel() <= _SMALL:
        return _with(bare, **_small(numbers, histogram, full), **shared)
    return _with(bare, **_large(numbers, histogram, full), **shared)


def _with(bare: TensorSummary, **fields: Any) -> TensorSummary:
    return TensorSummary(bare.shape, bare.dtype, bare.numel, **fields)


def _count(mask: Any) -> int:
    return int(mask.sum().item())


def _sample(elements: Any) -> tuple[Any, bool]:
    """All elements, or an even sample of them when they are too many."""
    if elements.numel() <= _WHOLE:
        return elements.reshape(-1), False
    if elements.is_contiguous():
        return elements.view(-1)[:: elements.numel() // _SAMPLE], True
    thinner = elements
    for dim in sorted(range(elements.dim()), key=lambda d: -elements.shape[d]):
        if thinner.numel() > _SAMPLE:
            step = max(1, min(thinner.shape[dim], -(-thinner.numel() // _SAMPLE)))
            thinner = thinner[(slice(None),) * dim + (slice(None, None, step),)]
    return thinner.reshape(-1), True


def _small(numbers: Any, histogram: bool, full: bool) -> dict[str, Any]:
    """In plain Python, which is quicker for a handful."""
    values = [float(v) for v in numbers.tolist()]
    finite = [v for v in values if math.isfinite(v)]
    nans = sum(v != v for v in values)
    low, high = (math.nan, math.nan) if nans else (min(values), max(values))
    found: dict[str, Any] = {"norm": number(_norm(values)), "min": number(low), "max": number(high)}
    if full:
        mean = _sum(values) / len(values)
        spread = math.sqrt(_sum([_square(v - mean) for v in values]) / len(values)) if math.isfinite(mean) else math.nan
        found |= {"mean": number(mean), "std": number(spread), "zeros": sum(v == 0 for v in values), "nans": nans,
                  "infs": len(values) - len(finite) - nans}  # fmt: skip
    if histogram and finite:
        found["histogram"] = _histogram(finite)
    return found


def _norm(values: list[float]) -> float:
    return math.nan if any(v != v for v in values) else math.hypot(*values)


def _sum(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # too large, or infinities of both signs
        return sum(values)


def _square(value: float) -> float:
    return value * value


def _histogram(finite: list[float]) -> Histogram | None:
    low, high = min(finite), max(finite)
    width = (high - low) / _BINS
    if not math.isfinite(width):
        return None
    if low == high or width == 0:
        return Histogram((low, high), (len(finite),))
    counts = [0] * _BINS
    for value in finite:
        counts[min(_BINS - 1, int((value - low) / width))] += 1
    return Histogram((*(low + i * width for i in range(_BINS)), high), tuple(counts))


def _large(numbers: Any, histogram: bool, full: bool) -> dict[str, Any]:
    wide = numbers.double() if full or not numbers.is_floating_point() or numbers.element_size() < 4 else numbers
    low, high = torch.aminmax(wide)
    least, most, norm = low.item(), high.item(), torch.linalg.vector_norm(wide).item()
    found: dict[str, Any] = {"norm": number(norm), "min": number(least), "max": number(most)}
    if not full:
        return found
    count = wide.numel()
    clean = math.isfinite(least) and math.isfinite(most)
    nans = 0 if clean else _count(wide.isnan())
    infs = 0 if clean else _count(wide.isinf())
    spread, mean = torch.std_mean(wide, correction=0)
    found |= {"mean": number(mean.item()), "std": number(spread.item()), "nans": nans, "infs": infs,
              "zeros": count - int(torch.count_nonzero(wide).item())}  # fmt: skip
    if histogram:
        found["histogram"] = _large_histogram(wide if clean else wide[torch.isfinite(wide)])
    return found


def _large_histogram(finite: Any) -> Histogram | None:
    if not finite.numel():
        return None
    low, high = (bound.item() for bound in torch.aminmax(finite))
    width = (high - low) / _BINS
    if not math.isfinite(width):
        return None
    if low == high or width == 0:
        return Histogram((low, high), (finite.numel(),))
    counts = torch.histc(finite, _BINS, low, high).tolist()
    return Histogram((*(low + i * width for i in range(_BINS)), high), tuple(int(n) for n in counts))


def _corner(elements: Any, limit: int) -> tuple[tuple[Scalar, ...], tuple[int, ...]]:
    """The leading corner of at most `limit` elements, row-major, and its shape; last dimensions are kept longest."""
    shape = list(elements.shape)
    for dim in range(len(shape)):
        while shape[dim] > 1 and math.prod(shape) > limit:
            rest = math.prod(shape) // shape[dim]
            shape[dim] = max(1, limit // rest) if rest <= limit else 1
    corner = elements[tuple(slice(n) for n in shape)] if shape else elements
    return tuple(_scalar(v) for v in corner.reshape(-1).tolist()), tuple(shape)


def _scalar(value: Any) -> Scalar:
    if isinstance(value, complex):
        return (number(value.real), number(value.imag))
    if isinstance(value, float):
        return number(value)
    return bool(value) if isinstance(value, bool) else int(value)
