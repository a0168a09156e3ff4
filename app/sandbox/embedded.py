"""A supervisor of the server's own, as its child process. Runs in the server.

The two share a *door*: a socket over which the server passes one end of a fresh socket pair for each conversation. No
file, no port, nothing that another user could reach; and when the server dies, however it dies, the door closes and
the supervisor ends, and with it the zygote and every child.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import app
from app.errors import SandboxUnavailable
from app.protocol import encode
from app.sandbox.client import Streams, SupervisedRunner
from app.sandbox.options import SupervisorOptions
from app.sandbox.records import STREAM_BUFFER_BYTES

_CLOSING_SECONDS = 10.0
_LONGEST_RETRY_SECONDS = 30.0
_SHORT_LIFE_SECONDS = 10.0


class EmbeddedRunner(SupervisedRunner):
    """Starts the supervisor, and starts it again whenever it dies."""

    def __init__(self, options: SupervisorOptions) -> None:
        self._options = options
        self._door: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def supervisor_pid(self) -> int | None:
        """The process that runs now, if one does."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Returns when the supervisor process exists; its zygote boots in the background."""
        await self._launch()
        self._keeper = asyncio.create_task(self._keep_alive())

    async def close(self) -> None:
        """End the supervisor and everything that hangs on it."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._shut_door()
        if self._process is None:
            return
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def _connect(self) -> Streams:
        if self._door is None:
            raise SandboxUnavailable("the supervisor is not running")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                socket.send_fds(self._door, [b"guest"], [theirs.fileno()])
            ours.setblocking(False)
            return await asyncio.open_unix_connection(sock=ours, limit=STREAM_BUFFER_BYTES)
        except OSError as exc:
            ours.close()
            raise SandboxUnavailable(f"the supervisor cannot be reached: {exc.strerror or exc}") from exc

    async def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        retry_seconds = self._options.retry_seconds
        while True:
            began = loop.time()
            if self._process is not None:
                await self._process.wait()
            self._shut_door()
            if loop.time() - began > _SHORT_LIFE_SECONDS:
                retry_seconds = self._options.retry_seconds
            await asyncio.sleep(retry_seconds)
            retry_seconds = min(2 * retry_seconds, _LONGEST_RETRY_SECONDS)
            with contextlib.suppress(OSError):
                await self._launch()

    async def _launch(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    *_command(theirs.fileno(), self._options),
                    stdin=asyncio.subprocess.DEVNULL,
                    env=_environment(),
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
        except OSError:
            ours.close()
            raise
        ours.setblocking(False)
        self._door = ours

    def _shut_door(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None


def _command(door: int, options: SupervisorOptions) -> list[str]:
    given = encode(options).decode()
    return [sys.executable, "-P", "-m", "app.sandbox.supervisor", "--door", str(door), "--options", given]


def _environment() -> dict[str, str]:
    """The supervisor needs nothing of the server's environment, so it gets nothing."""
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(Path(app.__file__).resolve().parent.parent)}
