"""A Runner without a sandbox: replays events, and tells what became of the run. For tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from app.errors import AppError
from app.protocol import Ended, Finished, GraphCaptured, Layer, Limits, Request, SandboxStatus, Started
from app.run import Edge, Graph, HistoryEntry, Node, NodeRef, Tensor, TensorMeta, TensorSummary, Versions
from app.sandbox.runner import OutputChunk, RunnerEvent

STARTED = Started(queued_ms=0.5, layers=("seccomp", "landlock"), limits=Limits())
ENDED = Ended(outcome="finished", wall_ms=7.0)


def number(value: float) -> TensorSummary:
    return TensorSummary(shape=(), dtype="float32", numel=1, norm=abs(value), preview=(value,))


GRAPH = Graph(
    id=0,
    kind="backward",
    line=3,
    call="loss.backward()",
    roots=(0,),
    order=(0, 1),
    accumulates=(0,),
    nodes=(
        Node(
            id=0,
            kind="op",
            name="MulBackward0",
            line=2,
            tensors=(1,),
            outputs=(TensorMeta((), "float32"),),
            executed=True,
        ),
        Node(id=1, kind="accumulate_grad", name="AccumulateGrad", tensors=(0,), executed=True),
    ),
    edges=(Edge(source=0, target=1, gradient=number(3.0)),),
)
TENSORS = (
    Tensor(
        id=0,
        names=("w",),
        line=1,
        shape=(),
        dtype="float32",
        requires_grad=True,
        values=number(2.0),
        grad=number(3.0),
        history=(HistoryEntry("made", 1),),
    ),
    Tensor(
        id=1,
        names=("loss",),
        line=2,
        shape=(),
        dtype="float32",
        requires_grad=True,
        is_leaf=False,
        grad_fn=NodeRef(0, 0),
        grad_fn_name="MulBackward0",
        values=number(6.0),
    ),
)
FINISHED = Finished(tensors=TENSORS, versions=Versions(torch="2.13.0", python="3.11.7"), run_ms=1.0, capture_ms=0.5)
EVENTS: tuple[RunnerEvent, ...] = (STARTED, OutputChunk("six\n"), GraphCaptured(GRAPH), FINISHED, ENDED)


class StubRunner:
    """Answers every run with `events`; raises `refuses` instead when it is set; with `hangs`, never ends a run."""

    def __init__(self, events: Sequence[RunnerEvent] = EVENTS) -> None:
        self.events = events
        self.refuses: AppError | Exception | None = None
        self.hangs = False
        self.ready = True
        self.requests: list[Request] = []
        self.running = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.closed = False

    async def start(self) -> None:
        pass

    async def run(self, request: Request) -> AsyncGenerator[RunnerEvent, None]:
        self.requests.append(request)
        if self.refuses is not None:
            raise self.refuses
        try:
            for event in self.events:
                if self.hangs and isinstance(event, Ended):
                    self.running.set()
                    await asyncio.Event().wait()
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise

    async def status(self) -> SandboxStatus:
        return SandboxStatus(
            ready=self.ready,
            detail="" if self.ready else "the zygote is starting",
            layers=(Layer(name="seccomp", required=True, stands=True),),
            running=0,
            waiting=0,
            spares=1,
            concurrency=2,
            queue=32,
        )

    async def close(self) -> None:
        self.closed = True
