"""What a snippet prints shows no frames of ours: warnings name its lines, tracebacks skip us. Inside the sandbox."""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from torch.jit._builtins import _get_builtin_table

from app.worker.places import snippet_frame
from app.worker.program import FILENAME

_OURS = str(Path(__file__).parent)
_OUTERMOST = "_execute_captured"  # the function that executes the snippet: what called it is not the snippet's business
_OVERRIDES = "overrides.py"
# By it torch.jit.script knows the functions that it need not read.
_builtin_table: Callable[[], dict[int, str]] = _get_builtin_table
_walk_stack = traceback.walk_stack
_WALKS = ("walk_tb", "_walk_tb_with_full_positions", "walk_stack")


class Unnoticed:
    """While it is entered, `warnings` and `traceback` leave us out."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []
        self._scriptable = 0

    def __enter__(self) -> None:
        warn = _warn(warnings.warn)
        self._patch(warnings, "warn", warn)
        self._scriptable = id(warn)
        _builtin_table()[self._scriptable] = "aten::warn"
        self._patch(warnings, "_showwarnmsg", _show_warning(vars(warnings)["_showwarnmsg"]))
        self._patch(threading, "excepthook", _thread_failed)
        for name in _WALKS:
            self._patch(traceback, name, _skip_us(vars(traceback)[name]))

    def __exit__(self, *_: object) -> None:
        _builtin_table().pop(self._scriptable, None)
        while self._before:
            module, name, value = self._before.pop()
            setattr(module, name, value)

    def _patch(self, module: Any, name: str, value: Any) -> None:
        self._before.append((module, name, vars(module)[name]))
        setattr(module, name, value)


def _thread_failed(args: Any) -> None:
    """What Python prints of a thread that failed, by way of `traceback`."""
    if args.exc_type is not SystemExit:
        name = args.thread.name if args.thread is not None else threading.get_ident()
        print(f"Exception in thread {name}:", file=sys.stderr, flush=True)
        traceback.print_exception(args.exc_type, args.exc_value, args.exc_traceback, file=sys.stderr)


def _skip_us(walk: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
    def without_us(start: Any) -> Iterator[Any]:
        if start is None and walk.__name__ == "walk_stack":
            start = sys._getframe(2)  # as walk_stack finds it: whoever asked `traceback`
        yield from _without_us(list(walk(start)))

    without_us.__name__ = walk.__name__
    return without_us


def _without_us(found: list[Any]) -> list[Any]:
    """Leave out our frames, and what PyTorch does only because a function mode is there."""
    codes = [entry[0].f_code for entry in found]
    shown = [not code.co_filename.startswith(_OURS) for code in codes]
    for index, code in enumerate(codes):
        if code.co_name == "handle_torch_function" and code.co_filename.endswith(_OVERRIDES):
            shown[index] = False
            # The function asked first whether a mode wants it, and is called again from there.
            inner, outer = _beyond(shown, index, codes)
            if outer is not None and inner is not None and codes[inner] is codes[outer]:
                shown[outer] = False
    if _OUTERMOST in (code.co_name for code in codes if code.co_filename.startswith(_OURS)):
        _hide_callers(codes, shown)
    return [entry for entry, show in zip(found, shown, strict=True) if show]


def _beyond(shown: list[bool], index: int, codes: list[CodeType]) -> tuple[int | None, int | None]:
    """The nearest shown frames on the side of our mode, and on the other."""
    after = next((i for i in range(index + 1, len(shown)) if shown[i]), None)
    before = next((i for i in range(index - 1, -1, -1) if shown[i]), None)
    mode_is_after = index + 1 < len(codes) and codes[index + 1].co_filename.startswith(_OURS)
    return (after, before) if mode_is_after else (before, after)


def _hide_callers(codes: list[CodeType], shown: list[bool]) -> None:
    """Whoever started the evaluation is on the far side of it, in a stack and in a traceback alike."""
    outermost = next(i for i, code in enumerate(codes) if code.co_name == _OUTERMOST)
    snippet = next((i for i, code in enumerate(codes) if code.co_filename == FILENAME), outermost)
    hidden = range(outermost) if snippet > outermost else range(outermost, len(codes))
    for index in hidden:
        shown[index] = False


def _warn(original: Callable[..., None]) -> Callable[..., None]:
    def warn(message: Any, category: Any = None, stacklevel: Any = 1, source: Any = None) -> None:
        if type(stacklevel) is int:
            stacklevel = 1 + (_level_without_us(stacklevel) if stacklevel > 1 else stacklevel)
        original(message, category, stacklevel, source)

    return warn


def _level_without_us(level: int) -> int:
    """The stack level at which the caller of `warn` finds what would stand at `level` if we were not there."""
    frames = [entry[0] for entry in _walk_stack(sys._getframe(2))]
    shown = [entry[0] for entry in _without_us([(frame, 0) for frame in frames])]
    return frames.index(shown[level - 1]) + 1 if level <= len(shown) else len(frames) + 1


def _show_warning(original: Callable[[Any], None]) -> Callable[[Any], None]:
    def _showwarnmsg(message: Any) -> None:
        if message.filename.startswith(_OURS):
            frame = snippet_frame(sys._getframe(1))
            _forget_ours()
            if frame is not None:
                message.filename, message.lineno = FILENAME, frame.f_lineno
                if _shown_before(frame, message):
                    return
        original(message)

    return _showwarnmsg


def _forget_ours() -> None:
    """Python remembers that it warned about a line of ours; the snippet's next line shall warn again."""
    for name in ("app.worker.mode", "app.worker.seams", "app.worker.engine"):
        registry = vars(sys.modules[name]).get("__warningregistry__")
        if registry:
            registry.clear()


def _shown_before(frame: FrameType, message: Any) -> bool:
    """Whether Python would have shown this warning already, had it named the snippet's line at once."""
    if _action(message) == "always":
        return False
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    key = (str(message.message), message.category, message.lineno)
    if registry.get(key):
        return True
    registry[key] = True
    return False


def _action(message: Any) -> str:
    """What the filters say about the warning, as `warnings` would ask them."""
    text = str(message.message)
    for action, pattern, category, module, line in warnings.filters:
        if (
            (pattern is None or pattern.match(text))
            and issubclass(message.category, category)
            and (module is None or module.match("__main__"))
            and line in (0, message.lineno)
        ):
            return action
    return "default"
