"""Which paths a child may read: the interpreter, its libraries, a few devices, and of this program only its own room.

Used twice: for the mounts of the jail and for the Landlock rules. Runs before any snippet is known.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator

from msgspec import Struct

import app

SCRATCH = "/scratch"
_SHARED_PREFIXES = ("/", "/usr", "/usr/local")  # here only the libraries belong to the interpreter
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_FACTS = ("/etc/ld.so.cache", "/usr/share/zoneinfo", "/sys/devices/system/cpu")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_OWN_FILES = ("__init__.py", "run.py", "protocol.py", "errors.py", "worker")


class View(Struct, frozen=True):
    """Absolute paths, each with its symlinks resolved as a second entry where that differs."""

    folders_and_files: tuple[str, ...]
    devices: tuple[str, ...]
    app_folder: str
    app_files: tuple[str, ...]


def worker_view() -> View:
    """What the running interpreter needs to run the worker."""
    folder = os.path.dirname(os.path.abspath(app.__file__))
    outside = (*_interpreter(), *_LIBRARIES, *_FACTS)
    return View(
        folders_and_files=_existing(outside),
        devices=tuple(path for path in _DEVICES if os.path.exists(path)),
        app_folder=folder,
        app_files=tuple(os.path.join(folder, name) for name in _OWN_FILES),
    )


def _interpreter() -> Iterator[str]:
    yield from _links(sys.executable)
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        if os.path.realpath(prefix) not in _SHARED_PREFIXES:
            yield prefix
    yield from (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def _links(path: str) -> Iterator[str]:
    """`path` and every symlink on the way to the file behind it, so that each of these names exists in the jail."""
    yield path
    while os.path.islink(path):
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        yield path


def _existing(paths: Iterable[str]) -> tuple[str, ...]:
    """Those that exist and are not beneath another, shortest first."""
    found = {name for path in paths if os.path.exists(path) for name in (path, os.path.realpath(path))}
    kept: list[str] = []
    for path in sorted(found, key=len):
        if not any(path == other or path.startswith(other.rstrip("/") + "/") for other in kept):
            kept.append(path)
    return tuple(kept)
