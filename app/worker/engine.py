"""The backward seam: every `backward()` and `autograd.grad()` ends in one function, and is captured there.

The graph is walked before the engine runs, while buffers are still held; hooks at the end of each node's own hooks see
the gradients that really flow. Nothing of the graph is kept after the call. Inside the sandbox.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import torch
import torch.autograd.graph

from app.run import TensorSummary
from app.worker.apis import Api, Kind
from app.worker.events import Event
from app.worker.places import calling_frame, line_of
from app.worker.summarize import summary_of, unobserved
from app.worker.tensors import Seen, Tensors
from app.worker.trace import Trace, sequence_nr
from app.worker.walk import AccumulateGrad, Walk, node_sequence_nr, root_of, walk

_nanoseconds = time.perf_counter_ns
_current_task: Callable[[], int] = torch._C._current_graph_task_id
_dispatch_mode: Callable[[Any], Any] = torch._C._get_dispatch_mode
_TRACING = (torch._C._TorchDispatchModeKey.FAKE, torch._C._TorchDispatchModeKey.PROXY)
_FULL_STATISTICS_NODES = 5_000
_HISTOGRAM_NODES = 500  # a histogram doubles what one gradient costs
_EDGE_PREVIEW = 16
_ENGINE = Api(Kind.CALL, "torch.autograd", "autograd")
_BYTES_PLAIN = 900  # of one node with its edges, as sent, when little is known of it
_FAILED_BEYOND_LIMIT = 3


class Call:
    """One call of `backward()` or `autograd.grad()` and what was seen of it. Positions index `walk.nodes`."""

    def __init__(self, number: int, kind: str, frame: FrameType | None, roots: list[Seen]) -> None:
        self.number = number
        self.kind = kind
        self.code: CodeType | None = frame.f_code if frame else None
        self.instruction = frame.f_lasti if frame else 0
        self.line = line_of(frame)
        self.roots = roots
        self.root_values: list[TensorSummary] = []
        self.walk = Walk()
        self.saved: list[Any] = []
        self.order: list[int] = []
        self.micros: dict[int, float] = {}
        self.gradients: dict[tuple[int, int], TensorSummary] = {}
        self.accumulated: list[Seen] = []
        self.started: dict[int, tuple[int, int]] = {}
        self.retained = False
        self.create_graph = False
        self.full = True
        self.histograms = True
        self.error: str | None = None


class Engine:
    """Stands in for `torch.autograd.graph._engine_run_backward`.

    `on_call` is told of every captured call when it has ended; `describe` looks at nodes before the call frees them.
    """

    def __init__(
        self,
        trace: Trace,
        tensors: Tensors,
        calls: int,
        nodes: int,
        result_bytes: int,
        describe: Callable[[Walk], list[Any]],
        on_call: Callable[[Call], None],
    ) -> None:
        self.mode: Any = None
        self.truncated_graphs = False
        self.truncated_nodes = False
        self.active: list[Call] = []
        self.last_unseen: Call | None = None
        self._trace = trace
        self._tensors = tensors
        self._calls_left = calls
        self._failed_left = _FAILED_BEYOND_LIMIT
        self._nodes_left = nodes
        self._bytes_left = result_bytes * 3 // 4
        self._describe = describe
        self._on_call = on_call
        self._tasks: dict[int, Call] = {}
        self._original = torch.autograd.graph._engine_run_backward

    def run_backward(self, t_outputs: Any, *args: Any, **kwargs: Any) -> Any:
        """What PyTorch calls. Returns and raises exactly what the engine does."""
        if torch.compiler.is_compiling() or any(_dispatch_mode(key) is not None for key in _TRACING):
            return self._original(t_outputs, *args, **kwargs)
        call = self._begin(t_outputs, args, kwargs, calling_frame())
        handles = self._hook(call) if self._seen(call, t_outputs) else []
        calls = self._trace.local.calls
        calls.append(call)
        first = sequence_nr()
        try:
            with self.mode if self._mode_is_off() else contextlib.nullcontext():
                return self._original(t_outputs, *args, **kwargs)
        except BaseException as exc:
            call.error = type(exc).__name__[:256]
            raise
        finally:
            calls.pop()
            if call.create_graph:
                self._made_between_nodes(call, first)
            self._end(call, t_outputs, handles)

    # --- before ---

    def _begin(self, t_outputs: Any, args: Any, kwargs: Any, frame: FrameType | None) -> Call:
        number = self._trace.calls
        self._trace.calls += 1
        roots = [self._tensors.of(t) for t in t_outputs if isinstance(t, torch.Tensor)]
        call = Call(number, "backward" if kwargs.get("accumulate_grad") else "grad", frame, roots)
        if len(args) > 2:
            call.retained, call.create_graph = bool(args[1]), bool(args[2])
        return call

    def _seen(self, call: Call, t_outputs: Any) -> bool:
        """Whether this call is captured: while the limits allow."""
        if self._calls_left <= 0 or self.nodes_left() <= 0:
            self.truncated_graphs = self._trace.muted = True
            return False
        self._calls_left -= 1
        self.look(call, t_outputs)
        self.active.append(call)
        return True

    def look(self, call: Call, t_outputs: Any) -> None:
        """Walk the graph of `call` and take down what its nodes say."""
        try:
            with unobserved():
                call.root_values = [summary_of(t, _EDGE_PREVIEW) for t in t_outputs if isinstance(t, torch.Tensor)][:64]
                call.walk = walk([root_of(t) for t in t_outputs], self.nodes_left())
                call.saved = self._describe(call.walk)
        except Exception as exc:
            self._trace.fault(exc)
        kept = len(call.walk.nodes)
        self._nodes_left -= kept
        self.truncated_nodes |= call.walk.total_nodes > kept
        call.full = call.walk.total_nodes <= _FULL_STATISTICS_NODES
        call.histograms = call.walk.total_nodes <= _HISTOGRAM_NODES

    def _hook(self, call: Call) -> list[Any]:
        handles: list[Any] = []
        for position, node in enumerate(call.walk.nodes):
            before, after = self._hooks(call, position, node)
            try:
                handles.append(type(node).register_prehook(node, before))
                handles.append(type(node).register_hook(node, after))
            except Exception:  # a node that takes no hooks is only drawn
                continue
        return handles

    def _mode_is_off(self) -> bool:
        return self.mode is not None and self.mode not in torch.overrides._get_current_function_mode_stack()

    # --- while the engine runs ---

    def _hooks(self, call: Call, position: int, node: Any) -> tuple[Callable[..., None], Callable[..., None]]:
        def before(grad_outputs: Any) -> None:
            if self._is_mine(call):
                call.started[position] = (_nanoseconds(), sequence_nr())

        def after(grad_inputs: Any, grad_outputs: Any) -> None:
            now = _nanoseconds()
            if self._is_mine(call):
                self._ran(call, position, node, grad_inputs, grad_outputs, now)

        return before, after

    def _is_mine(self, call: Call) -> bool:
        """Nested calls share nodes; each hook listens only to the engine task of its own call."""
        task = _current_task()
        owner = self._tasks.get(task)
        if owner is None:
            calls = self._trace.local.calls
            owner = self._tasks[task] = calls[-1] if calls else call
        return owner is call

    def _ran(self, call: Call, position: int, node: Any, grad_inputs: Any, grad_outputs: Any, now: int) -> None:
        call.order.append(position)
        started = call.started.pop(position, None)
        if started is not None:
            call.micros[position] = (now - started[0]) / 1000
            made = sequence_nr()
            if made > started[1]:
                self._made_in_backward(node, started[1], made)
        try:
            if type(node) is AccumulateGrad:
                if grad_outputs[0] is not None:
                    call.accumulated.append(self._tensors.of(node.variable))
            else:
                self._flowed(call, position, grad_inputs)
            self._trace.tick()
        except Exception as exc:
            self._trace.fault(exc)

    def _flowed(self, call: Call, position: int, grad_inputs: Any) -> None:
        nexts = call.walk.nexts[position]
        with unobserved():
            for index, gradient in enumerate(grad_inputs):
                if gradient is not None and index < len(nexts) and nexts[index][0] is not None:
                    preview = _EDGE_PREVIEW if call.full else 0
                    call.gradients[position, index] = summary_of(gradient, preview, call.histograms, call.full)

    def _made_in_backward(self, node: Any, first: int, end: int) -> None:
        """With create_graph, a node's backward makes nodes: they stand where the node itself stands."""
        event = self.event_of(node)
        if event is not None:
            self._trace.claim(first, end, event)

    def _made_between_nodes(self, call: Call, first: int) -> None:
        """With create_graph the engine makes nodes of its own, where gradients are added up: they stand at the call."""
        event = Event(-1, _ENGINE, None, None)
        event.code, event.instruction, event.line = call.code, call.instruction, call.line
        event.recorded = True
        self._trace.claim_unclaimed(first, sequence_nr(), event)

    # --- after ---

    def _end(self, call: Call, t_outputs: Any, handles: list[Any]) -> None:
        for handle in handles:
            handle.remove()
        try:
            if call in self.active:
                self._on_call(call)
            elif call.error is not None and self._failed_left > 0:
                self._failed_left -= 1
                self._nodes_left = max(self._nodes_left, 1000)
                self._bytes_left = max(self._bytes_left, 1000 * _BYTES_PLAIN)
                self.look(call, t_outputs)
                self._on_call(call)
            else:
                self.last_unseen = call
        except Exception as exc:
            self._trace.fault(exc)
        finally:
            if call in self.active:
                self.active.remove(call)
            self._bytes_left -= _bytes_of(call)
            call.walk.let_go()
            call.saved = []
            for task in [task for task, owner in self._tasks.items() if owner is call]:
                del self._tasks[task]

    def failed_before_engine(self, roots: list[Any], kind: str, exc: BaseException, frame: FrameType | None) -> None:
        """A call that raised before it reached the engine (its root is no scalar, shapes differ, …)."""
        if self._failed_left <= 0:
            return
        self._failed_left -= 1
        call = Call(self._trace.calls, kind, frame, [self._tensors.of(t) for t in roots])
        self._trace.calls += 1
        call.error = type(exc).__name__[:256]
        self.look(call, roots)
        self._on_call(call)
        call.walk.let_go()

    def nodes_left(self) -> int:
        """How many more nodes the limits of the run allow to tell."""
        return max(0, min(self._nodes_left, self._bytes_left // _BYTES_PLAIN))

    def event_of(self, node: Any) -> Event | None:
        """The call that made `node`."""
        number = node_sequence_nr(node)
        here = self._trace.local.by_sequence.get(number)
        if here is not None or len(self._trace.threads) == 1:
            return here
        found = {id(e): e for e in (thread.get(number) for thread in list(self._trace.threads)) if e is not None}
        return next(iter(found.values())) if len(found) == 1 else None


def _bytes_of(call: Call) -> int:
    """About what the graph of `call` takes when it is sent."""
    gradients = sum(250 + 22 * len(gradient.preview) for gradient in call.gradients.values())
    return (
        500 * len(call.saved)
        + 130 * sum(len(facts.saved) for facts in call.saved)
        + 150 * min(call.walk.total_edges, 4 * len(call.saved))
        + gradients
    )
