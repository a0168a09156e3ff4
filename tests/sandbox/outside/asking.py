"""What tests ask of a runner, and of the process table."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.protocol import SandboxStatus
from app.sandbox.embedded import EmbeddedRunner
from app.sandbox.runner import Runner

DEADLINE_SECONDS = 60.0


async def when_ready(runner: Runner, spares: int = 1) -> SandboxStatus:
    """The status, once runs are accepted, none is on its way, and `spares` children wait."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            status = await runner.status()
            if status.ready and status.spares >= spares and not status.running:
                return status
            await asyncio.sleep(0.02)


def supervisor_pid(runner: EmbeddedRunner) -> int:
    assert runner.supervisor_pid is not None
    return runner.supervisor_pid


def descendants(pid: int) -> list[int]:
    """Every live process below `pid`; the dead that await their reaper do not count."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if (stat := stat_of(int(folder.name))) and stat[0] != "Z":
            below.setdefault(int(stat[1]), []).append(int(folder.name))
    found, unseen = [], [pid]
    while unseen:
        children = below.get(unseen.pop(), [])
        found += children
        unseen += children
    return found


def stat_of(pid: int) -> list[str] | None:
    """State, parent and so on, or None when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(pid: int) -> bool:
    stat = stat_of(pid)
    return stat is not None and stat[0] != "Z"


async def all_gone(pids: list[int], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while any(is_alive(pid) for pid in pids):
            await asyncio.sleep(0.02)
