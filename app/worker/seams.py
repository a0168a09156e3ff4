"""Where capture takes hold of PyTorch, and lets go again. Inside the sandbox.

The engine's entry (both names it is known by), one function mode, `autograd.Function.apply`, `nn.Module.__call__`,
`inference_mode`, new threads, and `swap_tensors`, which refuses tensors that somebody watches.
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
import torch.autograd.graph
import torch.utils

from app.worker.apis import Api, Kind, gather_names
from app.worker.engine import Engine
from app.worker.mode import Mode
from app.worker.modules import Modules
from app.worker.places import calling_frame, line_of, snippet_frame
from app.worker.program import FILENAME, PROBE
from app.worker.tensors import Tensors, tensors_in
from app.worker.text import sendable
from app.worker.trace import Trace, sequence_nr
from app.worker.unnoticed import Unnoticed

_DECORATED = "decorate_context"
_APPLY = Api(Kind.OPERATION, "torch.autograd.Function.apply", "apply")


class Seams:
    """Everything that is patched while a snippet runs. Use as a context manager; afterwards PyTorch is as before."""

    def __init__(
        self, trace: Trace, tensors: Tensors, engine: Engine, modules: Modules, bound: Callable[..., None]
    ) -> None:
        self._trace = trace
        self._tensors = tensors
        self._engine = engine
        self._bound = bound
        self._modules = modules
        self._undo: list[tuple[Any, str, Any]] = []
        self._unnoticed = Unnoticed()
        self.mode = Mode(
            trace,
            {
                Kind.GRAD_MODE: self._grad_mode,
                Kind.CALL: self._call,
                Kind.GET_GRAD: self._get_grad,
                Kind.SET_GRAD: self._set_grad,
                Kind.SET_REQUIRES_GRAD: self._set_requires_grad,
                Kind.RETAIN_GRAD: self._retain_grad,
                Kind.LEAVES: self._leaves,
            },
        )

    def __enter__(self) -> Seams:
        engine = self._engine
        engine.mode = self.mode
        gather_names()

        def _engine_run_backward(t_outputs: Any, *args: Any, **kwargs: Any) -> Any:
            return engine.run_backward(t_outputs, *args, **kwargs)

        self._patch(torch.autograd.graph, "_engine_run_backward", _engine_run_backward)
        self._patch(torch.autograd, "_engine_run_backward", _engine_run_backward)
        self._patch(torch.autograd.Function, "apply", classmethod(self._apply()))
        self._patch(torch.nn.Module, "__call__", self._modules.call(torch.nn.Module.__call__))
        self._patch(torch.autograd.grad_mode.inference_mode, "__enter__", self._inference_mode())
        self._patch(torch.utils, "swap_tensors", self._swap_tensors(torch.utils.swap_tensors))
        self._patch(threading.Thread, "run", self._thread(threading.Thread.run))
        self._unnoticed.__enter__()
        setattr(builtins, PROBE, self._bound)
        self.mode.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        stack = torch.overrides._get_current_function_mode_stack()
        if stack and stack[-1] is self.mode:
            self.mode.__exit__(None, None, None)
        self._unnoticed.__exit__()
        setattr(builtins, PROBE, _unheard)  # the snippet's functions may be called once more: threads, __del__
        while self._undo:
            owner, name, before = self._undo.pop()
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    def _patch(self, owner: Any, name: str, replacement: Any) -> None:
        self._undo.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, replacement)

    # --- calls with a meaning of their own ---

    def _grad_mode(self, api: Api, func: Any, args: Any, kwargs: Any) -> Any:
        was_on = torch.is_grad_enabled()
        result = func(*args, **kwargs)
        if was_on and args and not args[0] and not _leaving(sys._getframe(2)):
            self._trace.local.off_line = _switch_line(sys._getframe(2))
        return result

    def _call(self, api: Api, func: Any, args: Any, kwargs: Any) -> Any:
        before = self._trace.calls
        self._trace.last_line = line_of(sys._getframe(2)) or self._trace.last_line
        try:
            return func(*args, **kwargs)
        except BaseException as exc:
            if self._trace.calls == before and not isinstance(exc, TypeError):
                outputs = args[0] if args else kwargs.get("tensors", kwargs.get("outputs"))
                kind = "grad" if api.name == "grad" else "backward"
                self._engine.failed_before_engine(list(tensors_in((outputs,))), kind, exc, calling_frame())
            raise

    def _get_grad(self, api: Api, func: Any, args: Any, kwargs: Any) -> Any:
        gradient = func(*args, **kwargs)
        if gradient is not None and not args[0]._is_view():
            self._tensors.of(gradient).gradient_of = self._tensors.of(args[0])
        return gradient

    def _set_grad(self, api: Api, func: Any, args: Any, kwargs: Any) -> Any:
        tensor = args[0]
        had = tensor.is_leaf and tensor.grad is not None if not tensor._is_view() else False
        result = func(*args, **kwargs)
        if had and (len(args) < 2 or args[1] is None):
            self._happened(tensor, "grad_cleared")
        return result

    def _set_requires_grad(self, api: Api, func: Any, args: Any, kwargs: Any) -> Any:
        tensor = args[0]
        before = tensor.requires_grad
        result = func(*args, **kwargs)
        after = tensor.requires_grad
        if before != after:
            self._happened(tensor, "requires_grad_on" if after else "requires_grad_off")
        return result

    def _retain_grad(self, api: Api, func: Any, args: Any, kwargs: Any) -> Any:
        result = func(*args, **kwargs)
        self._happened(args[0], "retain_grad")
        return result

    def _happened(self, tensor: Any, what: str) -> None:
        frame = snippet_frame(sys._getframe(3))
        line = frame.f_lineno if frame else None
        seen = self._tensors.of(tensor)
        if seen.first_line is None:
            seen.first_line = line
        seen.happened(what, line, self._trace.calls)

    def _leaves(self, api: Api, func: Any, args: Any, kwargs: Any) -> Any:
        result = func(*args, **kwargs)
        try:
            self._trace.left(api, args, result, sys._getframe(2))
        except Exception as exc:
            self._trace.fault(exc)
        return result

    # --- patched functions ---

    def _apply(self) -> Callable[..., Any]:
        original = torch.autograd.Function.__dict__["apply"].__func__
        trace = self._trace

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return original(cls, *args, **kwargs)
            first = sequence_nr()
            trace.local.in_function += 1
            try:
                result = original(cls, *args, **kwargs)
            finally:
                trace.local.in_function -= 1
            try:
                name = sendable(str(cls.__name__), 200)
                api = Api(Kind.OPERATION, f"{name}.apply", name)
                with torch._C.DisableTorchFunction():
                    trace.operation(api, first, args, kwargs, result, sys._getframe(1))
            except Exception as exc:
                trace.fault(exc)
            return result

        return apply

    def _inference_mode(self) -> Callable[..., Any]:
        original = torch.autograd.grad_mode.inference_mode.__enter__
        trace = self._trace

        def __enter__(mode: Any) -> Any:
            if not torch.is_inference_mode_enabled():
                trace.local.inference_line = _switch_line(sys._getframe(1))
            return original(mode)

        return __enter__

    def _swap_tensors(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def swap_tensors(t1: Any, t2: Any) -> Any:
            self._tensors.forget(t1)
            self._tensors.forget(t2)
            return original(t1, t2)

        return swap_tensors

    def _thread(self, original: Callable[..., Any]) -> Callable[..., Any]:
        mode = self.mode

        def run(thread: Any) -> None:
            with mode:
                original(thread)

        return run


_ABSENT = object()


def _unheard(number: int, value: Any) -> None:
    """The probe when nobody listens."""


def _leaving(frame: FrameType | None) -> bool:
    """Whether grad mode is being put back by the end of a `with` block."""
    for _ in range(3):
        if frame is None or frame.f_code.co_filename == FILENAME:
            return False
        if frame.f_code.co_name == "__exit__":
            return True
        frame = frame.f_back
    return False


def _switch_line(frame: FrameType | None) -> int | None:
    """The line that switched the mode: of the `with`, of the call, or of the decorator that did it."""
    while frame is not None and frame.f_code.co_filename != FILENAME:
        if frame.f_code.co_name == _DECORATED:
            code = getattr(frame.f_locals.get("func"), "__code__", None)
            if code is not None and code.co_filename == FILENAME:
                return int(code.co_firstlineno)  # of the first decorator
        frame = frame.f_back
    return None if frame is None else frame.f_lineno
