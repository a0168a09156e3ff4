"""Build the jail once, then become the zygote in it: `python -m app.worker.jail JSON`, control socket on descriptor 3.

Started by the supervisor, trusted, without torch. Where the kernel refuses namespaces it goes on without and says so.
"""

from __future__ import annotations

import os
import pwd
import signal
import socket
import sys
from typing import NoReturn

import msgspec

from app.protocol import JailOptions, ZygoteFailed, encode
from app.worker.confine import capabilities, kernel, limits, namespaces
from app.worker.confine.view import SCRATCH, View, worker_view
from app.worker.facts import Facts

CONTROL = 3
_INNER_UID = 61_234  # who we are within our own user namespace
_FIRST_UID, _USERS = 58_000, 1_000  # below those that systemd and containers hand out, above those of people
_SETGID, _SETUID = 6, 7


def main() -> NoReturn:
    options = msgspec.json.decode(sys.argv[1], type=JailOptions)
    os.umask(0o022)
    try:
        limits.set_stack(options.limits.stack_bytes)
        facts = _facts(options)
        view = worker_view()
        refusal = _try_namespaces(view) if options.namespaces else "namespaces: switched off"
        if refusal:
            _become_zygote(view, msgspec.structs.replace(facts, detail=refusal[:200]))
        _start_inside(view, facts)
    except OSError as exc:
        _fail(f"jail: {exc}")


def environment(view: View) -> dict[str, str]:
    """All that the zygote finds in its environment. One thread in every library: no other would survive a fork."""
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        **dict.fromkeys((*threads, "TORCHINDUCTOR_COMPILE_THREADS"), "1"),
        "CUDA_VISIBLE_DEVICES": "",
        "HOME": SCRATCH,
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": os.path.dirname(view.app_folder),
        "TMPDIR": SCRATCH,
        "TORCHINDUCTOR_CACHE_DIR": "/",  # is made at import where it does not exist
    }


def _facts(options: JailOptions) -> Facts:
    """Who the children will be. Raises PermissionError where they would have to be root."""
    if os.geteuid() != 0:
        return Facts(options, os.getpid(), os.geteuid())
    if not _may_change_user():
        if options.trusted_local:
            return Facts(options, os.getpid(), 0)
        raise PermissionError("uid: root without the right to become another user")
    taken = {user.pw_uid for user in pwd.getpwall()}
    first = next(uid for uid in range(_FIRST_UID, 2**31, _USERS) if taken.isdisjoint(range(uid, uid + _USERS)))
    return Facts(options, os.getpid(), first, _USERS)


def _may_change_user() -> bool:
    try:
        return capabilities.has(_SETUID) and capabilities.has(_SETGID)
    except OSError:
        return False


def _try_namespaces(view: View) -> str:
    """Why the namespaces cannot be had here, or "". Tried in a process of its own, for it cannot be undone."""
    reading, writing = os.pipe()
    trial = os.fork()
    if trial == 0:
        _report(writing, view)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        refusal = pipe.read()
    status = os.waitpid(trial, 0)[1]
    return refusal or (f"namespaces: trial ended with {status}" if status else "")


def _report(writing: int, view: View) -> NoReturn:
    try:
        namespaces.enter(_INNER_UID)
        builder = os.fork()
        if builder == 0:
            namespaces.build_root(view)
            os._exit(0)
        os._exit(1 if os.waitpid(builder, 0)[1] else 0)
    except OSError as exc:
        os.write(writing, f"namespaces: {exc}".encode())
        os._exit(0)


def _start_inside(view: View, facts: Facts) -> NoReturn:
    """Enter the namespaces; their first process becomes the zygote, this one waits for its end."""
    layers = namespaces.enter(_INNER_UID)
    zygote = os.fork()
    if zygote == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        pid = int(os.readlink("/proc/self"))  # of the supervisor's /proc, so in its numbers
        namespaces.build_root(view)
        namespaces.keep_power_to_mount()
        first = facts.first_uid if facts.users else _INNER_UID
        _become_zygote(view, msgspec.structs.replace(facts, pid=pid, namespaces=layers, first_uid=first))
    os.closerange(CONTROL, CONTROL + 1)
    status = os.waitpid(zygote, 0)[1]
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def _become_zygote(view: View, facts: Facts) -> NoReturn:
    os.set_inheritable(CONTROL, True)
    command = [sys.executable, "-P", "-s", "-B", "-m", "app.worker.zygote", encode(facts).decode()]
    os.execve(sys.executable, command, environment(view))  # noqa: S606 - a program of ours, no shell wanted


def _fail(detail: str) -> NoReturn:
    with socket.socket(fileno=CONTROL) as control:
        control.send(encode(ZygoteFailed(detail=detail[:256])))
    os._exit(1)


if __name__ == "__main__":
    main()
