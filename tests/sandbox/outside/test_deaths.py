"""The processes around a snippet die in every order; the service recovers, and nothing outlives the server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from app.errors import WorkerDied
from app.protocol import Request
from app.sandbox.embedded import EmbeddedRunner
from tests.sandbox.local import end_of, events_of
from tests.sandbox.outside.asking import all_gone, descendants, supervisor_pid, when_ready
from tests.sandbox.outside.conftest import OPTIONS

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

ROOT = Path(__file__).resolve().parents[3]
SLEEPING = "import time\nprint('asleep', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
async def own_runner(anyio_backend: str) -> AsyncIterator[EmbeddedRunner]:
    """A runner whose processes this test may kill."""
    runner = EmbeddedRunner(OPTIONS)
    await runner.start()
    try:
        await when_ready(runner)
        yield runner
    finally:
        await runner.close()


async def test_a_killed_zygote_ends_its_runs_and_is_replaced(own_runner: EmbeddedRunner) -> None:
    async with aclosing(own_runner.run(Request(SLEEPING))) as events:
        async for event in events:
            if getattr(event, "text", ""):
                kill_children_of(supervisor_pid(own_runner))
        assert end_of([event]).outcome == "signal"
    # what was noticed first is told: the worker itself, or a spare that it was just about to hand over
    assert (await own_runner.status()).detail.startswith("starting again: ")
    await when_ready(own_runner)
    assert end_of(await events_of(own_runner, "pass")).outcome == "finished"


async def test_a_killed_supervisor_takes_everything_with_it_and_is_started_again(own_runner: EmbeddedRunner) -> None:
    supervisor = supervisor_pid(own_runner)
    below = descendants(supervisor)
    async with aclosing(own_runner.run(Request(SLEEPING))) as events:
        while not getattr(await anext(events), "text", ""):
            pass
        os.kill(supervisor, signal.SIGKILL)
        with pytest.raises(WorkerDied):
            await anext(events)
    await all_gone(below)
    await when_ready(own_runner)
    assert end_of(await events_of(own_runner, "pass")).outcome == "finished"


async def test_closing_leaves_no_process(own_runner: EmbeddedRunner) -> None:
    supervisor = supervisor_pid(own_runner)
    below = descendants(supervisor)
    await own_runner.close()
    await all_gone([supervisor, *below], seconds=1.0)


SERVER = """
import asyncio
from tests.sandbox.outside.asking import supervisor_pid, when_ready
from tests.sandbox.outside.conftest import OPTIONS
from app.sandbox.embedded import EmbeddedRunner
from app.protocol import Request

async def main():
    runner = EmbeddedRunner(OPTIONS)
    await runner.start()
    await when_ready(runner)
    async for event in runner.run(Request("import time\\nprint(1, flush=True)\\nwhile True: pass\\n")):
        if getattr(event, "text", ""):
            print(supervisor_pid(runner), flush=True)

asyncio.run(main())
"""


async def test_nothing_outlives_a_server_that_was_killed() -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE)
    with server:
        assert server.stdout is not None
        supervisor = int(await asyncio.to_thread(server.stdout.readline))
        everything = [supervisor, *descendants(supervisor)]
        server.kill()
    await all_gone(everything, seconds=5.0)


def kill_children_of(pid: int) -> None:
    """Kill what `pid` itself started: the jail, and with it the zygote."""
    own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in own:
        os.kill(int(child), signal.SIGKILL)
