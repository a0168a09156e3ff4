"""Forward operations as they are called, each with its line. Inside the sandbox.

One function mode sees every call of PyTorch's public functions. The nodes a call made are those whose sequence number
lies in the range that the counter went through meanwhile, so no node is touched while the snippet runs forward.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch

from app.worker.apis import Api
from app.worker.events import Event, Site
from app.worker.program import FILENAME
from app.worker.tensors import Seen, Tensors, tensors_in

sequence_nr: Callable[[], int] = torch._C._autograd._get_sequence_nr
_monotonic = time.monotonic
_Tensor: Any = torch.Tensor
_SEQUENCES = (list, tuple, dict)
_PROGRESS_SECONDS = 0.1
_MOST_RANGE = 1_000_000
_MOST_KEPT = 2_000_000
_MOST_AT_SITE = 5_000


class ThreadState(threading.local):
    """What belongs to one thread: sequence numbers are counted per thread, and so is everything kept by them."""

    def __init__(self, register: Callable[[dict[int, Event]], None]) -> None:
        self.by_sequence: dict[int, Event] = {}
        self.modules: list[tuple[Any, str]] = []
        self.calls: list[Any] = []
        self.in_function = 0
        self.off_line: int | None = None
        self.inference_line: int | None = None
        register(self.by_sequence)


class Trace:
    """All events of a run, at most `limit` with their tensors; later ones only tell the line of their nodes."""

    def __init__(self, tensors: Tensors, limit: int, on_progress: Callable[[int | None, str], None]) -> None:
        self.tensors = tensors
        self.threads: list[dict[int, Event]] = []
        self.local = ThreadState(self.threads.append)
        self.count = 0
        self.truncated = False
        self.muted = False
        self.calls = 0
        self.last_line: int | None = None
        self._operands: tuple[Seen, ...] = ()
        self._raised = 0
        self.faults: list[str] = []
        self._sites: dict[tuple[int, int], Site] = {}
        self.left_values: dict[Any, Event] = {}
        self._left_alive: list[Any] = []  # an identity is another's once its object has died
        self._limit = limit
        self._on_progress = on_progress
        self._next_progress = _monotonic() + _PROGRESS_SECONDS

    # --- called by the seams ---

    def operation(
        self, api: Api, first: int, args: Any, kwargs: Any, result: Any, frame: FrameType | None
    ) -> Event | None:
        """Keep that `api` was called: which tensors went in and came out, and which nodes it made."""
        state = self.local
        end = sequence_nr()
        while frame is not None and frame.f_code.co_filename != FILENAME:
            frame = frame.f_back
        if frame is None:
            if end > first:
                self._claim(state, first, end, Event(-1, api, None, None))
            return None
        site = self._site(frame)
        if self.muted or state.in_function or state.calls or site.calls > _MOST_AT_SITE:
            if end > first:
                self._claim(state, first, end, self._light(state, site, api))
            self.tick()
            return None
        modules = state.modules
        event = Event(self.count, api, site, modules[-1][1] if modules else None)
        if end > first:
            event.recorded = True
            event.last = end - 1
            self._claim(state, first, end, event)
        self._link(state, event, args, kwargs, result)
        self.count += 1
        if self.count >= self._limit:
            self.muted = self.truncated = True
        self.tick()
        return event

    def _site(self, frame: FrameType) -> Site:
        """The site where `frame` stands. Keyed by identity: hashing code objects is slow."""
        key = (id(frame.f_code), frame.f_lasti)
        site = self._sites.get(key)
        if site is None or site.code is not frame.f_code:
            site = self._sites[key] = Site(frame)
        site.calls += 1
        self.last_line = site.line
        return site

    def _light(self, state: ThreadState, site: Site, api: Api) -> Event:
        """An event that only tells where its nodes come from; one serves all calls of a site."""
        if site.light is None or site.light.api is not api:
            site.light = Event(-1, api, site, state.modules[-1][1] if state.modules else None)
            site.light.recorded = True
        return site.light

    def fault(self, exc: BaseException) -> None:
        """Capture itself went wrong somewhere: the run goes on, and says that not everything is told."""
        self.truncated = True
        if len(self.faults) < 20:
            self.faults.append(f"{type(exc).__name__}: {exc} ({_origin(exc)})")

    def failed(self, args: Any, exc: BaseException) -> None:
        """An operation raised: keep what it was given, for the explanation."""
        self._raised = id(exc)
        try:
            self._operands = tuple(self.tensors.of(tensor) for tensor in list(tensors_in(args))[:8])
        except Exception:
            self._operands = ()

    def operands_of(self, exc: BaseException) -> tuple[Seen, ...]:
        """The tensors given to the operation that raised `exc`."""
        if self._raised != id(exc):
            return ()
        entry = exc.__traceback__
        while entry is not None and entry.tb_frame.f_code.co_name != "__torch_function__":
            entry = entry.tb_next
        return self._operands if entry is not None else ()  # else another exception, where the first one lay in memory

    def tick(self) -> None:
        """Tell where the snippet is, seldom."""
        now = _monotonic()
        if now > self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            self._on_progress(self.last_line, "backward" if self.local.calls else "running")

    def _claim(self, state: ThreadState, first: int, end: int, event: Event) -> None:
        """Nodes numbered from `first` to before `end` are the event's, but for those that a call inside it made."""
        by_sequence = state.by_sequence
        if len(by_sequence) > _MOST_KEPT:
            by_sequence.clear()
        if end - first == 1:
            by_sequence[first] = event
            return
        self.claim_unclaimed(first, end, event)

    def claim_unclaimed(self, first: int, end: int, event: Event) -> None:
        """Those of the nodes that are nobody's yet are the event's."""
        by_sequence = self.local.by_sequence
        for number in range(first, min(end, first + _MOST_RANGE)):
            by_sequence.setdefault(number, event)

    def claim(self, first: int, end: int, event: Event) -> None:
        self._claim(self.local, first, end, event)

    def _link(self, state: ThreadState, event: Event, args: Any, kwargs: Any, result: Any) -> None:
        of = self.tensors.of
        ins: list[Seen] = []
        wanted: list[bool] = []
        if kwargs:
            args = (*args, *kwargs.values())
        for arg in args:
            if isinstance(arg, _Tensor):
                ins.append(of(arg))
                wanted.append(arg.requires_grad)
            elif isinstance(arg, _SEQUENCES):
                for inner in tensors_in((arg,)):
                    ins.append(of(inner))
                    wanted.append(inner.requires_grad)
        if isinstance(result, _Tensor):
            made = of(result)
            event.outs = (made,)
            if made not in ins:
                if made.event is None or event.recorded or not made.event.recorded:
                    made.event = event
                made.requires_grad = result.requires_grad
            elif event.recorded:
                made.event = event
                made.requires_grad = result.requires_grad
        elif isinstance(result, _SEQUENCES):
            event.outs = tuple([of(inner) for inner in tensors_in((result,))])
            for made in event.outs:
                if made not in ins or event.recorded:
                    made.event = event
        event.ins = tuple(ins)
        event.wanted = tuple(wanted)
        line = event.line
        for seen in ins:
            if seen.first_line is None:
                seen.first_line = line
        for seen in event.outs:
            if seen.first_line is None:
                seen.first_line = line
        if event.api.mutates and ins:
            self._mutated(event, args)
        if not event.recorded:
            self._off(state, event)
            if not ins:
                self._rewrapped(event, args)

    def _mutated(self, event: Event, args: Any) -> None:
        first = args[0] if args else None
        changed = [first] if isinstance(first, _Tensor) else list(tensors_in((first,)))
        cleared = event.api.name in ("zero_", "_foreach_zero_")
        for tensor in changed[:1000]:
            seen = self.tensors.of(tensor)
            if cleared and seen.gradient_of is not None:
                seen.gradient_of.happened("grad_cleared", event.line, self.calls)
            seen.happened("modified_in_place", event.line, self.calls)
            base = tensor._base
            if base is not None and base is not tensor:
                self.tensors.of(base).happened("modified_in_place", event.line, self.calls)

    def _off(self, state: ThreadState, event: Event) -> None:
        event.inference = torch.is_inference_mode_enabled()
        event.off = not torch.is_grad_enabled()
        if event.inference:
            event.switch_line = state.inference_line
        elif event.off:
            event.switch_line = state.off_line

    # --- values that leave tensors and come back as new ones ---

    def left(self, api: Api, args: Any, result: Any, frame: FrameType | None) -> None:
        """A tensor's value became a Python or NumPy value. Only those of tensors that require grad matter."""
        event = self.operation(api, sequence_nr(), args[:1], None, None, frame)
        if event is None or not event.ins:
            return
        made_by = event.ins[0].event
        if not event.wanted[0] and (made_by is None or made_by.recorded or not made_by.ins):
            return
        if len(self.left_values) > 10_000:
            self.left_values.clear()
            self._left_alive.clear()
        self._left_alive.append(result if type(result) in (float, list) else None)
        for value in _numbers(result):
            self.left_values[value] = event

    def _rewrapped(self, event: Event, args: Any) -> None:
        """A tensor made of plain values: when one of them left a tensor before, it came from there."""
        if self.left_values and event.outs:
            found = {self.left_values[v].number: self.left_values[v] for v in _numbers(args) if v in self.left_values}
            event.left = tuple(found.values())


def _origin(exc: BaseException) -> str:
    entry = exc.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    return "" if entry is None else f"{entry.tb_frame.f_code.co_name}:{entry.tb_lineno}"


def _numbers(value: Any) -> list[Any]:
    """Up to 64 numbers (or the identity of an array) by which a value can be known again. Where 0 and 1 come from, only
    the identity of a float tells."""
    numbers: list[Any] = []
    pending = [value]
    while pending and len(numbers) < 64:
        part = pending.pop()
        kind = type(part)
        if kind is float or kind is int:
            if part not in (0, 1, -1, 2):
                numbers.append(part)
            elif kind is float:
                numbers.append(("float", id(part)))
        elif kind is list or kind is tuple:
            pending.extend(part[:64])
        elif kind.__module__ == "numpy":
            numbers.append(("array", id(part)))
    return numbers
