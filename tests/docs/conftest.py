"""A real server for the documentation's examples."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import service


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server that was started as `make serve` does and is ready."""
    with service.running() as started:
        yield str(started.client.base_url).rstrip("/")
