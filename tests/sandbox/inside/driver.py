"""Drives a real jail as the supervisor does: control socket on descriptor 3, jobs and frames through pipes."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from app.protocol import (
    FORK,
    FRAME,
    FRAME_MAGIC,
    Confined,
    Finished,
    FromChild,
    FromZygote,
    JailOptions,
    Job,
    Limits,
    ZygoteFailed,
    ZygoteForked,
    ZygoteReady,
    ZygoteReaped,
    decode_from_child,
    decode_from_zygote,
    encode,
    frame,
)

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 60.0


class Outcome(msgspec.Struct, frozen=True):
    """All that one child said and how it ended."""

    frames: tuple[FromChild, ...]
    output: str
    status: int
    reaped: ZygoteReaped

    @property
    def layers(self) -> tuple[str, ...]:
        first = self.frames[0]
        assert isinstance(first, Confined)
        return first.layers

    @property
    def finished(self) -> Finished:
        last = self.frames[-1]
        assert isinstance(last, Finished), (self.frames, self.output, self.status)
        return last


class Child:
    """One forked child, before or after its job."""

    def __init__(self, pid: int, handle: int, job: int, output: int, result: int) -> None:
        self.pid, self.handle, self.job, self.output, self.result = pid, handle, job, output, result
        self.said = {output: bytearray(), result: bytearray()}

    def give(self, code: str, limits: Limits) -> None:
        data = memoryview(frame(Job(code, 0, limits)))
        try:
            while data:
                data = data[os.write(self.job, data) :]
        except BrokenPipeError:
            pass
        os.close(self.job)
        self.job = -1

    def listen(self, until: float, enough: object = None) -> None:
        """Read until both pipes end, the deadline passes (AssertionError), or `enough()` holds."""
        poll = select.poll()
        for end in self.said:
            poll.register(end, select.POLLIN)
        open_ends = set(self.said)
        while open_ends and not (callable(enough) and enough()):
            ready = poll.poll(max(0, (until - time.monotonic()) * 1000))
            assert ready, f"no end in sight; so far {self.said}"
            for end, _ in ready:
                data = os.read(end, 1 << 20)
                self.said[end] += data
                if not data:
                    poll.unregister(end)
                    open_ends.discard(end)

    def frames(self) -> tuple[FromChild, ...]:
        rest, found = memoryview(bytes(self.said[self.result])), []
        while len(rest) >= FRAME.size:
            magic, size = FRAME.unpack(rest[: FRAME.size])
            if magic != FRAME_MAGIC or len(rest) < FRAME.size + size:
                break
            found.append(decode_from_child(rest[FRAME.size : FRAME.size + size]))
            rest = rest[FRAME.size + size :]
        return tuple(found)

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, number)

    def close(self) -> None:
        for descriptor in (self.handle, self.job, self.output, self.result):
            if descriptor >= 0:
                os.close(descriptor)


class Jail:
    """A jail with its zygote. Close it."""

    def __init__(self, options: JailOptions, prefix: tuple[str, ...] = ()) -> None:
        self.limits = options.limits
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(PATIENCE_SECONDS)
        starter = f'exec 3<&{theirs.fileno()} {theirs.fileno()}<&-; exec "$@"'
        command = [*prefix, sys.executable, "-P", "-s", "-B", "-m", "app.worker.jail", encode(options).decode()]
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", starter, "jail", *command],
            env={"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        first = self._receive()[0]
        assert isinstance(first, ZygoteReady | ZygoteFailed)
        self.first = first
        self.reaped: dict[int, ZygoteReaped] = {}

    @property
    def ready(self) -> ZygoteReady:
        assert isinstance(self.first, ZygoteReady), self.first
        return self.first

    def fork(self) -> Child:
        job_read, job_write = os.pipe()
        output_read, output_write = os.pipe()
        result_read, result_write = os.pipe()
        socket.send_fds(self.control, [FORK], [job_read, output_write, result_write])
        for descriptor in (job_read, output_write, result_write):
            os.close(descriptor)
        while True:
            message, handles = self._receive()
            if isinstance(message, ZygoteForked):
                return Child(message.pid, handles[0], job_write, output_read, result_read)
            self._note(message)

    def run(self, code: str, *, limits: Limits | None = None, seconds: float = PATIENCE_SECONDS) -> Outcome:
        """One snippet in a child of its own, to its end."""
        child = self.fork()
        child.give(code, limits or self.limits)
        return self.finish(child, seconds)

    def finish(self, child: Child, seconds: float = PATIENCE_SECONDS) -> Outcome:
        try:
            child.listen(time.monotonic() + seconds)
        finally:
            child.signal(signal.SIGKILL)
            reaped = self.wait(child.pid)
            child.close()
        output = bytes(child.said[child.output]).decode(errors="replace")
        return Outcome(child.frames(), output, reaped.status, reaped)

    def wait(self, pid: int) -> ZygoteReaped:
        while pid not in self.reaped:
            self._note(self._receive()[0])
        return self.reaped.pop(pid)

    def close(self) -> None:
        self.control.close()
        self.process.wait(PATIENCE_SECONDS)

    def _note(self, message: FromZygote) -> None:
        assert isinstance(message, ZygoteReaped), message
        self.reaped[message.pid] = message

    def _receive(self) -> tuple[FromZygote, list[int]]:
        data, handles, _, _ = socket.recv_fds(self.control, 65536, 1)
        assert data, f"the zygote ended: {self.process.poll()}"
        return decode_from_zygote(data), handles
