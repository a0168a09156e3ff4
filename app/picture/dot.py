"""A drawing as DOT text: once to be read by people (labels, looks, ids), once bare, for the layout alone. Pure.

Equal drawings give equal text. The bare text holds numbers only, so nothing of a snippet ever reaches Graphviz here;
the readable one holds names, strictly quoted (`app.picture.quoting`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.picture.quoting import dot_string
from app.picture.style import classes, dot_look
from app.picture.view import Drawing, DrawnEdge, DrawnNode

_POINTS_PER_INCH: Final = 72.0
_POLYLINES_ABOVE: Final = 800


def readable(drawing: Drawing) -> str:
    """The picture as DOT: any Graphviz draws it with the same shapes and words."""
    return "\n".join(_readable(drawing)) + "\n"


def bare(drawing: Drawing) -> str:
    """The sizes of the boxes and who is joined to whom: what a layout needs, and no more."""
    return "\n".join(_bare(drawing)) + "\n"


def _readable(drawing: Drawing) -> Iterator[str]:
    yield "digraph autograd {"
    yield f"  graph [rankdir={drawing.direction},nodesep=0.3,ranksep=0.5,label={dot_string(drawing.label)}];"
    yield '  node [fontname="Helvetica,Arial,sans-serif",fontsize=12,margin="0.15,0.06"];'
    yield '  edge [fontname="Helvetica,Arial,sans-serif",fontsize=10,arrowsize=0.7];'
    for node in drawing.nodes:
        lines = ("".join(span.text for span in line) for line in node.lines)
        look = dot_look(node.kind, node.marks)
        yield (
            f"  {dot_string(node.key)} [label={dot_string(*lines)},{look},"
            f"id={dot_string(f'g{drawing.graph}-{node.key}')},class={dot_string(_classes(node))}];"
        )
    for edge in drawing.edges:
        ends = f"{dot_string(drawing.nodes[edge.source].key)} -> {dot_string(drawing.nodes[edge.target].key)}"
        yield f"  {ends} [{','.join(_edge_attributes(edge))}];"
    yield "}"


def _classes(node: DrawnNode) -> str:
    names = classes(node.kind, node.marks)
    return names if node.line is None else f"{names} line-{node.line}"


def _edge_attributes(edge: DrawnEdge) -> Iterator[str]:
    yield f"class={dot_string(' '.join(('edge', f'kind-{edge.kind}', *edge.marks)))}"
    if edge.lines:
        yield f"label={dot_string(*edge.lines)}"
    if edge.kind == "cut":
        yield "style=dashed"


def _bare(drawing: Drawing) -> Iterator[str]:
    tall = any(len(edge.lines) > 1 for edge in drawing.edges)
    apart = (0.85 if tall else 0.62) if drawing.direction == "TB" else 1.05
    speed = ",splines=polyline" if len(drawing.nodes) > _POLYLINES_ABOVE else ""
    yield f"digraph g {{ graph [rankdir={drawing.direction},nodesep=0.28,ranksep={apart}{speed}];"
    yield 'node [shape=box,fixedsize=true,label=""]; edge [arrowhead=none];'
    for index, node in enumerate(drawing.nodes):
        yield f"{index} [id=n{index},width={_inches(node.width)},height={_inches(node.height)}];"
    spine = _spine(drawing)
    for index, edge in enumerate(drawing.edges):
        weight = ",weight=12" if spine.get(edge.source) == edge.target else ""
        yield f"{edge.source}->{edge.target} [id=e{index}{weight}];"
    yield "}"


def _spine(drawing: Drawing) -> dict[int, int]:
    """For each node the neighbour with the longest way to go from there: a line to be kept straight."""
    above: list[list[int]] = [[] for _ in drawing.nodes]
    waiting = [0] * len(drawing.nodes)
    for edge in drawing.edges:
        above[edge.target].append(edge.source)
        waiting[edge.source] += 1
    height = [0] * len(drawing.nodes)
    spine: dict[int, int] = {}
    done = [node for node, left in enumerate(waiting) if not left]
    for node in done:
        for source in above[node]:
            if height[node] >= height[source]:
                height[source] = height[node] + 1
                spine[source] = node
            waiting[source] -= 1
            if not waiting[source]:
                done.append(source)
    return spine


def _inches(points: float) -> str:
    return f"{points / _POINTS_PER_INCH:.4f}"
