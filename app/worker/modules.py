"""Paths of modules (`encoder.layers.3.linear1`), kept while their `__call__` runs. Inside the sandbox."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch

from app.worker.text import sendable
from app.worker.trace import Trace

_MOST_MODULES = 20_000


class Modules:
    """Names modules after the variable that holds them, else after their class."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._paths: dict[int, tuple[weakref.ref[Any], str]] = {}

    def bind(self, module: Any, name: str) -> None:
        """A variable holds `module`: name it and its parts, unless a variable did before."""
        if self._known(module) is None:
            self._register(module, name)

    def call(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """`nn.Module.__call__` that tells the trace which module runs."""
        local = self._trace.local
        is_compiling = torch.compiler.is_compiling

        def __call__(module: Any, *args: Any, **kwargs: Any) -> Any:
            if is_compiling():
                return original(module, *args, **kwargs)
            running = local.modules
            running.append((module, self._path(module, running)))
            try:
                return original(module, *args, **kwargs)
            finally:
                running.pop()

        return __call__

    def _path(self, module: Any, running: list[tuple[Any, str]]) -> str:
        known = self._known(module)
        if known is not None:
            return known
        name = type(module).__name__
        if running:
            self._register(running[0][0], running[0][1])
            known = self._known(module)
            if known is not None:
                return known
            name = f"{running[-1][1]}.{name}"
        self._register(module, name)
        return sendable(name)

    def _known(self, module: Any) -> str | None:
        found = self._paths.get(id(module))
        return found[1] if found is not None and found[0]() is module else None

    def _register(self, module: Any, name: str) -> None:
        try:
            for inner_name, inner in torch.nn.Module.named_modules(module):
                if len(self._paths) >= _MOST_MODULES:
                    return
                path = f"{name}.{inner_name}" if inner_name else name
                if self._known(inner) is None:
                    self._paths[id(inner)] = (weakref.ref(inner), sendable(path))
        except Exception:
            self._paths[id(module)] = (weakref.ref(module), sendable(name))
