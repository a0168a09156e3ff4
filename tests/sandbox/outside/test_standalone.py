"""The supervisor as a service of its own, `python -m app.sandbox.supervisor --socket PATH`, and what it refuses."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.errors import SandboxUnavailable
from app.sandbox.client import SocketRunner
from app.sandbox.embedded import EmbeddedRunner
from app.sandbox.zygote_link import jail_command
from tests.sandbox.local import end_of, events_of, text_of
from tests.sandbox.outside.asking import all_gone, descendants, when_ready
from tests.sandbox.outside.conftest import OPTIONS

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def standing_alone(socket: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "app.sandbox.supervisor", "--socket", str(socket)]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}) as supervisor:
        try:
            yield supervisor
        finally:
            supervisor.terminate()


async def test_it_serves_by_its_own_settings_and_ends_in_order(tmp_path: Path) -> None:
    socket = tmp_path / "sandbox.sock"
    with standing_alone(socket, AUTOGRAD_EXPLORER_WALL_SECONDS="1.5", SECRET="42") as supervisor:
        runner = SocketRunner(socket)
        await when_ready(runner)
        events = await events_of(runner, "import os\nprint(dict(os.environ), len(os.listdir('/proc/self/fd')))\n")
        assert "SECRET" not in text_of(events)
        ended = end_of(await events_of(runner, "import time\ntime.sleep(60)\n"))
        assert (ended.outcome, ended.limit_value) == ("wall", 1.5)
        everything = [supervisor.pid, *descendants(supervisor.pid)]
        supervisor.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(supervisor.wait, 15) == 0
    assert not socket.exists()
    await all_gone(everything)


async def test_a_path_that_cannot_be_is_explained_at_the_start(tmp_path: Path) -> None:
    with standing_alone(tmp_path / ("x" * 200)) as supervisor:
        assert await asyncio.to_thread(supervisor.wait, 15) == 2


@asynccontextmanager
async def without_a_required_layer(trusted_local: bool) -> AsyncIterator[EmbeddedRunner]:
    """A real worker that cannot become another user."""
    command = (shutil.which("setpriv") or "", "--bounding-set", "-setuid", *jail_command())
    runner = EmbeddedRunner(replace(OPTIONS, jail_command=command, trusted_local=trusted_local, namespaces=False))
    await runner.start()
    try:
        yield runner
    finally:
        await runner.close()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
class TestMissingLayer:
    async def test_nothing_runs_and_the_status_names_the_layer(self) -> None:
        async with without_a_required_layer(trusted_local=False) as runner:
            with pytest.raises(SandboxUnavailable, match="uid"):
                await events_of(runner, "pass")
            status = await runner.status()
            assert not status.ready
            assert "uid" in status.detail

    async def test_an_operator_who_accepts_it_is_told_each_time(self) -> None:
        async with without_a_required_layer(trusted_local=True) as runner:
            status = await when_ready(runner)
            assert "DANGER" in status.detail
            assert [layer.name for layer in status.layers if layer.required and not layer.stands] == ["uid"]
            assert end_of(await events_of(runner, "pass")).outcome == "finished"
