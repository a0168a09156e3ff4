"""One supervisor with the real worker for all tests of a module: it takes seconds to boot."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.protocol import Limits
from app.sandbox.embedded import EmbeddedRunner
from app.sandbox.options import SupervisorOptions
from tests.sandbox.outside.asking import when_ready

OPTIONS = SupervisorOptions(
    limits=Limits(wall_seconds=2.0, cpu_seconds=2.0, memory_bytes=512 * 2**20), concurrency=2, queue=2, spare_children=2
)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def runner(anyio_backend: str) -> AsyncIterator[EmbeddedRunner]:
    runner = EmbeddedRunner(OPTIONS)
    await runner.start()
    try:
        await when_ready(runner)
        yield runner
    finally:
        await runner.close()
