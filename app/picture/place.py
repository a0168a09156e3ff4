"""Where the label of an edge fits: on its curve, clear of the boxes and of the labels already placed. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from app.picture.view import Point

_CELL: Final = 120.0
_TRIES: Final = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74)
Rectangle = tuple[float, float, float, float]


class Taken:
    """Rectangles (left, top, right, bottom) in a coarse grid."""

    def __init__(self) -> None:
        self._cells: defaultdict[tuple[int, int], list[Rectangle]] = defaultdict(list)

    def add(self, rectangle: Rectangle) -> None:
        for cell in _cells(rectangle):
            self._cells[cell].append(rectangle)

    def meets(self, rectangle: Rectangle) -> bool:
        return any(_overlap(rectangle, other) for cell in _cells(rectangle) for other in self._cells.get(cell, ()))


def label_place(curve: tuple[Point, ...], width: float, height: float, taken: Taken) -> Point:
    """The centre of a label on `curve`; takes the place."""
    places = [at(curve, share) for share in _TRIES]
    free = (place for place in places if not taken.meets(_around(place, width, height)))
    place = next(free, places[0])
    taken.add(_around(place, width, height))
    return place


def at(curve: tuple[Point, ...], share: float) -> Point:
    """The point of a chain of Béziers after `share` (0 to 1) of its pieces' parameter range."""
    pieces = (len(curve) - 1) // 3
    piece = min(int(share * pieces), pieces - 1)
    t = share * pieces - piece
    p0, p1, p2, p3 = curve[3 * piece : 3 * piece + 4]
    u = 1 - t
    a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
    return a * p0[0] + b * p1[0] + c * p2[0] + d * p3[0], a * p0[1] + b * p1[1] + c * p2[1] + d * p3[1]


def _around(place: Point, width: float, height: float) -> Rectangle:
    return place[0] - width / 2, place[1] - height / 2, place[0] + width / 2, place[1] + height / 2


def _cells(rectangle: Rectangle) -> list[tuple[int, int]]:
    left, top, right, bottom = (int(side // _CELL) for side in rectangle)
    return [(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
