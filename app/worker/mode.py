"""The function mode: sees every call of PyTorch's public functions. Inside the sandbox."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from app.worker.apis import Kind, api_of
from app.worker.trace import Trace, sequence_nr

_is_compiling: Callable[[], bool] = torch.compiler.is_compiling
_getframe = sys._getframe


class Mode(TorchFunctionMode):  # type: ignore[misc]
    """Passes every call through unchanged and tells the trace. It is off inside the call it passes through."""

    def __init__(self, trace: Trace, special: dict[Kind, Callable[..., Any]]) -> None:
        super().__init__()
        self._trace = trace
        self._special = special

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if _is_compiling():
            return func(*args, **kwargs) if kwargs else func(*args)
        api = api_of(func)
        if api.kind is Kind.IGNORED:
            return func(*args, **kwargs) if kwargs else func(*args)
        if api.kind is not Kind.OPERATION:
            return self._special[api.kind](api, func, args, kwargs or {})
        first = sequence_nr()
        try:
            result = func(*args, **kwargs) if kwargs else func(*args)
        except BaseException as exc:
            self._trace.failed(args, exc)
            raise
        try:
            self._trace.operation(api, first, args, kwargs, result, _getframe(1))
        except Exception as exc:
            self._trace.fault(exc)
        return result
