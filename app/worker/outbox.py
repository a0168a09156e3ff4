"""Where a child's frames leave: whole frames only, from any thread, and a request to stop never cuts one in two.

Inside the sandbox, in the child. The functions it needs are bound before a snippet could replace them.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from app.protocol import frame
from app.run import Value

StopEarly = Callable[[FrameType | None], None]


class Outbox:
    """Frames to one descriptor. Signals arrive in the main thread between any two instructions, so what they ask for
    waits until that thread has written the frame it is in."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._main_sends = False
        self._wanted: FrameType | None = None
        self._stop_early: StopEarly | None = None
        self._stopping = False
        self._write, self._exit, self._thread = os.write, os._exit, threading.get_ident
        self._main = threading.get_ident()

    def send(self, message: Value) -> None:
        """Write `message` whole. Ends the process where nobody reads any more."""
        rest = memoryview(frame(message))
        if self._thread() != self._main:
            with self._lock:
                self._write_all(rest)
            return
        self._main_sends = True
        with self._lock:
            self._write_all(rest)
        self._main_sends = False
        if self._wanted is not None:
            self._stop(self._wanted)

    def stop_on(self, signals: tuple[signal.Signals, ...], stop_early: StopEarly) -> None:
        """On any of `signals`, report by `stop_early` what there is, then end."""
        self._stop_early = stop_early
        for number in signals:
            signal.signal(number, self._asked)

    def _asked(self, _number: int, at: FrameType | None) -> None:
        if self._main_sends:
            self._wanted = at
        elif not self._stopping:
            self._stop(at)

    def _stop(self, at: FrameType | None) -> NoReturn:
        self._wanted, self._stopping = None, True
        try:
            if self._stop_early is not None:
                self._stop_early(at)
        finally:
            self._exit(0)

    def _write_all(self, rest: memoryview) -> None:
        try:
            while rest:
                rest = rest[self._write(self._descriptor, rest) :]
        except OSError:
            self._exit(9)
