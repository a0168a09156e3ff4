"""What a teacher or an engineer would paste works in the real sandbox, or is told why not: with a scratch folder, with
files that can only be read, and with no path at all. One supervisor for each of these."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

import msgspec
import pytest

from app.explain import explain
from app.folding import Folding
from app.protocol import JailOptions, Request
from app.run import Run
from app.sandbox.options import SupervisorOptions
from app.settings import Settings
from tests.functional.autograd import AUTOGRAD
from tests.functional.case import Case
from tests.functional.models import MODELS
from tests.functional.python import FILES, PACKAGES, PYTHON
from tests.functional.tools import COMPILERS, CONCURRENCY
from tests.sandbox.local import LocalRunner, local_runner
from tests.sandbox.outside.asking import when_ready

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

CASES: Final = (*MODELS, *AUTOGRAD, *COMPILERS, *CONCURRENCY, *FILES, *PACKAGES, *PYTHON)
KINDS: Final = ("whole", "no namespaces", "no paths")
DEADLINE_SECONDS = 30.0
SETTINGS = Settings()


class NoPaths(SupervisorOptions, frozen=True):
    def jail(self) -> JailOptions:
        return msgspec.structs.replace(super().jail(), without=("landlock",))


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=KINDS)
async def runner(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[LocalRunner]:
    kind = NoPaths if request.param == "no paths" else SupervisorOptions
    namespaces = request.param == "whole"
    options = kind(limits=SETTINGS.limits(), concurrency=1, queue=1, spare_children=1, namespaces=namespaces)
    async with local_runner(options) as runner:
        await when_ready(runner)
        yield runner


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
async def test_what_people_paste_works_or_is_told_why_not(runner: LocalRunner, case: Case) -> None:
    run = await _run(runner, case.code)
    told = [finding.code for finding in run.findings if finding.severity == "error"]
    if (case.writes and "scratch" not in run.sandbox) or (case.reads and "no_paths" in run.sandbox):
        assert (run.status, told[:1]) == ("error", ["file_refused"])
        return
    assert run.status == case.status, f"{run.error}\n{run.limit}\n{run.output.text}"
    assert told[:1] == ([case.finding] if case.finding else []), run.error
    assert case.prints in run.output.text
    assert case.says in run.output.text
    assert not case.node or case.node in {node.name for graph in run.graphs for node in graph.nodes}


async def _run(runner: LocalRunner, code: str) -> Run:
    folding = Folding(code, 0, SETTINGS)
    async with asyncio.timeout(DEADLINE_SECONDS), aclosing(runner.run(Request(code))) as events:
        async for event in events:
            folding.take(event)
    return explain(folding.run("run"))
