"""What one child may use, as the kernel counts it. Inside the sandbox."""

from __future__ import annotations

import math
import resource

from app.protocol import Limits

THREAD_STACK_BYTES = 8 * 2**20
_PENDING_SIGNALS = 64
_LAST_CPU_SECONDS = 3  # more than the supervisor gives, which asks a second time, for the line


def address_space_bytes() -> int:
    """The size of this process as RLIMIT_AS counts it."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def set_stack(stack_bytes: int) -> None:
    """Room for deep recursion in C (freeing a chain of a million nodes); counts from the next exec on."""
    _lower(resource.RLIMIT_STACK, stack_bytes, keep_hard=True)


def restrict(limits: Limits, base_bytes: int, *, scratch: bool, own_user: bool) -> None:
    """Set every limit for good. `base_bytes` is what the process had before it knew a snippet.

    The number of threads can be limited only for a user that runs nothing else; otherwise their memory does it.
    """
    _lower(resource.RLIMIT_AS, base_bytes + limits.memory_bytes)
    cpu_seconds = math.ceil(limits.cpu_seconds)
    resource.setrlimit(
        resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + _LAST_CPU_SECONDS)
    )  # asked to stop, then killed
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    _lower(resource.RLIMIT_FSIZE, limits.scratch_bytes if scratch else 0)
    _lower(resource.RLIMIT_STACK, limits.stack_bytes)
    for none in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE, resource.RLIMIT_RTPRIO):
        _lower(none, 0)
    _lower(resource.RLIMIT_SIGPENDING, _PENDING_SIGNALS)
    if own_user:
        _lower(resource.RLIMIT_NPROC, limits.threads)


def _lower(which: int, value: int, *, keep_hard: bool = False) -> None:
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, hard if keep_hard else value))
