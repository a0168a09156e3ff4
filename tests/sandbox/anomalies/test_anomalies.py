"""Children and zygotes that fail at each step of the protocol in turn. Each time: the right outcome, the child gone,
its place free, and the next run works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import SandboxUnavailable
from app.protocol import Finished, GraphCaptured, Progress, Started
from tests.sandbox.local import LocalRunner, end_of, events_of, fake_options, local_runner, text_of, until

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")]

MISDEEDS = {
    "half_a_header": "exited",
    "half_a_frame": "exited",
    "wrong_magic": "protocol",
    "huge_length": "result",
    "wrong_shape": "protocol",
    "not_a_number": "protocol",
    "deep_nesting": "protocol",
    "loose_edge": "protocol",
    "slow_drip": "wall",
    "finished_then_hang": "finished",
    "finished_twice": "finished",
    "data_after_finished": "finished",
    "flood_of_output": "output",
    "a_little_too_much_output": "finished",
    "flood_of_frames": "protocol",
    "too_large_a_result": "result",
    "closes_result_and_spins": "protocol",
    "ignores_the_stop": "wall",
    "obeys_the_stop": "wall",
    "stops_itself": "finished",
    "exits": "exited",
    "dies_of_a_signal": "signal",
    "is_killed": "memory",
    "runs_out_of_cpu": "cpu",
    "kills_its_zygote": "signal",
}
ZYGOTE_FAULTS = [
    "dies before ready",
    "garbage for ready",
    "never ready",
    "zygote dies at a fork",
    "zygote freezes at a fork",
    "child dies before confined",
    "child never confined",
    "garbage for confined",
    "finished before confined",
    "a layer is missing",
]


@pytest.mark.parametrize(("misdeed", "outcome"), MISDEEDS.items())
async def test_a_misbehaving_child_is_judged_and_gone_and_the_next_run_works(
    tmp_path: Path, misdeed: str, outcome: str
) -> None:
    async with local_runner(fake_options(tmp_path)) as runner:
        events = await events_of(runner, misdeed)
        assert end_of(events).outcome == outcome
        await until(lambda: runner.service.status().running == 0)
        assert is_gone(int(text_of(events).split()[0]))
        await assert_works(runner)


@pytest.mark.parametrize("fault", ZYGOTE_FAULTS)
async def test_a_broken_zygote_is_replaced_by_one_that_works(tmp_path: Path, fault: str) -> None:
    async with local_runner(fake_options(tmp_path, fault, boot_seconds=1.0)) as runner:
        await until(lambda: runner.service.status().spares == 1)
        await assert_works(runner)


async def test_a_worker_that_cannot_be_started_is_named_and_runs_are_refused(tmp_path: Path) -> None:
    async with local_runner(fake_options(tmp_path, jail_command=("/no/such/worker",))) as runner:
        with pytest.raises(SandboxUnavailable, match="cannot be started"):
            await events_of(runner, "hello")
        status = await runner.status()
        assert not status.ready
        assert "/no/such/worker" in status.detail


async def test_the_last_words_of_a_zygote_reach_the_status(tmp_path: Path) -> None:
    options = fake_options(tmp_path, "dies before ready", retry_seconds=60.0)
    async with local_runner(options) as runner:
        with pytest.raises(SandboxUnavailable, match="No module named 'torch'"):
            await events_of(runner, "hello")


async def test_a_stop_at_the_wall_says_what_there_was(tmp_path: Path) -> None:
    async with local_runner(fake_options(tmp_path)) as runner:
        *_, finished, ended = await events_of(runner, "obeys_the_stop")
        assert isinstance(finished, Finished)
        assert finished.stopped
        assert (ended.limit_name, ended.limit_value) == ("wall_seconds", 0.3)


async def test_output_beyond_the_limit_is_dropped_and_said_to_be(tmp_path: Path) -> None:
    async with local_runner(fake_options(tmp_path)) as runner:
        events = await events_of(runner, "a_little_too_much_output")
        assert len(text_of(events)) == 1024
        assert end_of(events).output_truncated


async def assert_works(runner: LocalRunner) -> None:
    events = await events_of(runner, "hello")
    assert isinstance(events[0], Started)
    assert {Progress, GraphCaptured, Finished} <= {type(event) for event in events}
    assert text_of(events).endswith("hello\n")
    assert end_of(events).outcome == "finished"


def is_gone(pid: int) -> bool:
    """Dead; whoever inherits the children of a killed zygote may still have to reap them."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
