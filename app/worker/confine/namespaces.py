"""Own namespaces around the zygote, with a small root of their own, and a scratch folder for each child in one more.

Runs before any snippet is known. The kernel may refuse any of it (OSError): then we live without.
"""

from __future__ import annotations

import os
import socket
import struct

from app.worker.confine import capabilities, kernel
from app.worker.confine.view import SCRATCH, View

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 1 << 17, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1 << 5, 1 << 12, 1 << 14, 1 << 18
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MNT_DETACH = 2
_STAGE = "/tmp"  # noqa: S108 - only a name to mount on, within our own mount namespace
_SCRATCH_INODES = 256

AROUND_ZYGOTE = ("namespaces:mount", "namespaces:net", "namespaces:ipc", "namespaces:uts", "namespaces:pid")


def enter(inner_uid: int) -> tuple[str, ...]:
    """Unshare all that we may; the next fork is the first process of the new pid namespace. Returns layer names."""
    flags = _NEWNS | _NEWNET | _NEWIPC | _NEWUTS | _NEWPID
    if os.geteuid() == 0:
        kernel.unshare(flags)
        socket.sethostname("sandbox")
        return AROUND_ZYGOTE
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(flags | _NEWUSER)
    _map_user(inner_uid, uid, gid)
    socket.sethostname("sandbox")
    return ("namespaces:user", *AROUND_ZYGOTE)


def build_root(view: View) -> None:
    """Make `view` and /proc all there is to see; called by the first process of the pid namespace.

    Folders on the way are made anew, readable, so that an interpreter below a closed home can be reached.
    """
    kernel.mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    sources = {path: os.open(path, os.O_PATH) for path in (*view.folders_and_files, *view.devices, *view.app_files)}
    kernel.mount("tmpfs", _STAGE, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")
    for path in view.folders_and_files:
        _bind(sources[path], path, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV)
    for path in view.devices:
        _bind(sources[path], path, _ATTR_NOSUID)
    _build_app(view, sources)
    _mount_proc()
    os.mkdir(_STAGE + SCRATCH, 0o755)
    for descriptor in sources.values():
        os.close(descriptor)
    _pivot()


def private_scratch(size_bytes: int, owner: int) -> None:
    """A folder in memory that only this process sees, gone when it is; called before privileges are dropped."""
    kernel.unshare(_NEWNS)
    options = f"mode=0700,size={size_bytes},nr_inodes={_SCRATCH_INODES},uid={owner},gid={owner}"
    kernel.mount("tmpfs", SCRATCH, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, options)
    os.chdir(SCRATCH)


def _map_user(inner: int, uid: int, gid: int) -> None:
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inner} {uid} 1"), ("gid_map", f"{inner} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _build_app(view: View, sources: dict[str, int]) -> None:
    """This program's folder, with nothing of the server in it even where it is part of a bound tree."""
    target = _STAGE + view.app_folder
    os.makedirs(target, 0o755, exist_ok=True)
    kernel.mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")
    for path in view.app_files:
        _bind(sources[path], path, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV)
    kernel.mount(None, target, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)


def _bind(source: int, path: str, attributes: int) -> None:
    """Show `source` as `path`, with these attributes on it and all that is mounted below."""
    target = _STAGE + path
    origin = f"/proc/self/fd/{source}"
    if os.path.isdir(origin):
        os.makedirs(target, 0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        if not os.path.exists(target):
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(origin, target, None, _MS_BIND | _MS_REC)
    change = struct.pack("<4Q", attributes, 0, 0, 0)
    kernel.call("mount_setattr", _AT_FDCWD, target.encode(), _AT_RECURSIVE, change, len(change))


def _mount_proc() -> None:
    target = _STAGE + "/proc"
    os.mkdir(target, 0o555)
    kernel.mount("proc", target, "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)


def _pivot() -> None:
    """Put the stage in place of the root and let go of the old one, without a folder to park it in."""
    os.chdir(_STAGE)
    kernel.call("pivot_root", b".", b".")
    kernel.call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    kernel.mount(None, "/", None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)


def keep_power_to_mount() -> None:
    """Let the zygote, not root of its user namespace, still make the scratch folders of its children."""
    if os.geteuid() != 0:
        capabilities.keep_across_exec(capabilities.SYS_ADMIN)
