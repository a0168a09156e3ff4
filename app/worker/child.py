"""A child: confine itself, say so, read one job, evaluate it, end. Fails closed before the job, hostile after it.

Inside the sandbox. Nothing here runs twice: each child lives for one snippet.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import gc
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import NoReturn

from msgspec import Struct

from app.errors import ProtocolViolation
from app.protocol import FRAME, FRAME_MAGIC, MAX_REQUEST_BYTES, OPTIONAL_LAYERS, Confined, Job, decode_job
from app.worker.confine import capabilities, kernel, landlock, limits, namespaces, seccomp
from app.worker.confine.view import SCRATCH, View
from app.worker.evaluate import Evaluation
from app.worker.facts import Facts
from app.worker.outbox import Outbox
from app.worker.unreachable import explain_failing_imports

JOB, OUTPUT, ERRORS, RESULT = 0, 1, 2, 3
NOT_CONFINED, NOT_EVALUATED = 8, 10  # exit codes
_ABOVE_ALL = 100  # descriptors are moved out of the way of their new places first


class Plan(Struct, frozen=True):
    """All that a child needs to confine itself, worked out once by the zygote."""

    facts: Facts
    view: View
    zygote_pid: int
    landlock_abi: int
    profile: seccomp.Profile
    program: bytes
    base_bytes: int
    huge_pages: bool

    @property
    def scratch(self) -> bool:
        return self.profile == "scratch"


class Place(Struct, frozen=True):
    """What is this child's alone: its user, and the descriptors it was given."""

    uid: int
    job: int
    output: int
    result: int


def live(plan: Plan, place: Place) -> NoReturn:
    """Be that child. Never returns, never raises."""
    try:
        layers = _confine(plan, place)
    except BaseException as exc:
        _give_up("not confined", exc, NOT_CONFINED)
    try:
        _run(layers)
    except BaseException as exc:
        _give_up("not evaluated", exc, NOT_EVALUATED)
    os._exit(0)


def _give_up(what: str, why: BaseException, code: int) -> NoReturn:
    with contextlib.suppress(BaseException):
        os.write(ERRORS, f"{what}: {type(why).__name__}: {why}\n".encode(errors="replace")[:500])
    os._exit(code)


def _confine(plan: Plan, place: Place) -> tuple[str, ...]:
    """Put every layer in place, in order, and name those that hold. A layer that cannot be had raises OSError, unless
    the operator accepted a missing one."""
    layers = [*plan.facts.namespaces, *(["huge_pages"] if plan.huge_pages else [])]
    os.setsid()
    _default_signals()
    for name, put_in_place in _steps(plan, place):
        try:
            put_in_place()
        except OSError:
            if not plan.facts.options.trusted_local and name not in OPTIONAL_LAYERS:
                raise
        else:
            layers.append(name)
    if plan.profile == "none" and "seccomp" in layers:
        layers.append("no_paths")
    return tuple(layers)


def _steps(plan: Plan, place: Place) -> Iterator[tuple[str, Callable[[], None]]]:
    """The layers in the only order that works: each one takes away what those before it needed."""
    limits_of_run, own_user = plan.facts.options.limits, plan.facts.users > 0
    yield "descriptors", lambda: _arrange_descriptors(place)
    yield "environment", lambda: _empty_environment(plan.scratch)
    yield "oom_first", _be_first_out_of_memory
    if plan.scratch:
        yield "scratch", lambda: namespaces.private_scratch(limits_of_run.scratch_bytes, place.uid)
    else:
        os.chdir("/")
    yield "rlimits", lambda: limits.restrict(limits_of_run, plan.base_bytes, scratch=plan.scratch, own_user=own_user)
    yield "uid", lambda: _leave_root(place.uid if own_user else None)
    yield "capabilities", capabilities.drop_all
    yield "no_new_privs", capabilities.no_new_privileges
    if plan.profile != "none":
        yield "landlock", lambda: _restrict_paths(plan)
    yield "not_dumpable", lambda: _set(kernel.PR_SET_DUMPABLE, 0)
    yield "parent_death_signal", lambda: _die_with(plan.zygote_pid)  # the kernel forgets it when the user changes
    yield "seccomp", lambda: seccomp.install(plan.program)


def _run(layers: tuple[str, ...]) -> None:
    explain_failing_imports()
    gc.enable()
    outbox = Outbox(RESULT)
    outbox.send(Confined(layers))
    job = _read_job()
    _close_input()
    faulthandler.enable(ERRORS, all_threads=False)  # a crash tells its line; `app.folding` reads it
    evaluation = Evaluation(job, outbox.send)
    outbox.stop_on((signal.SIGUSR1, signal.SIGXCPU), evaluation.stop_early)
    leave = os._exit
    evaluation.run()
    leave(0)


def _die_with(zygote_pid: int) -> None:
    _set(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote_pid:
        os._exit(NOT_CONFINED)


def _set(option: int, value: int) -> None:
    kernel.prctl(option, value)


def _leave_root(uid: int | None) -> None:
    if uid is not None:
        capabilities.become(uid)
    capabilities.refuse_root()


def _arrange_descriptors(place: Place) -> None:
    """Four descriptors and no other. Sources may sit where another belongs, so all are moved away first."""
    sources = (place.job, place.output, place.output, place.result)
    away = [fcntl.fcntl(source, fcntl.F_DUPFD, _ABOVE_ALL) for source in sources]
    for source, target in zip(away, (JOB, OUTPUT, ERRORS, RESULT), strict=True):
        os.dup2(source, target)
    kernel.call("close_range", RESULT + 1, 0xFFFF_FFFF, 0)


def _empty_environment(scratch: bool) -> None:
    os.environ.clear()
    # Where nothing can be written, who wants a temporary folder gets one that exists, and an error that names the file.
    tempfile.tempdir = SCRATCH if scratch else "/"
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{SCRATCH}/inductor" if scratch else "/"
    if scratch:
        os.environ.update(HOME=SCRATCH, TMPDIR=SCRATCH)


def _default_signals() -> None:
    """As at the start of a Python program, but Ctrl+C: nobody sits at a terminal here."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _be_first_out_of_memory() -> None:
    """Ask the kernel to sacrifice this process before any other."""
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _restrict_paths(plan: Plan) -> None:
    view = plan.view
    writable = [path for path in view.devices if path == os.devnull] if plan.scratch else []
    readable = (*view.folders_and_files, *view.app_files, *view.devices)
    landlock.restrict(plan.landlock_abi, readable, writable, SCRATCH if plan.scratch else None)


def _read_job() -> Job:
    """The one frame on the job pipe. A pipe that ends without one means that nobody needed this child."""
    magic, size = FRAME.unpack(_read_exactly(FRAME.size))
    if magic != FRAME_MAGIC or size > MAX_REQUEST_BYTES:
        raise ProtocolViolation("not a job")
    return decode_job(_read_exactly(size))


def _read_exactly(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = os.read(JOB, size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return bytes(data)


def _close_input() -> None:
    """Let the snippet read end of file at once: a pipe that has no writer."""
    reading, writing = os.pipe()
    os.close(writing)
    os.dup2(reading, JOB)
    os.close(reading)
    sys.stdin = open(JOB, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
