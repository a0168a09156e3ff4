"""Places are given first come first served; whoever finds the line full is told when to come again."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import Overloaded
from app.sandbox.admission import Admission

pytestmark = pytest.mark.anyio


async def settle() -> None:
    """Let every task go on until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


def leave(admission: Admission, held_seconds: float = 0.0) -> None:
    admission.ending()
    admission.leave(held_seconds)


async def test_the_line_is_served_in_order() -> None:
    admission, order = Admission(1, 3), []

    async def come(name: str) -> None:
        await admission.enter()
        order.append(name)

    guests = [asyncio.ensure_future(come(name)) for name in "abc"]
    await settle()
    assert (order, admission.waiting) == (["a"], 2)
    for _ in "ab":
        leave(admission)
        await settle()
    await asyncio.gather(*guests)
    assert order == ["a", "b", "c"]


async def test_a_full_line_refuses_with_an_estimate() -> None:
    admission = Admission(1, 0)
    await admission.enter()
    with pytest.raises(Overloaded) as refusal:
        await admission.enter()
    assert refusal.value.retry_after_seconds == 1.0


async def test_the_estimate_follows_recent_runs() -> None:
    admission = Admission(2, 0)
    for _ in range(3):
        await admission.enter()
        leave(admission, held_seconds=7.0)
    assert admission.retry_after_seconds() == 4.0


async def test_who_gives_up_waiting_leaves_the_line() -> None:
    admission = Admission(1, 1)
    await admission.enter()
    impatient = asyncio.ensure_future(admission.enter())
    await settle()
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    leave(admission)
    assert (admission.waiting, admission.taken) == (0, 0)


async def test_a_place_given_to_one_who_gave_up_at_that_moment_goes_on_to_the_next() -> None:
    admission = Admission(1, 2)
    await admission.enter()
    impatient, patient = asyncio.ensure_future(admission.enter()), asyncio.ensure_future(admission.enter())
    await settle()
    leave(admission)
    impatient.cancel()
    async with asyncio.timeout(5):
        await patient
    assert admission.taken == 1


async def test_a_place_that_is_being_cleared_can_be_waited_for_even_without_a_queue() -> None:
    admission = Admission(1, 0)
    await admission.enter()
    admission.ending()
    coming = asyncio.ensure_future(admission.enter())
    await settle()
    admission.leave(0.0)
    async with asyncio.timeout(5):
        await coming
