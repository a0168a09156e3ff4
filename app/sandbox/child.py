"""A single-use child as the supervisor holds it: its pipes, its pidfd, its end. Runs in the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import signal
import time

from app.errors import ProtocolViolation
from app.protocol import Confined, ZygoteReaped, decode_from_child
from app.sandbox.frames import FrameFault, FrameSplitter

READ_BYTES = 2**18
_PIPE_BYTES = 2**20
_CONFINED_BYTES = 2**16
_BURIAL_SECONDS = 10.0


class ChildFault(Exception):
    """A child that cannot be used; `str()` says why."""


class Pipes:
    """Job, output and result pipe of a child that is about to be forked; ours do not block."""

    def __init__(self) -> None:
        self._theirs: list[int] = []
        self.job = self._end(ours=1)
        self.output = self._end(ours=0)
        self.result = self._end(ours=0)
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(self.result, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def _end(self, ours: int) -> int:
        ends = os.pipe()
        os.set_blocking(ends[ours], False)
        self._theirs.append(ends[1 - ours])
        return ends[ours]

    @property
    def theirs(self) -> list[int]:
        """The child's ends, in the order that FORK wants them."""
        return self._theirs

    def close_theirs(self) -> None:
        close_all(self._theirs)

    def end_job(self) -> None:
        """Close the job pipe: the child reads the end of its job, and later the snippet that of its stdin."""
        if self.job >= 0:
            os.close(self.job)
            self.job = -1

    def ours(self) -> list[int]:
        """The ends that are still open on our side."""
        return [end for end in (self.job, self.output, self.result) if end >= 0]

    def close(self) -> None:
        """Close every end that is still ours to close."""
        close_all(self._theirs)
        close_all(self.ours())


class Child:
    """One confined process. `gone` is done once it is certainly dead, `reaped` once the zygote told how it died."""

    def __init__(self, pid: int, pidfd: int, pipes: Pipes) -> None:
        self.loop = asyncio.get_running_loop()
        self.pid = pid
        self.pidfd = pidfd
        self.pipes = pipes
        self.born = time.monotonic()
        self.layers: tuple[str, ...] = ()
        self.gone: asyncio.Future[None] = self.loop.create_future()
        self.reaped: asyncio.Future[ZygoteReaped | None] = self.loop.create_future()
        self._cpu_clock = _cpu_clock(pidfd)
        self.loop.add_reader(pidfd, self._note_death)

    def _note_death(self) -> None:
        self.loop.remove_reader(self.pidfd)
        if not self.gone.done():
            self.gone.set_result(None)

    def is_dead(self) -> bool:
        """Asks the kernel, so that a death of this very moment counts."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def send_signal(self, number: signal.Signals) -> None:
        """Through the pidfd, so that it can never reach another process."""
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self.pidfd, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def cpu_seconds(self) -> float:
        """Processor time used so far; 0.0 when the kernel does not say."""
        try:
            return time.clock_gettime(self._cpu_clock) if self._cpu_clock is not None else 0.0
        except OSError:
            return 0.0

    async def confine(self, deadline_seconds: float) -> Confined:
        """Wait for the child to report its confinement. Raises ChildFault when it does not, or says anything else."""
        confined: asyncio.Future[Confined] = self.loop.create_future()
        splitter = FrameSplitter(_CONFINED_BYTES)
        self.loop.add_reader(self.pipes.result, self._read_confined, splitter, confined)
        try:
            async with asyncio.timeout(deadline_seconds):
                message = await confined
        except TimeoutError:
            raise ChildFault("a child did not report its confinement in time") from None
        finally:
            self.loop.remove_reader(self.pipes.result)
        self.layers = message.layers
        return message

    def _read_confined(self, splitter: FrameSplitter, confined: asyncio.Future[Confined]) -> None:
        try:
            data = os.read(self.pipes.result, READ_BYTES)
            payloads = list(splitter.feed(data))
            if not data:
                raise ChildFault(f"a child died before it was confined{self._last_words()}")
            if len(payloads) > 1 or (payloads and splitter.inside_frame):
                raise ChildFault("a child spoke before it had a job")
            message = decode_from_child(payloads[0]) if payloads else None
            if message is not None and not isinstance(message, Confined):
                raise ChildFault("a child spoke before it was confined")
        except (ChildFault, FrameFault, ProtocolViolation, OSError) as exc:
            self.loop.remove_reader(self.pipes.result)
            _settle_with_fault(confined, exc)
        else:
            if message is not None and not confined.done():
                confined.set_result(message)

    def _last_words(self) -> str:
        """What a child that failed before its confinement wrote: still our own code's words."""
        with contextlib.suppress(OSError):
            said = os.read(self.pipes.output, 4096).decode(errors="replace").strip().splitlines()
            return f": {said[-1][:200]}" if said else ""
        return ""

    async def bury(self) -> bool:
        """Kill the child, wait until it is dead and reaped, and close all of it. False if it would not die."""
        self.kill()
        try:
            async with asyncio.timeout(_BURIAL_SECONDS):
                await asyncio.shield(self.gone)
                await asyncio.shield(self.reaped)
        except TimeoutError:
            return False
        finally:
            for descriptor in (self.pidfd, *self.pipes.ours()):
                forget(self.loop, descriptor)
            self.pipes.close()
            os.close(self.pidfd)
            self.pidfd = -1
        return True


def forget(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    """Stop watching a descriptor, whatever it was watched for."""
    loop.remove_reader(descriptor)
    loop.remove_writer(descriptor)


def close_all(descriptors: list[int]) -> None:
    """Close and forget them."""
    while descriptors:
        os.close(descriptors.pop())


def _settle_with_fault(confined: asyncio.Future[Confined], exc: Exception) -> None:
    if not confined.done():
        fault = exc if isinstance(exc, ChildFault) else ChildFault(f"a child broke the protocol: {exc}")
        confined.set_exception(fault)


def _cpu_clock(pidfd: int) -> int | None:
    """The kernel's CPU clock of that process (`man 3 clock_getcpuclockid`), by its number in our own namespace."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/self/fdinfo/{pidfd}") as info:  # noqa: PTH123
        for row in info:
            if row.startswith("Pid:"):
                pid = int(row.split()[1])
                return (~pid << 3) | 2 if pid > 0 else None
    return None
