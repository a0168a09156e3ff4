"""Calls of the kernel that the standard library lacks, through libc. Inside the sandbox; failures are OSErrors."""

from __future__ import annotations

import ctypes
import functools
import os

from app.worker.confine.syscalls import this_machine

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT = 47


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """The system call `name`. Raises OSError, also where this machine has no such call."""
    number = this_machine().numbers[name]
    return _checked(_libc().syscall(ctypes.c_long(number), *map(_argument, arguments)), name)


def prctl(option: int, second: int = 0, third: int = 0) -> int:
    words = (ctypes.c_ulong(word) for word in (second, third, 0, 0))
    return _checked(_libc().prctl(ctypes.c_int(option), *words), f"prctl {option}")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [text.encode() if text is not None else None for text in (source, target, kind, data)]
    result = _libc().mount(*texts[:3], ctypes.c_ulong(flags), texts[3])
    _checked(result, f"mount {target}")


def unshare(flags: int) -> None:
    _checked(_libc().unshare(ctypes.c_int(flags)), f"unshare {flags:#x}")


def default_thread_stack(size_bytes: int) -> None:
    """Give every thread made from now on this much stack, whatever the main one may have.

    glibc takes the default from RLIMIT_STACK at start: half a gigabyte of address space each would leave room for four.
    """
    libc = _libc()
    attributes = ctypes.create_string_buffer(256)  # pthread_attr_t is 56 bytes (x86_64) or 64 (aarch64)
    libc.pthread_attr_init(attributes)
    libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(size_bytes))
    error = libc.pthread_setattr_default_np(attributes)
    if error:
        raise OSError(error, os.strerror(error), "pthread_setattr_default_np")


def _argument(value: int | bytes | ctypes.Array[ctypes.c_char] | None) -> object:
    if isinstance(value, int):
        return ctypes.c_long(value)
    if isinstance(value, bytes):
        return ctypes.c_char_p(value)
    return value


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result
