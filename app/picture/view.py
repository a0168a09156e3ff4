"""What the reader asks for, and the drawing model between folding and layout. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Language = Literal["en", "zh"]
Direction = Literal["TB", "LR"]


@dataclass(frozen=True, slots=True)
class View:
    """Which graph of the run, and how. `graph=None` is the last call, or the live graph when there was no call."""

    graph: int | None = None
    detail: Literal["merged", "all"] = "merged"
    direction: Direction = "TB"
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line of text, already clean; `role` is its class in the stylesheet."""

    text: str
    role: Literal["name", "op", "note", "number"] = "note"


TextLine = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """One box. `key` is unique in the drawing and becomes the end of its id; `node` is None for a stub."""

    key: str
    node: int | None
    kind: str
    lines: tuple[TextLine, ...]
    label: str
    marks: tuple[str, ...] = ()
    line: int | None = None
    tensor: int | None = None
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class DrawnEdge:
    """One arrow between boxes (indexes into `Drawing.nodes`); `lines` is its label, already clean."""

    source: int
    target: int
    source_node: int
    target_node: int | None
    position: int
    kind: Literal["gradient", "cut"]
    lines: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that is drawn of one graph. `drawn` of `total` graph nodes are in it; `note` says why not all."""

    graph: int
    direction: Direction
    language: Language
    label: str
    nodes: tuple[DrawnNode, ...]
    edges: tuple[DrawnEdge, ...]
    drawn: int
    total: int
    note: str | None = None


Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand, in points, y downwards: the centre of each box, the control points of each edge's Bézier
    curve (1 + 3n of them, source first; empty when the edge could not be routed)."""

    centres: tuple[Point, ...]
    curves: tuple[tuple[Point, ...], ...] = field(default=())
