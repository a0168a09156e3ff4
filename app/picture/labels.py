"""The words on a node and on an edge: names, shapes, lines and norms, cleaned and short. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.picture.quoting import ELLIPSIS, visible
from app.picture.view import Language, Span, TextLine
from app.picture.words import say
from app.run import Edge, Node, Number, Shape, Tensor, TensorSummary

_CALLS = {
    "detach": "detach()",
    "no_grad": "no_grad()",
    "inference_mode": "inference_mode()",
    "data": ".data",
    "item": ".item()",
    "numpy": ".numpy()",
    "rewrapped": "torch.tensor(…)",
}
_BLOCKS = frozenset({"no_grad", "inference_mode"})
DOT = " · "
_NAME_LENGTH = 28
_PATH_LENGTH = 256


def shape_text(shape: Shape) -> str:
    """A shape as Python writes a tuple, at most five sizes of it."""
    sizes = [str(size) for size in shape[:5]] + (["…"] if len(shape) > 5 else [])
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def norm_text(norm: Number | None) -> str | None:
    """A norm in three significant digits; `0` only when it is exactly zero. None stays None."""
    if norm is None:
        return None
    if isinstance(norm, str):
        return norm.replace("Infinity", "Inf")
    if not math.isfinite(norm):
        return "NaN" if math.isnan(norm) else "Inf"
    return f"{norm:.3g}".replace("e-0", "e-").replace("e+0", "e+") if norm else "0"


def gradient_text(gradient: TensorSummary | None) -> str | None:
    """The norm, or what makes it meaningless: any NaN first, then any Inf."""
    if gradient is None:
        return None
    return ("NaN" if gradient.nans else "Inf" if gradient.infs else None) or norm_text(gradient.norm)


def not_finite(gradient: TensorSummary | None) -> bool:
    return gradient_text(gradient) in {"NaN", "Inf", "-Inf"}


def names_text(tensors: Sequence[Tensor]) -> str:
    """The first names of the first named tensors, each name cut; empty when none has a name."""
    names = [_short(tensor.names[0]) for tensor in tensors[:8] if tensor.names]
    return ", ".join(names[:2]) + (", …" if len(names) > 2 else "")


def _short(name: str) -> str:
    """A dotted path is cut at its front: its end (`norm2.weight`) tells more."""
    shown = visible(name, _PATH_LENGTH)
    if len(shown) <= _NAME_LENGTH or "." not in shown:
        return visible(name, _NAME_LENGTH)
    return ELLIPSIS + shown[-_NAME_LENGTH + 1 :]


def operation_lines(
    node: Node, names: str, shapes: Sequence[Shape], flow: str | None, language: Language
) -> tuple[TextLine, ...]:
    """`y · MulBackward0`, then shape, line and norm."""
    notes = [shape_text(shape) for shape in shapes[:2]]
    if len(shapes) > 2:
        notes.append(f"+{len(shapes) - 2}")
    facts = [" ".join(notes)] if notes else []
    if node.line is not None:
        facts.append(say(language, "line", n=node.line))
    if flow is not None:
        facts.append(say(language, "flow", n=flow))
    first = _named(names, visible(node.name, 40))
    return (first, (Span(DOT.join(facts)),)) if facts else (first,)


def unrecorded_lines(
    node: Node, names: str, shapes: Sequence[Shape], cuts: Sequence[Edge], language: Language
) -> tuple[TextLine, ...]:
    """`y · mul — not recorded`, then why, then shape and line."""
    first = (*_named(names, visible(node.name, 40)), Span(f" — {say(language, 'not_recorded')}"))
    why = _why(cuts, language)
    facts = [shape_text(shape) for shape in shapes[:1]]
    if node.line is not None:
        facts.append(say(language, "line", n=node.line))
    lines = (first, (Span(why),) if why else (), (Span(DOT.join(facts)),) if facts else ())
    return tuple(line for line in lines if line)


def _why(cuts: Sequence[Edge], language: Language) -> str:
    for cut in cuts:
        if cut.reason in _BLOCKS:
            inside = say(language, "inside", call=_CALLS[cut.reason])
            return inside if cut.line is None else f"{inside}, {say(language, 'line', n=cut.line)}"
    return say(language, "none_required") if any(cut.reason == "none_required" for cut in cuts) else ""


def leaf_lines(
    name: str, tensor: Tensor | None, use: tuple[int, int] | None, frozen: bool, language: Language
) -> tuple[TextLine, ...]:
    """`w · leaf · (3, 1)`, then its gradient, or that there is none."""
    word = "frozen" if frozen else "parameter" if tensor is not None and tensor.is_parameter else "leaf"
    first = list(_named(name, say(language, word)))
    if tensor is None:
        return (tuple(first),)
    first.append(Span(DOT + shape_text(tensor.shape)))
    norm = gradient_text(tensor.grad)
    facts = [say(language, "grad_none") if norm is None and tensor.grad is None else _grad(norm, language)]
    if use is not None:
        facts.append(say(language, "use", n=use[0] + 1, total=use[1]))
    return tuple(first), (Span(DOT.join(facts)),)


def _grad(norm: str | None, language: Language) -> str:
    return "grad" if norm is None else say(language, "grad_norm", n=norm)


def _named(names: str, kind: str) -> TextLine:
    return (Span(names, "name"), Span(DOT), Span(kind, "op")) if names else (Span(kind, "op"),)


def edge_lines(edge: Edge, many: bool, language: Language) -> tuple[str, ...]:
    """The norm that flowed (with its position where two edges join the same nodes), or what cut the gradient."""
    if edge.kind == "cut":
        return cut_lines(edge, language)
    norm = gradient_text(edge.gradient)
    position = say(language, "position", n=edge.source_position) if many else ""
    text = " ".join(part for part in (position, norm) if part)
    return (text,) if text else ()


def cut_lines(edge: Edge, language: Language) -> tuple[str, ...]:
    """`✂ detach()` over `line 17`; nothing where no gradient was cut because none was asked for."""
    if edge.reason is None or edge.reason == "none_required":
        return ()
    if edge.reason == "frozen":
        return (f"✂ {say(language, 'frozen')}",)
    call = _CALLS.get(edge.reason, edge.reason.replace("_", " "))
    if edge.reason in _BLOCKS:
        return (f"✂ {call}",)
    where = () if edge.line is None else (say(language, "line", n=edge.line),)
    return (f"✂ {call}", *where)


def spoken(
    name: str, names: str, facts: Sequence[str], *, line: int | None, norm: str | None, inputs: int, language: Language
) -> str:
    """The accessible name: "AddmmBackward0, line 7, 3 inputs, gradient norm 0.0123"."""
    parts = [name, *([names] if names else ()), *facts]
    if line is not None:
        parts.append(say(language, "line", n=line))
    if inputs:
        parts.append(say(language, "input" if inputs == 1 else "inputs", n=inputs))
    if norm is not None:
        parts.append(say(language, "gradient_norm", n=norm))
    return ", ".join(parts)
