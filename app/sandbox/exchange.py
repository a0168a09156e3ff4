"""One job in one child: hand it over, read what comes back, stop it at its limits, give a verdict.

Runs in the supervisor. The child is presumed hostile from the moment it has the job, so the verdict rests on the
supervisor's own clock, counts and the kernel's word, never on what the child says; its frames pass through unparsed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from app.protocol import Ended, Job, Limits, Outcome, ZygoteReaped, frame
from app.sandbox.child import READ_BYTES, Child, forget
from app.sandbox.frames import FrameFault, FrameSplitter, is_final

_CRASH_SECONDS = 0.2
OUTPUT_PATIENCE = 4  # a child that writes this many times its output limit is stopped
_CLOSED_PIPE_SECONDS = 0.5  # a child that closed its result pipe must be dead within this
_REAPED_SECONDS = 2.0
_CPU_SLACK_SECONDS = 0.02


class Sink(Protocol):
    """Where a run's bytes go. Both calls return at once."""

    def output(self, data: bytes) -> None: ...

    def frame(self, payload: bytes) -> None: ...


class _Verdict(Exception):
    """Ends the exchange from inside a callback."""

    def __init__(self, outcome: Outcome, detail: str = "") -> None:
        super().__init__(outcome)
        self.outcome: Outcome = outcome
        self.detail = detail


class Exchange:
    """The state of one run. `run` is called once."""

    def __init__(self, child: Child, job: Job, sink: Sink, stop_grace_seconds: float) -> None:
        self._child = child
        self._loop = child.loop
        self._limits = job.limits
        self._sink = sink
        self._grace_seconds = stop_grace_seconds
        self._unsent = memoryview(frame(job))
        self._splitter = FrameSplitter(job.limits.result_bytes)
        self._written_bytes = 0
        self._stopped_at: Outcome | None = None
        self._verdict: asyncio.Future[_Verdict] = self._loop.create_future()
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self) -> Ended:
        """Hand the job over and see it through. The child is killed when this returns, but may not be dead yet."""
        started = time.monotonic()
        try:
            self._watch()
            verdict = await self._verdict
            self._child.kill()
            self._drain_output()
            return await self._ended(verdict, started)
        finally:
            self._child.kill()
            self._unwatch()

    def _watch(self) -> None:
        child, loop = self._child, self._loop
        self._timers.append(loop.call_later(self._limits.wall_seconds, self._stop, "wall"))
        loop.add_reader(child.pipes.output, self._guarded, self._read_output)
        loop.add_reader(child.pipes.result, self._guarded, self._read_result)
        child.gone.add_done_callback(self._on_death)
        self._guarded(self._write_job)
        if self._unsent:
            loop.add_writer(child.pipes.job, self._guarded, self._write_job)

    def _unwatch(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for descriptor in (self._child.pipes.output, self._child.pipes.result):
            forget(self._loop, descriptor)
        self._end_job_pipe()
        self._child.gone.remove_done_callback(self._on_death)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Run one callback; what it raises becomes the verdict."""
        try:
            step()
        except _Verdict as verdict:
            self._settle(verdict)
        except FrameFault as fault:
            self._settle(_Verdict(fault.outcome, fault.detail))
        except BlockingIOError:
            pass

    def _settle(self, verdict: _Verdict) -> None:
        if not self._verdict.done():
            self._verdict.set_result(verdict)

    # --- the job's way in ---

    def _write_job(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._child.pipes.job, self._unsent) :]
        except BrokenPipeError:  # the child is dying; its end is noticed elsewhere
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self._end_job_pipe()

    def _end_job_pipe(self) -> None:
        if self._child.pipes.job >= 0:
            forget(self._loop, self._child.pipes.job)
            self._child.pipes.end_job()

    # --- the result's way out ---

    def _read_result(self) -> None:
        data = os.read(self._child.pipes.result, READ_BYTES)
        if not data:
            self._loop.remove_reader(self._child.pipes.result)
            self._timers.append(self._loop.call_later(_CLOSED_PIPE_SECONDS, self._settle, _closed_early()))
        self._pass_on(self._splitter.feed(data))

    def _pass_on(self, payloads: Iterator[bytes]) -> None:
        for payload in payloads:
            self._sink.frame(payload)
            if is_final(payload):
                raise _Verdict("finished")

    def _read_output(self) -> None:
        data = os.read(self._child.pipes.output, READ_BYTES)
        if not data:
            self._loop.remove_reader(self._child.pipes.output)
        self._keep_output(data)
        if self._written_too_much():
            self._loop.remove_reader(self._child.pipes.output)
            self._stop("output")

    def _keep_output(self, data: bytes) -> None:
        room = self._limits.output_bytes - self._written_bytes
        self._written_bytes += len(data)
        if room > 0 and data:
            self._sink.output(data[:room])

    def _written_too_much(self) -> bool:
        return self._written_bytes > OUTPUT_PATIENCE * self._limits.output_bytes

    def _drain_output(self) -> None:
        """Take what the child had written before the verdict; a child that still writes cannot prolong this."""
        with contextlib.suppress(BlockingIOError):
            while not self._written_too_much() and (data := os.read(self._child.pipes.output, READ_BYTES)):
                self._keep_output(data)

    # --- its end ---

    def _stop(self, limit: Outcome) -> None:
        """A limit is reached: ask for what there is, and give a short while to tell it."""
        if self._stopped_at is None:
            self._stopped_at = limit
            self._child.send_signal(signal.SIGUSR1)
            self._timers.append(self._loop.call_later(self._grace_seconds, self._abort, limit))

    def _abort(self, limit: Outcome) -> None:
        """It did not listen, being deep in machine code or hostile: a crash still tells the line that it is on."""
        self._child.send_signal(signal.SIGABRT)
        self._timers.append(self._loop.call_later(_CRASH_SECONDS, self._settle, _Verdict(limit)))

    def _on_death(self, _: object) -> None:
        if self._verdict.done():  # the pipes may be closed already
            return
        self._guarded(self._drain_result)
        self._settle(_Verdict("exited"))

    def _drain_result(self) -> None:
        """A dead child's last frames may still be in the pipe."""
        while data := os.read(self._child.pipes.result, READ_BYTES):
            self._pass_on(self._splitter.feed(data))

    async def _ended(self, verdict: _Verdict, started: float) -> Ended:
        wall_ms = (time.monotonic() - started) * 1000.0
        ended = Ended(
            outcome=verdict.outcome,
            wall_ms=wall_ms,
            detail=verdict.detail,
            output_truncated=self._written_bytes > self._limits.output_bytes,
        )
        if self._stopped_at is not None and verdict.outcome in ("finished", "exited"):
            ended = _changed(ended, outcome=self._stopped_at)
        elif verdict.outcome == "finished" and self._used_its_cpu_seconds():
            ended = _changed(ended, outcome="cpu")
        elif verdict.outcome == "exited":
            ended = self._post_mortem(ended, await self._how_it_died())
        return _with_limit(ended, self._limits)

    def _used_its_cpu_seconds(self) -> bool:
        return self._child.cpu_seconds() >= self._limits.cpu_seconds - _CPU_SLACK_SECONDS

    async def _how_it_died(self) -> ZygoteReaped | None:
        try:
            async with asyncio.timeout(_REAPED_SECONDS):
                return await asyncio.shield(self._child.reaped)
        except TimeoutError:
            return None

    def _post_mortem(self, ended: Ended, reaped: ZygoteReaped | None) -> Ended:
        if reaped is None:
            return _changed(ended, outcome="signal", signal=int(signal.SIGKILL), detail="nobody knows how it died")
        if os.WIFEXITED(reaped.status):
            detail = "ended in the middle of a frame" if self._splitter.inside_frame else ""
            return _changed(ended, exit_code=os.WEXITSTATUS(reaped.status), detail=detail)
        number = os.WTERMSIG(reaped.status)
        used_up = reaped.cpu_seconds >= self._limits.cpu_seconds - _CPU_SLACK_SECONDS
        if number == signal.SIGXCPU or (number == signal.SIGKILL and used_up):
            return _changed(ended, outcome="cpu", signal=number)
        if number == signal.SIGKILL:
            return _changed(ended, outcome="memory", signal=number, detail="killed by the kernel for want of memory")
        return _changed(ended, outcome="signal", signal=number)


def _closed_early() -> _Verdict:
    return _Verdict("protocol", "closed its result pipe without a final frame")


def _changed(ended: Ended, **changes: object) -> Ended:
    return msgspec.structs.replace(ended, **changes)


_LIMIT_OF: dict[Outcome, str] = {
    "wall": "wall_seconds",
    "cpu": "cpu_seconds",
    "memory": "memory_bytes",
    "output": "output_bytes",
    "result": "result_bytes",
}


def _with_limit(ended: Ended, limits: Limits) -> Ended:
    """Name the limit that the outcome stands for, with its value."""
    name = _LIMIT_OF.get(ended.outcome)
    return _changed(ended, limit_name=name, limit_value=float(getattr(limits, name))) if name else ended
