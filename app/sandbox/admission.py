"""Places for runs, and the queue before them. Runs in the supervisor."""

from __future__ import annotations

import asyncio
import math
from collections import deque

from app.errors import Overloaded

_REMEMBERED_RUNS = 32


class Admission:
    """`places` runs at a time, `queue` more in line, first come first served; whoever comes then is turned away."""

    def __init__(self, places: int, queue: int) -> None:
        self.places = places
        self.queue = queue
        self.taken = 0
        self._ending = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._recent_seconds: deque[float] = deque(maxlen=_REMEMBERED_RUNS)

    @property
    def waiting(self) -> int:
        return len(self._line)

    async def enter(self) -> None:
        """Take a place, waiting in line for it if need be. Raises Overloaded when the line is full."""
        if self.taken < self.places:
            self.taken += 1
            return
        if len(self._line) >= self.queue + self._ending:
            raise Overloaded("all places and the queue are taken", retry_after_seconds=self.retry_after_seconds())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            self._step_out(turn)
            raise

    def ending(self) -> None:
        """A run has its verdict and leaves as soon as its child is dead: who waits for that does not count as queue."""
        self._ending += 1

    def leave(self, held_seconds: float) -> None:
        """Give the place to the next in line."""
        self._ending -= 1
        self._recent_seconds.append(held_seconds)
        self._pass_on()

    def retry_after_seconds(self) -> float:
        """When the line will have moved, judged by recent runs; whole seconds, at least one."""
        recent = self._recent_seconds
        mean_seconds = sum(recent) / len(recent) if recent else 1.0
        return float(max(1, math.ceil(mean_seconds * (len(self._line) + 1) / self.places)))

    def _pass_on(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.taken -= 1

    def _step_out(self, turn: asyncio.Future[None]) -> None:
        if turn in self._line:
            self._line.remove(turn)
        elif turn.done() and not turn.cancelled():
            self._pass_on()
