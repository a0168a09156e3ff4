"""Runs in the real sandbox, seen from the server: what ends them, and what they leave behind."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from app.errors import CodeTooLong, Overloaded
from app.folding import Folding
from app.protocol import Finished, GraphCaptured, Request, Started
from app.run import Run
from app.sandbox import RunnerEvent
from app.sandbox.embedded import EmbeddedRunner
from app.settings import Settings
from tests.sandbox.local import end_of, events_of, text_of
from tests.sandbox.outside.asking import descendants, supervisor_pid, when_ready

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

GOOD = """
import torch
x = torch.tensor([1.0, 2.0], requires_grad=True)
(x * x).sum().backward()
print(x.grad)
"""
FOREVER = "print('on my way', flush=True)\nwhile True:\n    pass\n"


def folded(events: list[RunnerEvent]) -> Run:
    folding = Folding("", 0, Settings())
    for event in events:
        folding.take(event)
    return folding.run("id")


async def test_a_good_snippet_shows_its_graph_gradients_and_output(runner: EmbeddedRunner) -> None:
    events = await events_of(runner, GOOD)
    assert isinstance(events[0], Started)
    assert text_of(events) == "tensor([2., 4.])\n"
    (graph,) = [event.graph for event in events if isinstance(event, GraphCaptured)]
    assert "MulBackward0" in {node.name for node in graph.nodes}
    assert end_of(events).outcome == "finished"


async def test_an_endless_loop_ends_at_the_wall_with_what_it_had_and_its_line(runner: EmbeddedRunner) -> None:
    events = await events_of(runner, GOOD + FOREVER)
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished.stopped
    assert finished.last_line in (7, 8)
    assert any(isinstance(event, GraphCaptured) for event in events)
    assert text_of(events).endswith("on my way\n")
    assert end_of(events).outcome in ("wall", "cpu")
    assert end_of(events).limit_value == 2.0


async def test_two_busy_threads_run_into_the_cpu_limit(runner: EmbeddedRunner) -> None:
    code = "import torch\ntorch.set_num_threads(2)\na = torch.rand(900, 900)\nwhile True:\n    a = (a @ a).tanh()\n"
    assert end_of(await events_of(runner, code)).outcome in ("cpu", "wall")


async def test_a_memory_bomb_is_a_clean_error_of_the_snippet(runner: EmbeddedRunner) -> None:
    events = await events_of(runner, "import torch\nkept = [torch.ones(2**24) for _ in range(10**6)]\n")
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished.error is not None
    assert end_of(events).outcome == "finished"


async def test_sys_exit_still_finishes(runner: EmbeddedRunner) -> None:
    assert end_of(await events_of(runner, "import sys\nsys.exit(3)\n")).outcome == "finished"


async def test_a_silent_exit_is_told_with_its_code(runner: EmbeddedRunner) -> None:
    ended = end_of(await events_of(runner, "import os\nos._exit(7)\n"))
    assert (ended.outcome, ended.exit_code) == ("exited", 7)


async def test_a_segmentation_fault_is_told_by_its_signal(runner: EmbeddedRunner) -> None:
    events = await events_of(runner, "import ctypes\nctypes.string_at(0)\n")
    assert (end_of(events).outcome, end_of(events).signal) == ("signal", 11)
    assert folded(events).last_line == 2
    assert folded(events).output.text == ""


async def test_machine_code_that_never_returns_is_told_by_its_line(runner: EmbeddedRunner) -> None:
    events = await events_of(runner, "print('on my way')\nsum(iter(int, 1))\n")
    assert (end_of(events).outcome, folded(events).last_line) == ("wall", 2)
    assert folded(events).output.text == "on my way\n"


async def test_ten_megabytes_of_output_end_the_run_and_the_first_part_is_kept(runner: EmbeddedRunner) -> None:
    events = await events_of(runner, "for _ in range(10_000):\n    print('x' * 1000)\n")
    ended = end_of(events)
    assert (ended.outcome, ended.limit_name, ended.output_truncated) == ("output", "output_bytes", True)
    assert folded(events).last_line in (1, 2)
    assert len(text_of(events)) == ended.limit_value


async def test_output_that_is_no_text_is_replaced(runner: EmbeddedRunner) -> None:
    events = await events_of(runner, "import os\nos.write(1, b'a\\xff\\x00b\\xed\\xa0\\x80\\n')\n")
    text = text_of(events)
    assert text.startswith("a\ufffd\ufffdb")
    assert "\x00" not in text
    assert text.encode()


async def test_code_beyond_the_limit_is_refused(runner: EmbeddedRunner) -> None:
    with pytest.raises(CodeTooLong):
        await events_of(runner, "#" * (64 * 2**10 + 1))


async def test_two_runs_at_once_do_not_see_each_other(runner: EmbeddedRunner) -> None:
    code = """
import builtins, time
assert not hasattr(builtins, "mark")
builtins.mark = 1
time.sleep(0.3)
print("{}")
"""
    runs = (events_of(runner, code.format(name)) for name in ("one", "two"))
    first, second = await asyncio.gather(*runs)
    assert (text_of(first), text_of(second)) == ("one\n", "two\n")


async def test_one_run_too_many_is_told_when_to_come_again(runner: EmbeddedRunner) -> None:
    await when_ready(runner)
    sleeping = "import time\ntime.sleep(1)\n"
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(events_of(runner, sleeping)) for _ in range(4)]  # two places, two in line
        while (await runner.status()).waiting < 2:
            await asyncio.sleep(0.01)
        with pytest.raises(Overloaded) as refusal:
            await events_of(runner, GOOD)
    assert (refusal.value.retry_after_seconds or 0) >= 1
    assert {end_of(run.result()).outcome for run in runs} == {"finished"}


async def test_hanging_up_kills_the_run_at_once(runner: EmbeddedRunner) -> None:
    await when_ready(runner, spares=2)
    before = set(descendants(supervisor_pid(runner)))
    async with aclosing(runner.run(Request(FOREVER))) as events:
        async for event in events:
            if getattr(event, "text", ""):
                break
    async with asyncio.timeout(1.5):  # sooner than the wall would
        while (await runner.status()).running:
            await asyncio.sleep(0.01)
    await when_ready(runner, spares=2)
    after = set(descendants(supervisor_pid(runner)))
    assert len(after) == len(before)
    assert len(before - after) == 1


async def test_forty_runs_leave_no_process_and_no_descriptor_behind(runner: EmbeddedRunner) -> None:
    await events_of(runner, GOOD)
    await when_ready(runner, spares=2)
    supervisor = supervisor_pid(runner)
    ours, theirs, processes = _open_here(), _open_in(supervisor), len(descendants(supervisor))
    for _ in range(40):
        await events_of(runner, GOOD)
    await when_ready(runner, spares=2)
    async with asyncio.timeout(10):  # the last question's connection may still be closing
        while _open_in(supervisor) > theirs or _open_here() > ours:
            await asyncio.sleep(0.01)
    assert len(descendants(supervisor)) == processes


def _open_in(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _open_here() -> int:
    return _open_in(os.getpid())
