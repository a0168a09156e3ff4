"""Start a program with little: `python -I -S limited.py CPU_SECONDS MEMORY_BYTES PROGRAM [ARGUMENT…]`.

Runs for a moment in the child, before the layout program takes its place; its limits then hold for that program.
It may write no file, open few, start no process where the system counts them, and leave no core.
"""

import contextlib
import os
import resource
import sys

OPEN_FILES = 64


def _limit(what: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # macOS has no limit of address space
        resource.setrlimit(what, (most, most))


def main(cpu_seconds: str, memory_bytes: str, *program: str) -> None:
    _limit(resource.RLIMIT_CPU, int(cpu_seconds))
    _limit(resource.RLIMIT_AS, int(memory_bytes))
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
