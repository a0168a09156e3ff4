"""Exceptions of the snippet as values: bounded text, the snippet's own lines only. Inside the sandbox."""

from __future__ import annotations

from types import FrameType

from app.run import SnippetError, TensorMeta, TraceLine
from app.worker.places import Places, sane_line
from app.worker.program import FILENAME
from app.worker.text import sendable

_MESSAGE = 8192
_FRAMES = 64
_MOST_FRAMES_READ = 5_000
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def describe_error(
    exc: BaseException, lines: tuple[str, ...], places: Places, operands: tuple[TensorMeta, ...] = ()
) -> SnippetError | None:
    """`exc` as the run tells it; None for an exit that reports success."""
    if isinstance(exc, SystemExit) and _exit_code(exc) in (None, 0):
        return None
    if isinstance(exc, SyntaxError) and not _frames(exc):
        return _syntax_error(exc, lines)
    frames = _frames(exc)
    if isinstance(exc, MemoryError | RecursionError) and not frames:  # raised by the compiler
        return SnippetError(type_name(exc), message_of(exc) or "too deeply nested to compile")
    trace = tuple(
        TraceLine(line, sendable(frame.f_code.co_qualname), _line_text(lines, line)) for frame, line, _ in _ends(frames)
    )
    if not frames:
        return SnippetError(type_name(exc), message_of(exc))
    frame, line, instruction = frames[-1]
    place = places.place(frame.f_code, instruction)
    same = place.line == line
    return SnippetError(
        type_name(exc),
        message_of(exc),
        line,
        place.column if same else None,
        place.end_column if same else None,
        trace,
        operands,
    )


def is_out_of_memory(exc: BaseException) -> bool:
    """Whether `exc` says that memory ran out, in Python's words or in PyTorch's."""
    if isinstance(exc, MemoryError):
        return True
    return type(exc) is RuntimeError and any(words in message_of(exc) for words in _OUT_OF_MEMORY)


def type_name(exc: BaseException) -> str:
    return sendable(type.__dict__["__name__"].__get__(type(exc)))


def message_of(exc: BaseException) -> str:
    """`str(exc)`, whatever a hostile `__str__` does."""
    try:
        if isinstance(exc, SystemExit):
            return sendable(f"exit code {exc.code}", _MESSAGE)
        return sendable(str(exc), _MESSAGE)
    except BaseException:
        return "<exception str() failed>"


def _exit_code(exc: SystemExit) -> object:
    code = exc.code
    return code if code is None or type(code) is int else "text"


def _frames(exc: BaseException) -> list[tuple[FrameType, int, int]]:
    found: list[tuple[FrameType, int, int]] = []
    entry = exc.__traceback__
    for _ in range(_MOST_FRAMES_READ):
        if entry is None:
            break
        if entry.tb_frame.f_code.co_filename == FILENAME and sane_line(entry.tb_lineno):
            found.append((entry.tb_frame, entry.tb_lineno, entry.tb_lasti))
        entry = entry.tb_next
    return found


def _ends(frames: list[tuple[FrameType, int, int]]) -> list[tuple[FrameType, int, int]]:
    """Outermost and innermost frames when there are too many."""
    if len(frames) <= _FRAMES:
        return frames
    return [*frames[: _FRAMES // 2], *frames[-_FRAMES // 2 :]]


def _line_text(lines: tuple[str, ...], line: int) -> str:
    return sendable(lines[line - 1].strip(), 400) if 1 <= line <= len(lines) else ""


def _syntax_error(exc: SyntaxError, lines: tuple[str, ...]) -> SnippetError:
    """Python's columns of syntax errors start at 1; ours at 0."""
    line = exc.lineno if isinstance(exc.lineno, int) and exc.lineno >= 1 else None
    column = exc.offset - 1 if line and isinstance(exc.offset, int) and exc.offset >= 1 else None
    ends_here = exc.end_lineno == line and isinstance(exc.end_offset, int) and column is not None
    end = exc.end_offset - 1 if ends_here and exc.end_offset and exc.end_offset - 1 > (column or 0) else None
    trace = (TraceLine(line, "<module>", _line_text(lines, line)),) if line else ()
    return SnippetError(type_name(exc), sendable(str(exc.msg), _MESSAGE), line, column, end, trace)
