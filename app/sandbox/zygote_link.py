"""The supervisor's side of one zygote: start it, ask it for children, notice its end. Every wait has a deadline.

Runs in the supervisor. The zygote gets no secret and nothing of our environment; its only way to us is the control
socket. It is trusted until it forks, but a frozen or broken one must not take the supervisor with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque
from pathlib import Path

import app
from app.errors import ProtocolViolation, SandboxUnavailable
from app.protocol import (
    FORK,
    JailOptions,
    ZygoteFailed,
    ZygoteForked,
    ZygoteReady,
    ZygoteReaped,
    decode_from_zygote,
    encode,
)
from app.sandbox.child import Child, Pipes
from app.sandbox.records import CLOSE_ON_EXEC

_CONTROL_DESCRIPTOR = 3
_MESSAGE_BYTES = 65536
_EXIT_SECONDS = 2.0
_LOG_LINES = 20


def jail_command() -> tuple[str, ...]:
    """How the real worker is started."""
    return (sys.executable, "-P", "-m", "app.worker.jail")


def jail_environment() -> dict[str, str]:
    """All that the worker gets to see of an environment."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(Path(app.__file__).resolve().parent.parent),
    }


class ZygoteLink:
    """One zygote. `broken` is done, with the reason, once it must not be asked for anything any more."""

    def __init__(self, pid: int, control: socket.socket, log: int, control_seconds: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.pid = pid
        self.ready: asyncio.Future[ZygoteReady] = self.loop.create_future()
        self.broken: asyncio.Future[str] = self.loop.create_future()
        self._control = control
        self._log = log
        self._log_tail: deque[str] = deque(maxlen=_LOG_LINES)
        self._control_seconds = control_seconds
        self._one_fork = asyncio.Lock()
        self._answer: asyncio.Future[tuple[int, int]] | None = None
        self._children: dict[int, Child] = {}
        self._early_reaped: dict[int, ZygoteReaped] = {}
        self._closed = False
        self.loop.add_reader(control, self._receive)
        self.loop.add_reader(log, self._read_log)

    @classmethod
    def start(cls, options: JailOptions, command: tuple[str, ...], control_seconds: float) -> ZygoteLink:
        """Start a jail with nothing of ours but the control socket. Raises SandboxUnavailable."""
        if not hasattr(os, "pidfd_open"):
            raise SandboxUnavailable("snippets run on Linux only; elsewhere, start the container of compose.yaml")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log, log_theirs = os.pipe()
        arguments = [*(command or jail_command()), encode(options).decode()]
        try:
            with theirs:
                pid = _spawn(arguments, theirs.fileno(), log_theirs)
        except OSError as exc:
            ours.close()
            os.close(log)
            raise SandboxUnavailable(f"the worker cannot be started: {exc}") from exc
        finally:
            os.close(log_theirs)
        ours.setblocking(False)
        os.set_blocking(log, False)
        return cls(pid, ours, log, control_seconds)

    async def booted(self, boot_seconds: float) -> ZygoteReady:
        """Wait until it has warmed up. Raises SandboxUnavailable with the reason when it does not."""
        await asyncio.wait((self.ready, self.broken), timeout=boot_seconds, return_when=asyncio.FIRST_COMPLETED)
        if self.broken.done():
            raise SandboxUnavailable(self.broken.result())
        if not self.ready.done():
            self._break(f"the worker was not ready after {boot_seconds:g} s")
            raise SandboxUnavailable(self.broken.result())
        return self.ready.result()

    async def fork(self) -> Child:
        """A fresh child, not yet known to be confined. Raises SandboxUnavailable; the link is then broken."""
        async with self._one_fork:
            pipes = Pipes()
            try:
                pid, pidfd = await self._ask(pipes)
            except BaseException:
                pipes.close()
                raise
            pipes.close_theirs()
            return self._adopt(Child(pid, pidfd, pipes))

    async def _ask(self, pipes: Pipes) -> tuple[int, int]:
        if self.broken.done():
            raise SandboxUnavailable(self.broken.result())
        self._answer = self.loop.create_future()
        self._early_reaped.clear()
        try:
            socket.send_fds(self._control, [FORK], pipes.theirs)
            async with asyncio.timeout(self._control_seconds):
                return await self._answer
        except (TimeoutError, OSError) as exc:
            self._break(f"the zygote does not answer ({type(exc).__name__})")
            raise SandboxUnavailable(self.broken.result()) from exc
        except asyncio.CancelledError:
            self._break("a fork was given up half-way")
            raise
        finally:
            self._answer = None

    def _adopt(self, child: Child) -> Child:
        if reaped := self._early_reaped.get(child.pid):
            child.reaped.set_result(reaped)
        else:
            self._children[child.pid] = child
            child.gone.add_done_callback(lambda _: self._forget_soon(child))
        return child

    def _forget_soon(self, child: Child) -> None:
        """A dead child's status comes shortly before or after its death; when it never does, say so."""
        if self.broken.done():
            self._settle(child, None)
        else:
            self.loop.call_later(self._control_seconds, self._settle, child, None)

    def _settle(self, child: Child, reaped: ZygoteReaped | None) -> None:
        if self._children.get(child.pid) is child:
            del self._children[child.pid]
        if child.reaped.done():
            return
        child.reaped.set_result(reaped)
        if reaped is None:
            self._break("the zygote does not reap its children")

    # --- what the zygote says ---

    def _receive(self) -> None:
        """Take every message that has come."""
        while not self._closed:
            descriptors: list[int] = []
            try:
                payload, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 4, CLOSE_ON_EXEC)
                self._understand(payload, descriptors)
            except BlockingIOError:
                return
            except ConnectionError:
                self._mourn()
            except (ProtocolViolation, OSError) as exc:
                self._break(f"the zygote broke the protocol: {exc}")
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            if self.broken.done():
                self.loop.remove_reader(self._control)
                return

    def _understand(self, payload: bytes, descriptors: list[int]) -> None:
        if not payload:
            self._mourn()
            return
        match decode_from_zygote(payload):
            case ZygoteReady() as ready if not self.ready.done():
                self.ready.set_result(ready)
            case ZygoteForked(pid=pid) if len(descriptors) == 1 and self._awaits_answer():
                assert self._answer is not None
                self._answer.set_result((pid, descriptors.pop()))
            case ZygoteReaped() as reaped:
                if child := self._children.get(reaped.pid):
                    self._settle(child, reaped)
                else:
                    self._early_reaped[reaped.pid] = reaped
            case ZygoteFailed(detail=detail):
                self._break(detail)
            case message:
                self._break(f"the zygote sent {type(message).__name__} out of turn")

    def _awaits_answer(self) -> bool:
        return self._answer is not None and not self._answer.done()

    def _mourn(self) -> None:
        """The zygote is dead: say so with its last words, and end its children, whom nobody reaps any more."""
        self._read_log()
        last = next((line for line in reversed(self._log_tail) if line.strip()), "")
        self._break("the worker died" + (f": {last}"[:200] if last else ""))
        for child in self._children.values():
            if not child.gone.done():
                child.kill()

    def _break(self, reason: str) -> None:
        if not self.broken.done():
            self.broken.set_result(reason)
        if self._awaits_answer():
            assert self._answer is not None
            self._answer.set_exception(SandboxUnavailable(self.broken.result()))
        for child in [child for child in self._children.values() if child.gone.done()]:
            self._settle(child, None)

    def _read_log(self) -> None:
        """Boot messages and tracebacks of the zygote, kept for the status and passed on to our own stderr."""
        try:
            data = os.read(self._log, _MESSAGE_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.loop.remove_reader(self._log)
        self._log_tail.extend(data.decode(errors="replace").splitlines())
        with contextlib.suppress(OSError):
            os.write(2, data)

    # --- its end ---

    async def close(self) -> None:
        """End the zygote and with it whatever it forked. Returns when it is dead and reaped."""
        if self._closed:
            return
        self._closed = True
        self._break("closed")
        self.loop.remove_reader(self._control)
        self._control.close()  # a healthy zygote exits at this
        if not await self._exited(_EXIT_SECONDS):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            await self._exited(_EXIT_SECONDS)
        for child in list(self._children.values()):
            self._settle(child, None)
        self.loop.remove_reader(self._log)
        os.close(self._log)

    async def _exited(self, seconds: float) -> bool:
        """Reap it, within `seconds`; the poll is short because nothing else waits for it."""
        deadline = self.loop.time() + seconds
        while self.loop.time() < deadline:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(self.pid, os.WNOHANG) == (0, 0):
                    await asyncio.sleep(0.01)
                    continue
            return True
        return False


def _spawn(arguments: list[str], control: int, log: int) -> int:
    """Start `arguments` in a session of its own with no descriptors but /dev/null, the log and the control socket."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
        (os.POSIX_SPAWN_DUP2, control, _CONTROL_DESCRIPTOR),
        *[(os.POSIX_SPAWN_CLOSE, leaked) for leaked in _inheritable_descriptors()],
    ]
    return os.posix_spawn(
        arguments[0],
        arguments,
        jail_environment(),
        file_actions=actions,
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1],
    )


def _inheritable_descriptors() -> list[int]:
    """Descriptors above the control socket's that somebody left open for us and the worker must not have."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            if int(name) > _CONTROL_DESCRIPTOR and os.get_inheritable(int(name)):
                found.append(int(name))
    return found
