"""Real jails, booted once per session: with all that this machine gives, and with less."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from app.protocol import JailOptions, Limits
from tests.sandbox.inside.driver import Jail

LIMITS = Limits(cpu_seconds=20, memory_bytes=2**30, scratch_bytes=2 * 2**20)
KINDS = {
    "whole": JailOptions(limits=LIMITS),
    "no namespaces": JailOptions(limits=LIMITS, namespaces=False),
    "no paths": JailOptions(limits=LIMITS, namespaces=False, without=("landlock",)),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "sandbox/inside" in item.path.as_posix():
            item.add_marker(pytest.mark.sandbox)
            if sys.platform != "linux":
                item.add_marker(pytest.mark.skip(reason="the sandbox is made of Linux"))


@pytest.fixture(scope="session", params=list(KINDS))
def any_jail(request: pytest.FixtureRequest) -> Iterator[Jail]:
    """Each kind of jail in turn."""
    yield from _opened(KINDS[request.param])


@pytest.fixture(scope="session")
def jail() -> Iterator[Jail]:
    """The one with a scratch folder. Where this machine gives no namespaces, its tests say so and are left out."""
    opened = _opened(KINDS["whole"])
    jail = next(opened)
    if "namespaces:mount" not in jail.ready.namespaces:
        opened.close()
        pytest.skip(f"no namespaces on this machine: {jail.ready.detail}")
    yield jail
    opened.close()


def _opened(options: JailOptions) -> Iterator[Jail]:
    jail = Jail(options)
    try:
        yield jail
    finally:
        jail.close()
