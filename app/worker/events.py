"""What is kept of one forward operation. Inside the sandbox."""

from __future__ import annotations

from types import CodeType, FrameType

from app.worker.apis import Api
from app.worker.places import sane_line
from app.worker.tensors import Seen


class Site:
    """One call expression of the snippet; `light` stands for its calls once there were too many to keep each."""

    __slots__ = ("calls", "code", "instruction", "light", "line")

    def __init__(self, frame: FrameType) -> None:
        self.code: CodeType = frame.f_code
        self.instruction = frame.f_lasti
        self.line = sane_line(frame.f_lineno)
        self.calls = 0
        self.light: Event | None = None


class Event:
    """One call of a PyTorch function. `wanted[i]`: `ins[i]` required grad; `recorded`: nodes came of it.

    `code` and `instruction` tell where the snippet was; they are turned into columns only when somebody asks.
    `switch_line` is where grad or inference mode was switched, when that kept the call from being recorded.
    """

    __slots__ = (
        "api", "code", "inference", "ins", "instruction", "last", "left", "line", "module", "number", "off", "outs",
        "recorded", "switch_line", "wanted",
    )  # fmt: skip

    def __init__(self, number: int, api: Api, site: Site | None, module: str | None) -> None:
        self.number = number
        self.api = api
        self.module = module
        self.code: CodeType | None = None
        self.instruction = 0
        self.line: int | None = None
        if site is not None:
            self.code = site.code
            self.instruction = site.instruction
            self.line = site.line
        self.ins: tuple[Seen, ...] = ()
        self.outs: tuple[Seen, ...] = ()
        self.wanted: tuple[bool, ...] = ()
        self.left: tuple[Event, ...] = ()
        self.recorded = False
        self.last = -1
        self.off = False
        self.inference = False
        self.switch_line: int | None = None
