"""The boot self-test: before a zygote serves, one of its children tries to break out. Runs in the supervisor.

A layer stands when the child reported it in place and none of the canaries that lean on it got through. What this one
child says can be believed: it runs our own snippet, and nothing foreign ever ran in its zygote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from app.protocol import FILE_LAYERS, OPTIONAL_LAYERS, REQUIRED_LAYERS, Confined, Ended, Job, Layer, Limits
from app.run import Value
from app.sandbox.canaries import CANARIES, CANARY_SNIPPET
from app.sandbox.child import Child, ChildFault
from app.sandbox.exchange import Exchange

_FILES = "files"
_OUTPUT_BYTES = 2**16


class SelfTest(Value, frozen=True):
    """What was seen to stand. `missing` says of each required layer that does not, why."""

    layers: tuple[Layer, ...]
    missing: tuple[str, ...]


class _Collected:
    """A sink that keeps the output."""

    def __init__(self) -> None:
        self.written = bytearray()

    def output(self, data: bytes) -> None:
        self.written += data

    def frame(self, payload: bytes) -> None:
        pass


async def self_test(child: Child, confined: Confined, limits: Limits, seconds: float) -> SelfTest:
    """Let the canaries loose in a confined child. Raises ChildFault when they do not come to an end."""
    sink = _Collected()
    limits = replace(limits, wall_seconds=seconds, output_bytes=_OUTPUT_BYTES)  # however tight the operator's are
    try:
        async with asyncio.timeout(seconds):
            ended = await Exchange(child, Job(CANARY_SNIPPET, 0, limits), sink, stop_grace_seconds=1.0).run()
    except TimeoutError:
        raise ChildFault(f"the self-test took longer than {seconds:g} s") from None
    lines = bytes(sink.written).decode(errors="replace").splitlines()
    return judge(confined.layers, [*lines, *_end_of(ended)])


def _end_of(ended: Ended) -> list[str]:
    """A self-test that was cut short proves nothing."""
    if ended.outcome == "finished":
        return []
    how = ended.detail or ended.signal or ended.exit_code or ""
    raise ChildFault(f"the self-test ended with {ended.outcome} {how}".strip())


def judge(reported: tuple[str, ...], lines: Iterable[str]) -> SelfTest:
    """What stands, by the child's report of its layers and the lines that the canaries printed."""
    said: dict[tuple[str, str], set[str]] = {}
    for line in lines:
        match line.split(maxsplit=3):
            case ["canary", layer, name, verdict]:
                said.setdefault((layer, name), set()).add(verdict)
    faults = {layer: name for layer, name in CANARIES if said.get((layer, name)) != {"held"}}
    layers = [_layer(name, True, name in reported, faults.get(name)) for name in REQUIRED_LAYERS]
    layers += _file_layers(reported, faults.get(_FILES))
    layers += [_layer(name, False, name in reported, None) for name in OPTIONAL_LAYERS]
    missing = tuple(f"{layer.name}: {layer.detail}" for layer in layers if layer.required and not layer.stands)
    return SelfTest(layers=tuple(layers), missing=missing)


def _file_layers(reported: tuple[str, ...], fault: str | None) -> list[Layer]:
    """Either of them will do; when neither stands, the first is the one that is missing."""
    present = [name for name in FILE_LAYERS if name in reported] or [FILE_LAYERS[0]]
    return [_layer(name, name in present, name in reported, fault if name in present else None) for name in FILE_LAYERS]


def _layer(name: str, required: bool, reported: bool, fault: str | None) -> Layer:
    if not reported:
        return Layer(name=name, required=required, stands=False, detail="not in place")
    return Layer(name=name, required=required, stands=fault is None, detail=f"canary {fault} got out" if fault else "")
