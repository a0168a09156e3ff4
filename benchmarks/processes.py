"""Memory of the service's processes, from /proc (Linux): who is the server, the zygote, a child."""

from __future__ import annotations

from pathlib import Path

MIB = 2**20


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def descendants(root: int) -> list[int]:
    """All processes below `root`, parents before their children."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = parent(int(entry.name))
            except (OSError, ValueError):
                continue
    found = [root]
    for pid in found:
        found += [child for child, above in parents.items() if above == pid]
    return found[1:]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def memory_bytes(pid: int) -> dict[str, int]:
    """`rss` and `private` of one process; nothing where the kernel does not let us look."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    private = sizes["Private_Clean"] + sizes["Private_Dirty"]
    return {"rss": sizes["Rss"], "private": private}
