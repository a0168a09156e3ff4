"""One snippet, evaluated under capture: compile, execute, tell. Inside the sandbox, in the child.

`Evaluation.run` is the whole story; nothing that the snippet does makes it raise.
"""

from __future__ import annotations

import contextlib
import gc
import io
import linecache
import platform
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, ModuleType
from typing import Any

import torch

from app.protocol import Finished, GraphCaptured, Job, Limits, Progress
from app.run import SnippetError, Truncated, Value, Versions
from app.worker.capture import Capture
from app.worker.error import describe_error, is_out_of_memory
from app.worker.places import Places, line_of
from app.worker.program import FILENAME, Program, compile_program, split_lines

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

_YOUNG_OBJECTS = 5_000
_INTERRUPTING = (signal.SIGXCPU, signal.SIGUSR1)


class Evaluation:
    """Runs one job. `send` takes each message as it happens, `Finished` last."""

    def __init__(self, job: Job, send: Callable[[Value], None]) -> None:
        self._job = job
        self._send = send
        self._sending = threading.Lock()
        self._lines = split_lines(job.code)
        self._places = Places(self._lines)
        self._capture: Capture | None = None
        self._namespace: dict[str, Any] = {}
        self._memory_exhausted = False
        self._finished = False
        self._began = time.perf_counter()

    def run(self) -> None:
        """Evaluate the snippet and tell everything, whatever it does."""
        with _own_process_state(self._job) as main:
            self._namespace = main.__dict__
            self._began = time.perf_counter()
            error = self._execute()
            run_ms = (time.perf_counter() - self._began) * 1000
            self._finish(error, run_ms)

    def stop_early(self, frame: FrameType | None) -> None:
        """Called from a signal handler: tell what there is and that it is not all."""
        if self._finished:
            return
        line = line_of(frame)
        self._finish(None, (time.perf_counter() - self._began) * 1000, stopped=True, line=line)

    # --- the steps of a run ---

    def _execute(self) -> SnippetError | None:
        try:
            program = compile_program(self._job.code)
        except BaseException as exc:
            return describe_error(exc, self._lines, self._places)
        self._capture = Capture(self._job.limits, program, self._places, self._graph_captured, self._progress)
        return self._execute_captured(program, self._capture)

    def _execute_captured(self, program: Program, capture: Capture) -> SnippetError | None:
        try:
            with capture.seams:
                try:
                    exec(program.code, self._namespace)
                finally:
                    _wait_for_threads()
        except BaseException as exc:
            return self._error(exc)
        return None

    def _error(self, exc: BaseException) -> SnippetError | None:
        self._memory_exhausted = is_out_of_memory(exc)
        operands = self._capture.operands_of(exc) if self._capture else ()
        return describe_error(exc, self._lines, self._places, operands)

    def _finish(
        self, error: SnippetError | None, run_ms: float, stopped: bool = False, line: int | None = None
    ) -> None:
        began = time.perf_counter()
        message = Finished(
            error=error,
            versions=versions(),
            run_ms=run_ms,
            stopped=stopped,
            last_line=line or (error.line if error else None) or (self._capture.last_line if self._capture else None),
            memory_exhausted=self._memory_exhausted,
        )
        if self._capture is not None:
            message = self._with_capture(message, self._capture, quick=stopped)
        capture_ms = (time.perf_counter() - began) * 1000
        if not self._finished:
            self._finished = True
            self._tell(_replace(message, capture_ms=capture_ms))

    def _with_capture(self, message: Finished, capture: Capture, quick: bool) -> Finished:
        """What capture found; when its end fails (no memory left), the rest is told nevertheless."""
        try:
            ending = capture.finish(self._namespace, quick)
        except BaseException as exc:
            self._memory_exhausted |= is_out_of_memory(exc)
            everything = Truncated(nodes=True, edges=True, tensors=True, events=True, graphs=True)
            return _replace(message, truncated=everything, memory_exhausted=self._memory_exhausted)
        return _replace(message, tensors=ending.tensors, additions=ending.additions, truncated=ending.truncated)

    def _graph_captured(self, message: GraphCaptured) -> None:
        if not self._finished:
            self._tell(message)

    def _progress(self, line: int | None, phase: str) -> None:
        if not self._finished:
            self._tell(Progress(line, phase))  # type: ignore[arg-type]

    def _tell(self, message: Value) -> None:
        """Send a message whole: neither a signal nor another thread comes between."""
        main = threading.current_thread() is threading.main_thread()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTING) if main else None
        held = self._sending.acquire(timeout=1.0)
        try:
            self._send(message)
        finally:
            if held:
                self._sending.release()
            if before is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait_for_threads() -> None:
    """As Python does at its end: wait for the threads that the snippet started and did not call daemons."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _replace(message: Finished, **changes: Any) -> Finished:
    fields = {name: getattr(message, name) for name in Finished.__struct_fields__}
    return Finished(**{**fields, **changes})


def versions() -> Versions:
    return Versions(torch=str(torch.__version__), python=platform.python_version())


@contextlib.contextmanager
def _own_process_state(job: Job) -> Iterator[ModuleType]:
    """The process as a snippet expects it: its own `__main__`, streams on descriptors 0 to 2, seeds set."""
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    main.__dict__["__file__"] = FILENAME
    kept = sys.modules.get("__main__"), sys.stdin, sys.stdout, sys.stderr, sys.argv, linecache.cache.get(FILENAME)
    sys.modules["__main__"] = main
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(""), _stream(1, "strict"), _stream(2, "backslashreplace")
    sys.argv = [FILENAME]
    linecache.cache[FILENAME] = (len(job.code), None, [line + "\n" for line in split_lines(job.code)], FILENAME)
    thresholds = gc.get_threshold()
    gc.set_threshold(_YOUNG_OBJECTS, *thresholds[1:])  # capture makes many small objects, none of them in cycles
    _seed(job.seed)
    try:
        yield main
    finally:
        gc.set_threshold(*thresholds)
        if kept[0] is not None:
            sys.modules["__main__"] = kept[0]
        _, sys.stdin, sys.stdout, sys.stderr, sys.argv, source = kept
        linecache.cache.pop(FILENAME, None)
        if source is not None:
            linecache.cache[FILENAME] = source


def _stream(descriptor: int, errors: str) -> io.TextIOWrapper:
    """Text straight to the descriptor: nothing is held back, so nothing is lost or out of order."""
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", errors, write_through=True)


def _seed(seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)
    if numpy is not None:
        numpy.random.seed(seed & 0xFFFFFFFF)


_WARM_UP = (
    """import torch, math, random
from torch import nn
x = torch.ones(5, requires_grad=True)
y = 2 * torch.dot(x, x)
y.backward()
s = f"{x.grad} {y.grad_fn} {x} {y.item()}"
with torch.no_grad():
    z = x * 2
w = torch.randn(300, 300, requires_grad=True)
h = (w @ w).relu()
h.retain_grad()
g, = torch.autograd.grad(h.sum(), w, create_graph=True)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
loss = nn.functional.mse_loss(model(torch.randn(3, 4)), torch.zeros(3, 2))
opt.zero_grad()
loss.backward()
opt.step()
torch.optim.Adam(model.parameters()).step()
net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 3))
nn.functional.cross_entropy(net(torch.randn(2, 1, 8, 8)), torch.tensor([0, 2])).backward()
nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)(torch.randn(1, 3, 4)).sum().backward()
nn.LSTM(2, 2)(torch.randn(3, 1, 2))[0].sum().backward()
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * 2
    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2
Twice.apply(x).sum().backward()
""",
    "import torch\nx = torch.ones(2)\ny = x * 2\ny.sum().backward()\n",
    "x = (",
)


def warm_up() -> None:
    """Run small evaluations, so that nothing is imported, built or cached for the first time in a child."""
    for code in _WARM_UP:
        Evaluation(Job(code, 0, Limits()), lambda message: None).run()
