"""Landlock: which paths a child can reach, no TCP, no signals or abstract sockets beyond itself. Inside the sandbox."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from app.worker.confine import kernel

_READ_FILE, _READ_DIR, _WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _REFER, _TRUNCATE = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 13, 1 << 14
_READ = _READ_FILE | _READ_DIR
_SCRATCH = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
_FILE_RIGHTS = _READ_FILE | _WRITE_FILE | _TRUNCATE  # the only ones that may be granted on a file
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET, _SCOPE = 0b11, 0b11  # bind and connect (ABI 4); abstract sockets and signals (ABI 6)
_VERSION_FLAG, _PATH_BENEATH = 1, 1


def abi() -> int:
    """The version of Landlock here; 0 where there is none."""
    try:
        return kernel.call("landlock_create_ruleset", None, 0, _VERSION_FLAG)
    except OSError:
        return 0


def restrict(version: int, readable: Iterable[str], writable: Iterable[str], scratch: str | None) -> None:
    """Leave this thread and what comes of it nothing but these paths. Raises OSError where that fails.

    Must come after no_new_privs. A path that this user cannot even name is left out: it stays unreachable.
    """
    handled = _HANDLED[min(version, 5)]
    ruleset = kernel.call("landlock_create_ruleset", *_attributes(version, handled), 0)
    for path in readable:
        _allow(ruleset, path, _READ & handled)
    for path in writable:
        _allow(ruleset, path, (_READ | _WRITE_FILE | _TRUNCATE) & handled)
    if scratch is not None:
        _allow(ruleset, scratch, _SCRATCH & handled)
    kernel.call("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)


def _attributes(version: int, handled: int) -> tuple[bytes, int]:
    words = [handled]
    if version >= 4:
        words.append(_NET)
    if version >= 6:
        words.append(_SCOPE)
    return struct.pack(f"<{len(words)}Q", *words), 8 * len(words)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except PermissionError:
        return
    if not os.path.isdir(path):
        rights &= _FILE_RIGHTS
    rule = struct.pack("<Qi", rights, descriptor)
    kernel.call("landlock_add_rule", ruleset, _PATH_BENEATH, rule, 0)
    os.close(descriptor)
