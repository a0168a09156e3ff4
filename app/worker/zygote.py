"""The zygote: torch imported and warm, one thread, no job ever seen; forks a child for each FORK on descriptor 3.

Started by the jail. Trusted, so it parses nothing but that one word; ends when the supervisor closes the socket.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import platform
import select
import signal
import socket
import sys
import tempfile
import time
from typing import NoReturn

import msgspec
import torch

from app.protocol import FORK, ZygoteFailed, ZygoteForked, ZygoteReady, ZygoteReaped, encode
from app.run import Value, Versions
from app.worker import evaluate
from app.worker.child import Place, Plan, live
from app.worker.confine import kernel, landlock, limits, seccomp
from app.worker.confine.huge_pages import collapse_heap
from app.worker.confine.view import worker_view
from app.worker.facts import Facts
from app.worker.processes import load_data_in_one_process

CONTROL = 3
_MAX_MESSAGE_BYTES = 64
_DESCRIPTORS = 3
# What torch imports only when first used, and what snippets import: from disk that costs a child up to a second, and
# where the interpreter lies below a closed home it cannot.
_LAZY = """
    torch._decomp.decompositions_for_jvp torch._dynamo torch._dynamo.backends.debugging torch._dynamo.backends.registry
    torch._dynamo.repro.after_dynamo torch._dynamo.testing torch._export torch._export.passes._node_metadata_hook
    torch._export.passes.replace_autocast_with_hop_pass torch._export.passes.replace_set_grad_with_hop_pass
    torch._functorch.aot_autograd torch._higher_order_ops.passes.inline_invoke_subgraph
    torch._inductor.compiler_bisector torch._inductor.fx_passes.dedupe_symint_uses torch._inductor.sizevars
    torch.ao.quantization torch.autograd.forward_ad torch.autograd.functional torch.autograd.gradcheck
    torch.autograd.profiler torch.distributed torch.distributions torch.export torch.export._trace torch.func torch.fx
    torch.fx.experimental.proxy_tensor torch.fx.experimental.validator torch.hub torch.multiprocessing torch.nested
    torch.nn.attention.flex_attention torch.nn.functional torch.nn.utils.parametrizations torch.nn.utils.prune
    torch.optim torch.optim.lr_scheduler torch.optim.swa_utils torch.profiler torch.sparse torch.utils.benchmark
    torch.utils.checkpoint torch.utils.cpp_extension torch.utils.data torch.utils.flop_counter
    torch.utils.serialization.config
    abc argparse array ast asyncio base64 bisect bz2 calendar cmath code codecs collections.abc colorsys
    concurrent.futures.process concurrent.futures.thread configparser contextlib copy copyreg cProfile csv ctypes
    dataclasses datetime decimal difflib dis doctest email.message encodings.ascii encodings.idna encodings.latin_1
    encodings.unicode_escape encodings.utf_16 encodings.utf_8_sig enum fnmatch fractions functools getopt getpass glob
    graphlib gzip hashlib heapq hmac html http.client importlib.metadata importlib.resources io itertools json linecache
    locale logging lzma math multiprocessing.managers multiprocessing.pool multiprocessing.popen_fork
    multiprocessing.popen_spawn_posix multiprocessing.queues multiprocessing.shared_memory multiprocessing.synchronize
    numbers numpy operator optparse pathlib pdb pickle platform pprint pstats queue random runpy sched secrets selectors
    shelve shlex shutil socketserver sqlite3 statistics string struct tarfile tempfile textwrap threading time timeit
    tokenize tomllib traceback tracemalloc types typing unittest.mock urllib.request uuid warnings weakref
    xml.etree.ElementTree zipfile zlib zoneinfo
"""


def main() -> NoReturn:
    started = time.monotonic()
    facts = msgspec.json.decode(sys.argv[1], type=Facts)
    control = socket.socket(fileno=CONTROL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if facts.namespaces:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        _warm_up()
        plan = _plan(facts)
    except Exception as exc:
        _send(control, ZygoteFailed(detail=f"zygote: {type(exc).__name__}: {exc}"[:256]))
        os._exit(1)
    _send(control, _ready(facts, plan, started))
    _serve(control, plan)


def _warm_up() -> None:
    """Have everything in memory that a run may need, with nothing in it that a fork would break."""
    tempfile.tempdir = "/"  # torch asks for one at import; here is none to write to
    kernel.default_thread_stack(limits.THREAD_STACK_BYTES)
    torch.set_num_threads(1)
    for name in _LAZY.split():
        with contextlib.suppress(ImportError):  # another version of torch, or a Python built without sqlite3
            importlib.import_module(name)
    load_data_in_one_process()
    evaluate.warm_up()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()
    gc.disable()
    _refuse_what_fork_would_share()


def _refuse_what_fork_would_share() -> None:
    """Raises where a second thread runs, a device was found, or memory is mapped that children could write for all."""
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("more than one thread before the fork")
    if torch.cuda.is_available():
        raise RuntimeError("a CUDA device is visible")
    with open("/proc/self/maps", encoding="utf-8") as maps:
        shared = [line for line in maps if line.split()[1].startswith(("rws", "-ws"))]
    if shared:
        raise RuntimeError(f"writable shared memory: {shared[0][:80]}")


def _plan(facts: Facts) -> Plan:
    without = facts.options.without
    abi = 0 if "landlock" in without else landlock.abi()
    profile = _profile(facts, abi)
    huge_pages = "huge_pages" not in without and collapse_heap()
    return Plan(
        facts=facts,
        view=worker_view(),
        zygote_pid=os.getpid(),
        landlock_abi=abi,
        profile=profile,
        program=_program(facts, profile),
        base_bytes=limits.address_space_bytes(),
        huge_pages=huge_pages,
    )


def _program(facts: Facts, profile: seccomp.Profile) -> bytes:
    try:
        return seccomp.build(profile)
    except OSError:
        if facts.options.trusted_local:
            return b""
        raise


def _profile(facts: Facts, abi: int) -> seccomp.Profile:
    if abi == 0:
        return "none"
    mountable = "namespaces:mount" in facts.namespaces and facts.options.limits.scratch_bytes > 0
    return "scratch" if mountable and "scratch" not in facts.options.without else "read"


def _ready(facts: Facts, plan: Plan, started: float) -> ZygoteReady:
    return ZygoteReady(
        pid=facts.pid,
        boot_ms=(time.monotonic() - started) * 1000,
        versions=Versions(torch=str(torch.__version__), python=platform.python_version()),
        namespaces=facts.namespaces,
        uid=facts.first_uid,
        detail=f"{facts.detail} files: {plan.profile}, landlock {plan.landlock_abi}".strip()[:256],
    )


def _serve(control: socket.socket, plan: Plan) -> NoReturn:
    """Fork on demand and tell of every child that ends, until the supervisor lets go."""
    woken, wakes = os.pipe()
    for end in (woken, wakes):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    poll = select.poll()
    for descriptor in (CONTROL, woken):
        poll.register(descriptor, select.POLLIN)
    born = 0
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            _reap(control)
        if CONTROL in ready:
            _fork(control, plan, born)
            born += 1


def _fork(control: socket.socket, plan: Plan, born: int) -> None:
    try:
        data, descriptors, _, _ = socket.recv_fds(control, _MAX_MESSAGE_BYTES, _DESCRIPTORS)
    except ConnectionError:
        data = b""
    if not data:
        os._exit(0)
    if data != FORK or len(descriptors) != _DESCRIPTORS:
        _send(control, ZygoteFailed(detail="zygote: not a fork"))
        os._exit(1)
    job, output, result = descriptors
    uid = plan.facts.first_uid + (born % plan.facts.users if plan.facts.users else 0)
    try:
        pid = os.fork()
    except OSError as exc:
        _send(control, ZygoteFailed(detail=f"zygote: fork: {exc}"))
        os._exit(1)
    if pid == 0:
        control.detach()
        live(plan, Place(uid, job, output, result))
    _announce(control, pid)
    for descriptor in descriptors:
        os.close(descriptor)


def _announce(control: socket.socket, pid: int) -> None:
    """Not reaped yet, so the number is still that child's even where it has died already."""
    handle = os.pidfd_open(pid)
    try:
        socket.send_fds(control, [encode(ZygoteForked(pid))], [handle])
    except OSError:
        os._exit(0)
    os.close(handle)


def _reap(control: socket.socket) -> None:
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        cpu_seconds = usage.ru_utime + usage.ru_stime
        _send(control, ZygoteReaped(pid, status, usage.ru_maxrss * 1024, cpu_seconds))


def _send(control: socket.socket, message: Value) -> None:
    try:
        control.send(encode(message))
    except OSError:
        os._exit(0)


if __name__ == "__main__":
    main()
