"""User, capabilities and no_new_privs of a child. Inside the sandbox; each holds afterwards or raises OSError."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct

from app.worker.confine import kernel

SYS_ADMIN = 21
_VERSION_3 = 0x2008_0522
_AMBIENT_RAISE, _AMBIENT_CLEAR_ALL = 2, 4
_LAST_POSSIBLE = 63


def become(uid: int) -> None:
    """Be this user and group and no other; called where we are root."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def refuse_root() -> None:
    if 0 in (*os.getresuid(), *os.getresgid()):
        raise PermissionError(errno.EPERM, "still root")


def has(capability: int) -> bool:
    return bool(_effective() >> capability & 1)


def drop_all() -> None:
    """Give up every capability, and the chance to get one back where we may (no_new_privs bars it anyway)."""
    for capability in range(_LAST_POSSIBLE + 1):
        with contextlib.suppress(OSError):  # not ours to drop, or not known here
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
    kernel.prctl(kernel.PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    kernel.call("capset", _header(), bytes(24))
    if any(_read()):
        raise PermissionError(errno.EPERM, "capabilities left")


def keep_across_exec(capability: int) -> None:
    """Let a program started by us have this capability of ours although its user is not root."""
    effective, permitted, _, *high = _read()
    kernel.call("capset", _header(), struct.pack("<6I", effective, permitted, 1 << capability, *high))
    kernel.prctl(kernel.PR_CAP_AMBIENT, _AMBIENT_RAISE, capability)


def no_new_privileges() -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) != 1:
        raise PermissionError(errno.EPERM, "no_new_privs is not set")


def _effective() -> int:
    words = _read()
    return words[0] | words[3] << 32


def _header() -> bytes:
    return struct.pack("<II", _VERSION_3, 0)


def _read() -> tuple[int, ...]:
    """effective, permitted, inheritable: the low words, then the high ones."""
    words = ctypes.create_string_buffer(24)
    kernel.call("capget", ctypes.create_string_buffer(_header(), 8), words)
    return struct.unpack("<6I", words.raw)
