"""Fixtures that several rooms share: settings, an application on a stub sandbox, a real server as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.stub_runner import StubRunner

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings() -> Settings:
    """The defaults, whatever the environment of the tests says, but for a small limit of code."""
    return Settings(code_bytes=2000, keep_runs=20)


@pytest.fixture
def stub_runner(anyio_backend: str) -> StubRunner:
    return StubRunner()


@pytest.fixture
async def client(settings: Settings, stub_runner: StubRunner) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application; only the sandbox is a stub."""
    app = create_app(settings, runner=stub_runner, welcome=False)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asker:
            yield asker


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that was started as a user starts it, on a free port, with the real sandbox."""
    told = tmp_path_factory.mktemp("server") / "stdout"
    command = [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name not in ("HOST", "PORT")}
    with told.open("wb") as out:
        server = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        yield _ready_address(server, told)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _ready_address(server: subprocess.Popen[bytes], told: Path) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        said = told.read_text(errors="replace")
        if server.poll() is not None:
            pytest.fail(f"the server ended with {server.returncode}:\n{said}")
        found = re.search(r"http://[\d.]+:\d+", said)
        if found and _is_ready(found[0]):
            return found[0]
        time.sleep(0.05)
    pytest.fail(f"the server was not ready within {READY_SECONDS} s:\n{told.read_text(errors='replace')}")


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
