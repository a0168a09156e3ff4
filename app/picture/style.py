"""The one table of what a kind of node looks like: its outline, its class, its DOT shape, its words in the legend.

The drawing, the DOT text, the stylesheet's class names and the legend all come from here. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from app.picture.quoting import xml
from app.picture.view import Language
from app.picture.words import say

Outline = Literal["round", "box", "hexagon", "octagon", "bars", "pill"]


@dataclass(frozen=True, slots=True)
class Style:
    """`dot` is the look in plain Graphviz, where our stylesheet is not at hand."""

    name: str
    classes: str
    outline: Outline
    dot: str
    double: bool = False


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """`sample` is a small self-contained SVG of ours: no text of a snippet, safe to embed as it is."""

    name: str
    classes: str
    text: str
    sample: str


Legend = tuple[LegendEntry, ...]

_TABLE: Final = (
    Style("output", "kind-op kind-output", "round", "shape=box,style=rounded,peripheries=2", double=True),
    Style("op", "kind-op", "round", "shape=box,style=rounded"),
    Style("custom", "kind-custom", "hexagon", "shape=hexagon"),
    Style("custom_output", "kind-custom kind-output", "hexagon", "shape=hexagon,peripheries=2", double=True),
    Style("leaf", "kind-leaf", "box", "shape=box"),
    Style("parameter", "kind-leaf parameter", "box", "shape=box,penwidth=2.5"),
    Style("accumulate", "kind-accumulate", "bars", "shape=component"),
    Style("frozen", "kind-leaf frozen", "box", "shape=box,style=dashed"),
    Style("unrecorded", "kind-unrecorded", "round", 'shape=box,style="rounded,dashed"'),
    Style("nan", "nan", "octagon", "shape=octagon,penwidth=2"),
    Style("more", "kind-more", "pill", "shape=box,style=dotted"),
)
STYLES: Final = {style.name: style for style in _TABLE}
_NOT_IN_LEGEND: Final = frozenset({"custom_output"})
_SAMPLE_WIDTH: Final = 44.0
_SAMPLE_HEIGHT: Final = 22.0


def outline(kind: str, marks: tuple[str, ...]) -> Outline:
    """The shape to draw: a gradient that is not finite wins over everything else."""
    return "octagon" if "nan" in marks else STYLES[kind].outline


def classes(kind: str, marks: tuple[str, ...]) -> str:
    """The value of the class attribute of a node, without `line-N`."""
    return " ".join(("node", STYLES[kind].classes, *marks))


def dot_look(kind: str, marks: tuple[str, ...]) -> str:
    """The attributes that give the same meaning in plain Graphviz."""
    return STYLES["nan"].dot if "nan" in marks else STYLES[kind].dot


def outline_svg(shape: Outline, x: float, y: float, width: float, height: float, *, inner: bool = False) -> str:
    """One closed outline centred at (x, y); `inner` is the second line of a double border."""
    attributes = 'class="inner"' if inner else 'class="shape"'
    if inner:
        width, height = width - 7, height - 7
    if shape in {"hexagon", "octagon"}:
        points = " ".join(f"{_n(px)},{_n(py)}" for px, py in _corners(shape, x, y, width, height))
        return f'<polygon {attributes} points="{points}"/>'
    left, top = x - width / 2, y - height / 2
    radius = {"round": 9.0 - 3 * inner, "pill": height / 2}.get(shape, 1.5)
    box = (
        f'<rect {attributes} x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}"/>'
    )
    if shape != "bars":
        return box
    bars = f"M{_n(left + 6)} {_n(top)}v{_n(height)}M{_n(left + width - 6)} {_n(top)}v{_n(height)}"
    return f'{box}<path class="inner" d="{bars}"/>'


def _corners(shape: Outline, x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    half, tall = width / 2, height / 2
    if shape == "hexagon":
        cut = min(12.0, half)
        return [
            (x - half, y),
            (x - half + cut, y - tall),
            (x + half - cut, y - tall),
            (x + half, y),
            (x + half - cut, y + tall),
            (x - half + cut, y + tall),
        ]
    cut = min(10.0, 0.55 * tall, half)
    across, down = half - cut, tall - cut
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    corners: list[tuple[float, float]] = []
    for index, (sx, sy) in enumerate(signs):
        pair = [(x + sx * half, y + sy * down), (x + sx * across, y + sy * tall)]
        corners += pair if index % 2 == 0 else reversed(pair)
    return corners


def legend(language: Language = "en") -> Legend:
    """What the shapes and lines mean, in the order of the table; the same drawing code makes the samples."""
    shapes = tuple(
        LegendEntry(style.name, style.classes, say(language, f"key.{style.name}"), _sample(style))
        for style in _TABLE
        if style.name not in _NOT_IN_LEGEND
    )
    lines = tuple(
        LegendEntry(kind, f"edge kind-{kind}", say(language, f"key.{kind}"), _line_sample(kind))
        for kind in ("gradient", "cut")
    )
    return shapes + lines


def _sample(style: Style) -> str:
    x, y = _SAMPLE_WIDTH / 2, _SAMPLE_HEIGHT / 2
    width, height = _SAMPLE_WIDTH - 6, _SAMPLE_HEIGHT - 6
    shapes = outline_svg(style.outline, x, y, width, height)
    if style.double:
        shapes += outline_svg(style.outline, x, y, width, height, inner=True)
    return _frame(f'<g class="node {style.classes}">{shapes}</g>')


def _line_sample(kind: str) -> str:
    y = _SAMPLE_HEIGHT / 2
    arrow = f'<polygon class="arrow" points="34,{_n(y - 4)} 42,{_n(y)} 34,{_n(y + 4)}"/>'
    scissors = f'<text class="label" x="16" y="{_n(y + 4)}">{xml("✂")}</text>' if kind == "cut" else ""
    return _frame(f'<g class="edge kind-{kind}"><path class="line" d="M3 {_n(y)}H34"/>{arrow}{scissors}</g>')


def _frame(content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph sample" aria-hidden="true" focusable="false" '
        f'viewBox="0 0 {_n(_SAMPLE_WIDTH)} {_n(_SAMPLE_HEIGHT)}" '
        f'width="{_n(_SAMPLE_WIDTH)}" height="{_n(_SAMPLE_HEIGHT)}">{content}</svg>'
    )


def _n(value: float) -> str:
    """A number for an attribute: at most two decimals, no trailing zeros, never in exponent form."""
    text = f"{value:.2f}".rstrip("0").rstrip(".") if math.isfinite(value) else "0"
    return "0" if text in {"-0", ""} else text


number = _n
