"""The use case: a snippet goes in, a Run comes out, with its findings and, when asked for, its picture.

Server side; the only door between HTTP (or the command line) and everything below it.
"""

from __future__ import annotations

import logging
import secrets
import signal
import time
from collections.abc import AsyncGenerator
from typing import Final, Literal

import anyio
import anyio.to_thread
import msgspec

from app.errors import AppError, CodeNotText, CodeTooLong, NotKept, PictureError, SandboxUnavailable
from app.explain import explain
from app.picture import Painter, View, dot_source
from app.protocol import Ended, Finished, GraphCaptured, Progress, Request, SandboxStatus, Started
from app.run import (
    Graph,
    GraphAddition,
    LimitReached,
    Line,
    Output,
    Picture,
    Run,
    SnippetError,
    Tensor,
    Timings,
)
from app.sandbox import OutputChunk, Runner, RunnerEvent
from app.settings import Settings
from app.store import RunStore

log = logging.getLogger("app.explorer")

BOOT_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 5.0
_MANY_NODES: Final = 2_000
Status = Literal["ok", "error", "killed"]
_LIMIT_OF_OUTCOME: Final = {
    "wall": "wall_seconds",
    "cpu": "cpu_seconds",
    "memory": "memory_bytes",
    "output": "output_bytes",
    "result": "result_bytes",
}


class NoGraph(PictureError):
    """The run has no such graph, or none at all."""

    code = "no_graph"


class Explorer:
    """Runs snippets, keeps the runs, draws them. Built and closed by `app.main`."""

    def __init__(self, settings: Settings, runner: Runner, painter: Painter, store: RunStore) -> None:
        self.settings = settings
        self._runner = runner
        self._painter = painter
        self._store = store
        self._pinned: dict[str, Run] = {}
        self._was_ready = False

    async def run(self, code: str, seed: int = 0, *, picture: bool = False, view: View | None = None) -> Run:
        """One evaluation of `code`; a snippet that fails or is killed is still a Run. Cancelling it kills the child.

        Raises BadSnippet, Overloaded, SandboxUnavailable, WorkerError. A picture that cannot be made is told in
        `picture_problem`.
        """
        code = checked_code(code, self.settings.code_bytes)
        folding = Folding(code, seed, self.settings)
        await self._follow(Request(code=code, seed=seed), folding)
        run = await _explained(folding.run(secrets.token_urlsafe(16)))
        if picture:
            run = await self._with_picture(run, view or View())
        await self._store.put(run)
        return run

    async def picture(self, run: Run, view: View) -> Picture:
        """A drawing of a graph of `run`. Raises PictureError, NoGraph among them."""
        _check_graph(run, view)
        return await self._painter.draw(run, view)

    async def dot(self, run: Run, view: View) -> str:
        """The same graph as DOT text. Raises PictureError."""
        _check_graph(run, view)
        if _node_count(run) < _MANY_NODES:
            return dot_source(run, view)
        return await anyio.to_thread.run_sync(dot_source, run, view)

    async def kept(self, run_id: str) -> Run:
        """A finished run. Raises NotKept."""
        return self._pinned.get(run_id) or await self._store.get(run_id)

    def pin(self, run: Run) -> None:
        """Keeps `run` for as long as this process lives, whoever asks to forget it: it is one of ours."""
        self._pinned[run.id] = run

    async def forget(self, run_id: str) -> None:
        """Raises NotKept when there was nothing to forget, or when the run is pinned."""
        if run_id in self._pinned:
            raise NotKept("This run shows an example to everyone; it is not yours to forget.")
        await self._store.forget(run_id)

    async def status(self) -> SandboxStatus:
        return await self._runner.status()

    async def _follow(self, request: Request, folding: Folding) -> None:
        events = self._runner.run(request)
        try:
            first = await self._first(events)
            folding.take(first)
            async for event in events:
                folding.take(event)
        finally:
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await events.aclose()

    async def _first(self, events: AsyncGenerator[RunnerEvent, None]) -> RunnerEvent:
        """The first event; while the sandbox boots, waits a bounded time for it."""
        with anyio.move_on_after(None if self._was_ready else BOOT_SECONDS):
            async for event in events:
                self._was_ready = True
                return event
            raise SandboxUnavailable("the sandbox ended the run before it began")
        detail = (await self._runner.status()).detail
        raise SandboxUnavailable(detail or "the sandbox is still starting", retry_after_seconds=5)

    async def _with_picture(self, run: Run, view: View) -> Run:
        started = time.perf_counter()
        try:
            drawn, trouble = await self.picture(run, view), None
        except AppError as error:
            drawn, trouble = None, error.code
        timings = msgspec.structs.replace(run.timings, picture_ms=_ms_since(started))
        return msgspec.structs.replace(run, picture=drawn, picture_problem=trouble, timings=timings)


def checked_code(code: str, limit_bytes: int) -> str:
    """`code` without a byte order mark. Raises CodeTooLong, counted in bytes of UTF-8, and CodeNotText."""
    code = code.removeprefix("\ufeff")
    if len(code) > limit_bytes:
        raise CodeTooLong(limit=limit_bytes)
    try:
        size = len(code.encode())
    except UnicodeEncodeError as exc:
        raise CodeNotText(
            f"Half of a character (a lone surrogate) stands on line {_line_of(code, exc.start)}."
        ) from exc
    if size > limit_bytes:
        raise CodeTooLong(limit=limit_bytes)
    if "\0" in code:
        raise CodeNotText(f"A null byte stands on line {_line_of(code, code.index(chr(0)))}.")
    return code


class Folding:
    """Gathers the events of one run; `run` then says what they come to, whether or not the last ones came."""

    def __init__(self, code: str, seed: int, settings: Settings) -> None:
        self._code = code
        self._seed = seed
        self._output_bytes = settings.output_bytes
        self._limits = settings.limits()
        self._started = Started(queued_ms=0.0, layers=(), limits=self._limits)
        self._output = bytearray()
        self._graphs: dict[int, Graph] = {}
        self._last_line: Line | None = None
        self._finished: Finished | None = None
        self._ended: Ended | None = None

    def take(self, event: RunnerEvent) -> None:
        """One more event, in the order in which the runner gives them."""
        match event:
            case Started():
                self._started = event
                self._limits = event.limits
            case OutputChunk():
                if len(self._output) <= self._output_bytes:
                    self._output += event.text.encode(errors="replace")
            case Progress():
                self._last_line = event.line or self._last_line
            case GraphCaptured():
                self._graphs.setdefault(event.graph.id, event.graph)
            case Finished():
                self._finished = self._finished or event
            case Ended():
                self._ended = event

    def run(self, run_id: str) -> Run:
        """The run so far. Ids that lead nowhere are taken out, so that whoever reads it may follow every id."""
        finished = self._finished or Finished()
        ended = self._ended or Ended(outcome="exited", wall_ms=0.0)
        last_line = finished.last_line or self._last_line
        status, limit, error = _verdict(ended, self._finished, self._limits.memory_bytes)
        if status == "killed" and limit is None and error is None:
            error = SnippetError(type="ProcessEnded", message=_end(ended), line=last_line)
        graphs = _joined(self._graphs, finished.additions)
        return Run(
            id=run_id,
            status=status,
            code=self._code,
            seed=self._seed,
            versions=finished.versions,
            timings=Timings(
                queued_ms=self._started.queued_ms,
                run_ms=finished.run_ms if self._finished else ended.wall_ms,
                capture_ms=finished.capture_ms,
            ),
            limits={name: float(value) for name, value in msgspec.structs.asdict(self._limits).items()},
            output=_output(self._output, self._output_bytes),
            tensors=_linked(finished.tensors, graphs),
            graphs=graphs,
            error=error,
            limit=limit,
            last_line=last_line,
            truncated=finished.truncated,
            sandbox=self._started.layers,
        )


def _verdict(
    ended: Ended, finished: Finished | None, memory_bytes: int
) -> tuple[Status, LimitReached | None, SnippetError | None]:
    """What became of the snippet. The supervisor's word decides; what the child said only adds the exception."""
    error = finished.error if finished else None
    if ended.outcome == "finished":
        if error is not None and finished is not None and finished.memory_exhausted:
            return "killed", LimitReached(name="memory_bytes", value=float(memory_bytes)), error
        return ("error" if error else "ok"), None, error
    name = ended.limit_name or _LIMIT_OF_OUTCOME.get(ended.outcome)
    if name is not None:
        return "killed", LimitReached(name=name, value=ended.limit_value or 0.0), error
    return "killed", None, error


def _end(ended: Ended) -> str:
    """How a process ended that no limit stopped and that did not report."""
    if ended.outcome == "protocol":
        return "the process that ran the snippet sent something else than a report"
    if ended.signal is not None:
        return f"the process that ran the snippet died of signal {ended.signal} ({_signal_name(ended.signal)})"
    code = "" if ended.exit_code is None else f" with exit code {ended.exit_code}"
    return f"the process that ran the snippet ended{code} before it could report"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _joined(graphs: dict[int, Graph], additions: tuple[GraphAddition, ...]) -> tuple[Graph, ...]:
    """The graphs in their order, each with what was found after its call."""
    joined = dict(graphs)
    for addition in additions:
        graph = joined.get(addition.graph)
        if graph is not None:
            joined[graph.id] = msgspec.structs.replace(
                graph, nodes=graph.nodes + addition.nodes, edges=graph.edges + addition.edges
            )
    return tuple(_sound(graph) for graph in joined.values())


def _sound(graph: Graph) -> Graph:
    """`graph` without second nodes of one id and without ids of nodes that it has not."""
    nodes = {node.id: node for node in reversed(graph.nodes)}
    unique = graph.nodes if len(nodes) == len(graph.nodes) else tuple(reversed(nodes.values()))
    return msgspec.structs.replace(
        graph,
        nodes=unique,
        edges=tuple(edge for edge in graph.edges if edge.source in nodes and edge.target in nodes),
        roots=tuple(node for node in graph.roots if node in nodes),
        order=tuple(node for node in graph.order if node in nodes),
    )


def _linked(tensors: tuple[Tensor, ...], graphs: tuple[Graph, ...]) -> tuple[Tensor, ...]:
    """`tensors`, one of each id, without references to nodes that are not there."""
    known = {(graph.id, node.id) for graph in graphs for node in graph.nodes}
    first = {tensor.id: tensor for tensor in reversed(tensors)}
    kept = tensors if len(first) == len(tensors) else tuple(reversed(first.values()))
    return tuple(
        msgspec.structs.replace(tensor, grad_fn=None)
        if tensor.grad_fn is not None and (tensor.grad_fn.graph, tensor.grad_fn.node) not in known
        else tensor
        for tensor in kept
    )


def _output(written: bytearray, limit_bytes: int) -> Output:
    # The sandbox passes on no more than the limit, so that reaching it is all that can be seen of what is missing.
    return Output(text=written[:limit_bytes].decode(errors="ignore"), truncated=len(written) >= limit_bytes)


async def _explained(run: Run) -> Run:
    started = time.perf_counter()
    try:
        explained = await anyio.to_thread.run_sync(explain, run) if _node_count(run) > _MANY_NODES else explain(run)
    except Exception:
        # A run holds whatever a hostile child made up; a rule that trips over it must not lose the run.
        log.exception("run %s could not be explained", run.id)
        explained = run
    timings = msgspec.structs.replace(explained.timings, explain_ms=_ms_since(started))
    return msgspec.structs.replace(explained, timings=timings)


def _check_graph(run: Run, view: View) -> None:
    if not run.graphs:
        raise NoGraph("The run built no graph." if run.error is None else f"The run ended with {run.error.type}.")
    if view.graph is not None and all(graph.id != view.graph for graph in run.graphs):
        raise NoGraph(f"The run has no graph {view.graph}.")


def _node_count(run: Run) -> int:
    return sum(len(graph.nodes) for graph in run.graphs)


def _line_of(code: str, position: int) -> int:
    return code.count("\n", 0, position) + 1


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
