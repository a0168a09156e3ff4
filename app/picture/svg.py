"""A drawing and its layout as the SVG of the page: ids, classes and data attributes, no style, script or link. Pure.

Everything visible gets its colour from static/css/graph.css through classes. Equal drawings and layouts give equal SVG.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from app.picture import measure
from app.picture.place import Taken, label_place
from app.picture.quoting import xml
from app.picture.style import STYLES, classes, number, outline, outline_svg
from app.picture.view import Drawing, DrawnEdge, DrawnNode, Layout, Point

_MARGIN: Final = 16.0
_ARROW: Final = 8.0
_LABEL_LINE: Final = 13.0
_LONG: Final = 110.0
_HIDDEN: Final = 'aria-hidden="true"'


def render(drawing: Drawing, layout: Layout) -> str:
    """The whole `<svg>` element, without an XML declaration, ready to stand in a page."""
    left, top, right, bottom = _bounds(drawing, layout)
    box = " ".join(number(value) for value in (left, top, right - left, bottom - top))
    size = f'width="{number(right - left)}" height="{number(bottom - top)}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="group" aria-label="{xml(drawing.label)}" '
        f'data-graph="{drawing.graph}" data-direction="{drawing.direction}" viewBox="{box}" {size}>',
        '<g class="scene">',
        f'<g class="edges" {_HIDDEN}>',
        *_edges(drawing, layout),
        "</g>",
        '<g class="nodes">',
        *(_node(drawing, node, centre) for node, centre in zip(drawing.nodes, layout.centres, strict=True)),
        "</g>",
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts)


def standalone_svg(svg: str) -> str:
    """`svg` as a file of its own: the stylesheet inside it, light and dark by the reader's preference."""
    head, tail = svg.split(">", 1)
    sheet = stylesheet().replace("]]>", "")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}>\n<style><![CDATA[\n{sheet}\n]]></style>{tail}\n'


@cache
def stylesheet() -> str:
    """static/css/graph.css, from the source tree or from the installed package."""
    packaged = resources.files("app") / "_page" / "static" / "css" / "graph.css"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "static" / "css" / "graph.css").read_text(encoding="utf-8")


def _bounds(drawing: Drawing, layout: Layout) -> tuple[float, float, float, float]:
    xs, ys = [0.0] * (not drawing.nodes), [0.0] * (not drawing.nodes)
    for node, (x, y) in zip(drawing.nodes, layout.centres, strict=True):
        xs += (x - node.width / 2, x + node.width / 2)
        ys += (y - node.height / 2, y + node.height / 2)
    for curve in layout.curves:
        xs += (x for x, _ in curve)
        ys += (y for _, y in curve)
    return min(xs) - _MARGIN, min(ys) - _MARGIN, max(xs) + _MARGIN, max(ys) + _MARGIN


# --- nodes ----------------------------------------------------------------------------------------------------------


def _node(drawing: Drawing, node: DrawnNode, centre: Point) -> str:
    x, y = centre
    shape = outline(node.kind, node.marks)
    parts = [_node_head(drawing, node), f"<title>{xml(node.label)}</title>"]
    parts.append(outline_svg(shape, x, y, node.width, node.height))
    if STYLES[node.kind].double:
        parts.append(outline_svg(shape, x, y, node.width, node.height, inner=True))
    first = y - (len(node.lines) - 1) * measure.LINE_HEIGHT / 2 + 4
    for row, line in enumerate(node.lines):
        spans = "".join(f'<tspan class="{span.role}">{xml(span.text)}</tspan>' for span in line)
        role = "note" if row else "title"
        parts.append(
            f'<text class="{role}" x="{number(x)}" y="{number(first + row * measure.LINE_HEIGHT)}">{spans}</text>'
        )
    parts.append("</g>")
    return "".join(parts)


def _node_head(drawing: Drawing, node: DrawnNode) -> str:
    names = classes(node.kind, node.marks)
    data = ""
    if node.line is not None:
        names += f" line-{node.line}"
        data += f' data-line="{node.line}"'
    if node.node is not None:
        data += f' data-node="{node.node}"'
    if node.tensor is not None:
        data += f' data-tensor="{node.tensor}"'
    return (
        f'<g class="{names}" id="g{drawing.graph}-{node.key}"{data} tabindex="-1" role="button" '
        f'aria-label="{xml(node.label)}">'
    )


# --- edges ----------------------------------------------------------------------------------------------------------


def _edges(drawing: Drawing, layout: Layout) -> Iterator[str]:
    taken = Taken()
    for node, (x, y) in zip(drawing.nodes, layout.centres, strict=True):
        taken.add((x - node.width / 2, y - node.height / 2, x + node.width / 2, y + node.height / 2))
    beside = _beside(drawing)
    for index, (edge, curve) in enumerate(zip(drawing.edges, layout.curves, strict=True)):
        routed = curve or _straight(drawing, layout, edge)
        yield _edge(edge, _spread(routed, beside.get(index, 0.0), drawing.direction), taken)


def _beside(drawing: Drawing) -> dict[int, float]:
    """How far each of several edges between the same two boxes stands from their middle, so that labels fit."""
    bundles: dict[tuple[int, int], list[int]] = {}
    for index, edge in enumerate(drawing.edges):
        bundles.setdefault((edge.source, edge.target), []).append(index)
    beside: dict[int, float] = {}
    for bundle in bundles.values():
        edges = [drawing.edges[index] for index in bundle]
        wide = max((_label_width(edge.lines) for edge in edges), default=0.0)
        step = max(16.0, wide + 4 if drawing.direction == "TB" else _LABEL_LINE + 2)
        for nth, index in enumerate(bundle if len(bundle) > 1 else ()):
            beside[index] = (nth - (len(bundle) - 1) / 2) * step
    return beside


def _spread(curve: tuple[Point, ...], beside: float, direction: str) -> tuple[Point, ...]:
    """A short curve bent aside by about `beside`; a long one, which Graphviz led around other boxes, as it is."""
    (x0, y0), (x1, y1) = curve[0], curve[-1]
    if not beside or math.dist(curve[0], curve[-1]) > _LONG:
        return curve
    if direction == "TB":
        x, end, bow = (x0 + x1) / 2, beside * 0.45, beside * 1.2
        return (x + end, y0), (x + bow, y0 + (y1 - y0) / 3), (x + bow, y1 - (y1 - y0) / 3), (x + end, y1)
    y, end, bow = (y0 + y1) / 2, beside * 0.45, beside * 1.2
    return (x0, y + end), (x0 + (x1 - x0) / 3, y + bow), (x1 - (x1 - x0) / 3, y + bow), (x1, y + end)


def _straight(drawing: Drawing, layout: Layout, edge: DrawnEdge) -> tuple[Point, ...]:
    (x0, y0), (x1, y1) = layout.centres[edge.source], layout.centres[edge.target]
    return (x0, y0), (x0, y0), (x1, y1), (x1, y1)


def _edge(edge: DrawnEdge, curve: tuple[Point, ...], taken: Taken) -> str:
    names = " ".join(("edge", f"kind-{edge.kind}", *edge.marks))
    target = "" if edge.target_node is None else f' data-target="{edge.target_node}"'
    path, arrow = _path_and_arrow(curve)
    parts = [
        f'<g class="{names}" data-source="{edge.source_node}"{target} data-source-position="{edge.position}">',
        path,
        arrow,
    ]
    if edge.lines:
        parts += _label(edge.lines, curve, taken)
    parts.append("</g>")
    return "".join(parts)


def _path_and_arrow(curve: tuple[Point, ...]) -> tuple[str, str]:
    """The line stops where the arrow head begins, so that a thick line does not blunt its tip."""
    tip = curve[-1]
    before = next((point for point in reversed(curve) if math.dist(point, tip) > 0.5), (tip[0], tip[1] - 1))
    length = math.dist(before, tip)
    dx, dy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    base = (tip[0] - dx * _ARROW, tip[1] - dy * _ARROW)
    wings = ((base[0] - dy * 3.6, base[1] + dx * 3.6), tip, (base[0] + dy * 3.6, base[1] - dx * 3.6))
    third = curve[-2] if math.dist(curve[-2], tip) > _ARROW else base
    points = (*curve[1:-2], third, base)
    line = "".join(f"{'C' if index % 3 == 0 else ' '}{_pair(point)}" for index, point in enumerate(points))
    path = f'<path class="line" d="M{_pair(curve[0])}{line}"/>'
    corners = " ".join(_pair(point) for point in wings)
    return path, f'<polygon class="arrow" points="{corners}"/>'


def _label(lines: tuple[str, ...], curve: tuple[Point, ...], taken: Taken) -> Iterator[str]:
    x, y = label_place(curve, _label_width(lines), len(lines) * _LABEL_LINE, taken)
    first = y - (len(lines) - 1) * _LABEL_LINE / 2 + 3.8
    for row, line in enumerate(lines):
        yield f'<text class="label" x="{number(x)}" y="{number(first + row * _LABEL_LINE)}">{xml(line)}</text>'


def _label_width(lines: tuple[str, ...]) -> float:
    return max((measure.text_width(line, measure.LABEL_SIZE) for line in lines), default=0.0) + 6


def _pair(point: Point) -> str:
    return f"{number(point[0])},{number(point[1])}"
