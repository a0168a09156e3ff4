"""How many runs the machine's memory can bear at once. Runs in the supervisor."""

from __future__ import annotations

import contextlib
from pathlib import Path

WORKER_BYTES = 600 * 2**20
"""What the zygote, its replacement while it boots, and the supervisor take together, roughly."""


def memory_bytes(root: Path = Path("/")) -> int | None:
    """Memory of the machine, or of the control group around us if that is less; None when nobody says."""
    found = [value for value in (_machine(root), *_groups(root)) if value is not None]
    return min(found, default=None)


def affordable(wanted: int, run_bytes: int, available_bytes: int | None) -> tuple[int, str]:
    """At most `wanted` places, fewer when their memory limits together would exceed what there is; and a note."""
    if available_bytes is None:
        return wanted, ""
    places = max(1, min(wanted, (available_bytes - WORKER_BYTES) // run_bytes))
    if places == wanted:
        return wanted, ""
    return places, f"{places} instead of {wanted} runs at a time: memory is {available_bytes // 2**20} MiB"


def _machine(root: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for row in (root / "proc/meminfo").read_text().splitlines():
            if row.startswith("MemTotal:"):
                return int(row.split()[1]) * 1024
    return None


def _groups(root: Path) -> list[int | None]:
    """Limits of our own control group and those above it, in both versions of the interface."""
    found: list[int | None] = []
    with contextlib.suppress(OSError):
        for row in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = row.split(":", 2)
            if controllers in ("", "memory"):
                base = root / "sys/fs/cgroup" / controllers
                name = "memory.limit_in_bytes" if controllers else "memory.max"
                own = base / path.lstrip("/")
                found += [_limit(folder / name) for folder in (own, *own.parents) if folder.is_relative_to(base)]
    return found


def _limit(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return None
