"""Where in the snippet something happened: frames to lines, columns and text. Inside the sandbox."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import CodeType, FrameType

from app.worker.program import FILENAME


@dataclass(frozen=True, slots=True)
class Place:
    """A call in the snippet. Columns count characters; `end_column` is None when the call ends on another line."""

    line: int | None = None
    column: int | None = None
    end_column: int | None = None
    text: str = ""


NOWHERE = Place()
_MOST_LINES = 10_000_000


def snippet_frame(frame: FrameType | None) -> FrameType | None:
    """`frame` itself or the nearest caller that is the snippet's."""
    while frame is not None and frame.f_code.co_filename != FILENAME:
        frame = frame.f_back
    return frame


def calling_frame(depth: int = 1) -> FrameType | None:
    """The snippet's frame that led to the caller's caller."""
    return snippet_frame(sys._getframe(depth + 1))


def sane_line(line: int | None) -> int | None:
    """A line number that a file can have; compiled by hand, code can claim any."""
    return line if line is not None and 0 < line <= _MOST_LINES else None


def line_of(frame: FrameType | None) -> int | None:
    """The line of the nearest snippet frame."""
    found = snippet_frame(frame)
    return None if found is None else sane_line(found.f_lineno)


class Places:
    """Positions of one snippet's instructions, found when first asked for."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self._lines = lines
        self._known: dict[tuple[int, int], tuple[CodeType, Place]] = {}
        self._positions: dict[CodeType, list[tuple[int | None, int | None, int | None, int | None]]] = {}

    def place(self, code: CodeType | None, instruction: int) -> Place:
        """The place of the instruction at byte offset `instruction`."""
        if code is None:
            return NOWHERE
        key = (id(code), instruction)
        known = self._known.get(key)
        if known is None or known[0] is not code:
            known = self._known[key] = (code, self._find(code, instruction))
        return known[1]

    def _find(self, code: CodeType, instruction: int) -> Place:
        positions = self._positions.get(code)
        if positions is None:
            positions = self._positions[code] = list(code.co_positions())
        index = instruction // 2
        if not 0 <= index < len(positions):
            return NOWHERE
        line, end_line, start, end = positions[index]
        if line is None or not 1 <= line <= len(self._lines):
            return NOWHERE
        if start is None or end is None:
            return Place(line)
        column = self._characters(line, start)
        same = end_line == line
        return Place(
            line, column, self._characters(line, end) if same else None, self._text(line, column, end_line, end)
        )

    def _characters(self, line: int, byte: int) -> int:
        """Python counts columns in bytes of UTF-8; readers count characters."""
        return len(self._lines[line - 1].encode("utf-8", "surrogatepass")[:byte].decode("utf-8", "replace"))

    def _text(self, line: int, column: int, end_line: int | None, end: int) -> str:
        if end_line is None or not line <= end_line <= len(self._lines):
            return ""
        last = self._characters(end_line, end)
        if end_line == line:
            return self._lines[line - 1][column:last]
        middle = self._lines[line : min(end_line - 1, line + 20)]
        return "\n".join([self._lines[line - 1][column:], *middle, self._lines[end_line - 1][:last]])
