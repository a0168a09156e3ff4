"""A supervisor's service within the test's own process and event loop, and the fake worker that it starts."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from app.protocol import Ended, Limits, Request
from app.sandbox.client import Streams, SupervisedRunner
from app.sandbox.options import SupervisorOptions
from app.sandbox.runner import OutputChunk, RunnerEvent
from app.sandbox.service import Service

FAKE_ZYGOTE = Path(__file__).parent / "anomalies" / "fake_zygote.py"
DEADLINE_SECONDS = 30.0


def fake_options(folder: Path, fault: str = "", **changes: object) -> SupervisorOptions:
    """Options for a fake zygote whose first incarnation has `fault`; short waits, small limits."""
    given = {
        "limits": Limits(wall_seconds=0.3, output_bytes=1024, result_bytes=2**20, memory_bytes=2**20),
        "concurrency": 1,
        "queue": 2,
        "spare_children": 1,
        "boot_seconds": 10.0,
        "control_seconds": 1.5,
        "stop_grace_seconds": 0.3,
        "retry_seconds": 0.01,
        "jail_command": (sys.executable, str(FAKE_ZYGOTE), fault, str(folder)),
    }
    return SupervisorOptions(**{**given, **changes})  # type: ignore[arg-type]


class LocalRunner(SupervisedRunner):
    """Asks a service that lives in the same event loop."""

    def __init__(self, options: SupervisorOptions) -> None:
        self.service = Service(options)

    async def start(self) -> None:
        self.service.start()

    async def close(self) -> None:
        await self.service.close()

    async def _connect(self) -> Streams:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.service.accept(*await asyncio.open_unix_connection(sock=theirs))
        return await asyncio.open_unix_connection(sock=ours)


@asynccontextmanager
async def local_runner(options: SupervisorOptions) -> AsyncIterator[LocalRunner]:
    runner = LocalRunner(options)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.close()


async def events_of(runner: SupervisedRunner, code: str) -> list[RunnerEvent]:
    """All events of one run, which must end within the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS), aclosing(runner.run(Request(code))) as events:
        return [event async for event in events]


def end_of(events: list[RunnerEvent]) -> Ended:
    assert isinstance(events[-1], Ended)
    return events[-1]


def text_of(events: list[RunnerEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, OutputChunk))


async def until(condition: object, deadline_seconds: float = DEADLINE_SECONDS) -> None:
    """Wait until `condition()` holds."""
    assert callable(condition)
    async with asyncio.timeout(deadline_seconds):
        while not condition():
            await asyncio.sleep(0.005)
