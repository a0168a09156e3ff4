"""A plain layered layout in linear time, for when Graphviz is missing, too slow or killed. Pure, iterative.

Longest paths from the loss give the layers, a few sweeps towards the mean of the neighbours give the order in them.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from app.picture.view import Drawing, Layout, Point

_SWEEPS: Final = 4
_GAP_ACROSS: Final = 20.0
_GAP_ALONG: Final = 44.0


def plain_layout(drawing: Drawing) -> Layout:
    """A place for every box and a curve for every edge of `drawing`."""
    count = len(drawing.nodes)
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for edge in drawing.edges:
        above[edge.target].append(edge.source)
        below[edge.source].append(edge.target)
    across = [node.width if drawing.direction == "TB" else node.height for node in drawing.nodes]
    along = [node.height if drawing.direction == "TB" else node.width for node in drawing.nodes]
    layers = _layers(above, below)
    x = _across(layers, above, below, across)
    y = _along(layers, along)
    centres = tuple((x[node], y[node]) if drawing.direction == "TB" else (y[node], x[node]) for node in range(count))
    return Layout(centres, _curves(drawing, centres))


def _layers(above: list[list[int]], below: list[list[int]]) -> list[list[int]]:
    """Every node one layer below the lowest that points to it, one that nothing points to just above its nearest
    target; nodes of a cycle stay in the first layer."""
    rank = [0] * len(above)
    waiting = [len(nodes) for nodes in above]
    queue = deque(node for node, left in enumerate(waiting) if not left)
    while queue:
        node = queue.popleft()
        for target in below[node]:
            rank[target] = max(rank[target], rank[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                queue.append(target)
    for node, targets in enumerate(below):
        if targets and not above[node]:
            rank[node] = max(0, min(rank[target] for target in targets) - 1)
    layers: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for node, layer in enumerate(rank):
        layers[layer].append(node)
    return layers


def _across(layers: list[list[int]], above: list[list[int]], below: list[list[int]], width: list[float]) -> list[float]:
    x = [0.0] * len(width)
    for layer in layers:
        _pack(layer, [0.0] * len(layer), width, x)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            wished = [_mean(x, (above if down else below)[node], x[node]) for node in layer]
            paired = sorted(zip(wished, layer, strict=True))
            layer[:] = [node for _, node in paired]
            _pack(layer, [wish for wish, _ in paired], width, x)
    return x


def _mean(x: list[float], nodes: list[int], otherwise: float) -> float:
    return sum(x[node] for node in nodes) / len(nodes) if nodes else otherwise


def _pack(layer: list[int], wished: list[float], width: list[float], x: list[float]) -> None:
    """Put the nodes of `layer` side by side in their order, as near to their wishes as one shift allows."""
    edge = float("-inf")
    for node, wish in zip(layer, wished, strict=True):
        x[node] = max(wish, edge + _GAP_ACROSS + width[node] / 2)
        edge = x[node] + width[node] / 2
    shift = sum(wish - x[node] for node, wish in zip(layer, wished, strict=True)) / len(layer)
    for node in layer:
        x[node] += shift


def _along(layers: list[list[int]], height: list[float]) -> list[float]:
    y = [0.0] * len(height)
    top = 0.0
    for layer in layers:
        tallest = max((height[node] for node in layer), default=0.0)
        for node in layer:
            y[node] = top + tallest / 2
        top += tallest + _GAP_ALONG
    return y


def _curves(drawing: Drawing, centres: tuple[Point, ...]) -> tuple[tuple[Point, ...], ...]:
    """One cubic each; edges between the same boxes spread apart."""
    seen: dict[tuple[int, int], int] = {}
    curves = []
    for edge in drawing.edges:
        nth = seen[edge.source, edge.target] = seen.get((edge.source, edge.target), -1) + 1
        spread = 16.0 * ((nth + 1) // 2) * (-1 if nth % 2 else 1)
        curves.append(_curve(drawing, centres, edge.source, edge.target, spread))
    return tuple(curves)


def _curve(drawing: Drawing, centres: tuple[Point, ...], source: int, target: int, spread: float) -> tuple[Point, ...]:
    (x0, y0), (x1, y1) = centres[source], centres[target]
    from_, to = drawing.nodes[source], drawing.nodes[target]
    if drawing.direction == "TB":
        y0, y1, x0, x1 = y0 + from_.height / 2, y1 - to.height / 2, x0 + spread, x1 + spread
        bend = (y1 - y0) / 2
        return (x0, y0), (x0, y0 + bend), (x1, y1 - bend), (x1, y1)
    x0, x1, y0, y1 = x0 + from_.width / 2, x1 - to.width / 2, y0 + spread, y1 + spread
    bend = (x1 - x0) / 2
    return (x0, y0), (x0 + bend, y0), (x1 - bend, y1), (x1, y1)
