"""As many runs at a time as memory bears, never none, and a note when that is fewer than asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.sandbox.capacity import WORKER_BYTES, affordable, memory_bytes

GIB = 2**30


@pytest.mark.parametrize(
    ("wanted", "available", "places"), [(4, WORKER_BYTES + 8 * GIB, 4), (4, WORKER_BYTES + 5 * GIB, 2), (4, GIB, 1)]
)
def test_places_are_reduced_to_what_memory_bears(wanted: int, available: int, places: int) -> None:
    found, note = affordable(wanted, 2 * GIB, available)
    assert found == places
    assert bool(note) == (places < wanted)


def test_an_unknown_memory_changes_nothing() -> None:
    assert affordable(3, GIB, None) == (3, "")


@pytest.mark.parametrize(
    ("membership", "limit_file"),
    [("0::/pod/me", "memory.max"), ("9:memory:/pod/me", "memory/pod/me/memory.limit_in_bytes")],
)
def test_the_limit_of_the_control_group_counts_when_it_is_less(
    tmp_path: Path, membership: str, limit_file: str
) -> None:
    write(tmp_path / "proc/meminfo", "MemFree: 1 kB\nMemTotal: 8388608 kB\n")
    write(tmp_path / "proc/self/cgroup", membership + "\n")
    assert memory_bytes(tmp_path) == 8 * GIB
    write(tmp_path / "sys/fs/cgroup" / limit_file, f"{3 * GIB}\n")
    assert memory_bytes(tmp_path) == 3 * GIB


def test_a_group_without_a_limit_leaves_the_machines_memory(tmp_path: Path) -> None:
    write(tmp_path / "proc/meminfo", "MemTotal: 1024 kB\n")
    write(tmp_path / "proc/self/cgroup", "0::/\n")
    write(tmp_path / "sys/fs/cgroup/memory.max", "max\n")
    assert memory_bytes(tmp_path) == 2**20


def test_where_nobody_says_nothing_is_known(tmp_path: Path) -> None:
    assert memory_bytes(tmp_path) is None


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
