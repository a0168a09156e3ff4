"""Zygotes and spares are replaced in time; runs wait, are cancelled, and are told what stands."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from app.errors import Overloaded, SandboxUnavailable
from app.protocol import Request, Started
from tests.sandbox.local import DEADLINE_SECONDS, end_of, events_of, fake_options, local_runner, text_of, until
from tests.sandbox.outside.asking import descendants

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")]


async def test_no_child_serves_twice(tmp_path: Path) -> None:
    async with local_runner(fake_options(tmp_path)) as runner:
        pids = [text_of(await events_of(runner, "hello")).split()[0] for _ in range(5)]
        assert len(set(pids)) == 5


async def test_a_worn_zygote_is_replaced_while_runs_go_on(tmp_path: Path) -> None:
    async with local_runner(fake_options(tmp_path, zygote_runs=2)) as runner:
        zygotes = set()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(zygotes) < 3:
                events = await events_of(runner, "hello")
                assert end_of(events).outcome == "finished"
                zygotes.add(text_of(events).split()[1])


async def test_a_spare_that_waited_too_long_is_replaced(tmp_path: Path) -> None:
    async with local_runner(fake_options(tmp_path, spare_seconds=0.2)) as runner:
        await until(lambda: runner.service.status().spares == 1)
        first = set(descendants(os.getpid()))
        await until(lambda: runner.service.status().spares == 1 and len(set(descendants(os.getpid())) - first) == 1)


async def test_a_run_that_comes_before_the_first_zygote_is_ready_waits_for_it(tmp_path: Path) -> None:
    async with local_runner(fake_options(tmp_path)) as runner:
        assert not (await runner.status()).ready
        assert end_of(await events_of(runner, "hello")).outcome == "finished"


async def test_a_missing_required_layer_means_that_nothing_runs(tmp_path: Path) -> None:
    options = fake_options(tmp_path, "no seccomp in any child", retry_seconds=60.0)
    async with local_runner(options) as runner:
        with pytest.raises(SandboxUnavailable, match="seccomp"):
            await events_of(runner, "hello")
        status = await runner.status()
        assert not status.ready
        assert [layer.name for layer in status.layers if layer.required and not layer.stands] == ["seccomp"]


async def test_the_operator_may_accept_a_missing_layer_and_every_answer_says_so(tmp_path: Path) -> None:
    options = fake_options(tmp_path, "no seccomp in any child", trusted_local=True)
    async with local_runner(options) as runner:
        events = await events_of(runner, "hello")
        assert isinstance(events[0], Started)
        assert "seccomp" not in events[0].layers
        status = await runner.status()
        assert "DANGER" in status.detail
        assert "seccomp" in status.detail


async def test_hanging_up_frees_the_place_for_the_next_in_line(tmp_path: Path) -> None:
    async with local_runner(fake_options(tmp_path)) as runner:
        async with aclosing(runner.run(Request("finished_never"))) as events:
            assert isinstance(await anext(events), Started)
            waiting = asyncio.ensure_future(events_of(runner, "hello"))
            await until(lambda: runner.service.status().waiting == 1)
        assert end_of(await waiting).outcome == "finished"


async def test_hanging_up_while_waiting_leaves_the_line(tmp_path: Path) -> None:
    options = fake_options(tmp_path)
    async with local_runner(options) as runner, aclosing(runner.run(Request("finished_never"))) as events:
        await anext(events)
        waiting = asyncio.ensure_future(events_of(runner, "hello"))
        await until(lambda: runner.service.status().waiting == 1)
        waiting.cancel()
        await until(lambda: runner.service.status().waiting == 0)


async def test_a_full_line_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with (
        local_runner(fake_options(tmp_path, queue=0)) as runner,
        aclosing(runner.run(Request("finished_never"))) as events,
    ):
        await anext(events)
        with pytest.raises(Overloaded) as refusal:
            await events_of(runner, "hello")
        assert (refusal.value.retry_after_seconds or 0) >= 1
