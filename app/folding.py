"""From the events of one run to the Run: what they come to, whether or not the last ones came. Pure.

What the child said was checked for its shape only; here its ids are made to lead somewhere.
"""

from __future__ import annotations

import re
import signal
from typing import Final, Literal

import msgspec

from app.protocol import Ended, Finished, GraphCaptured, Progress, Started
from app.run import (
    Graph,
    GraphAddition,
    LimitReached,
    Line,
    Output,
    Run,
    SnippetError,
    Tensor,
    Timings,
)
from app.sandbox import OutputChunk, RunnerEvent
from app.settings import Settings

Status = Literal["ok", "error", "killed"]
_LIMIT_OF_OUTCOME: Final = {
    "wall": "wall_seconds",
    "cpu": "cpu_seconds",
    "memory": "memory_bytes",
    "output": "output_bytes",
    "result": "result_bytes",
}
# What Python's `faulthandler` writes last in a process that crashes.
_CRASH_REPORT: Final = re.compile(r"Fatal Python error: [^\n]*\n\n[^\n]*\(most recent call first\):\n(.*)\Z", re.DOTALL)
_CRASHED_ON: Final = re.compile(r'^  File "<snippet>", line (\d{1,7}) in ', re.MULTILINE)


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
        output = _output(self._output, self._output_bytes, ended.output_truncated)
        last_line = finished.last_line or self._last_line
        if self._finished is None and ended.outcome in ("signal", "wall"):
            output, crashed_on = _without_crash_report(output)
            last_line = crashed_on or last_line
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
            output=output,
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
    if ended.outcome == "finished" and finished is not None and finished.stopped:
        return "killed", None, error
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
    if ended.outcome == "finished":
        return "the snippet was asked to stop before its end"
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


def _output(written: bytearray, limit_bytes: int, truncated: bool) -> Output:
    # Bytes that were not UTF-8 grow when they are decoded, so the text can be over the limit where the bytes were not.
    text = written[:limit_bytes].decode(errors="ignore")
    return Output(text=text, truncated=truncated or len(written) > limit_bytes)


def _without_crash_report(output: Output) -> tuple[Output, Line | None]:
    """What the snippet itself wrote, and the line that it crashed on when a report after that tells."""
    start = output.text.rfind("Fatal Python error: ")
    report = _CRASH_REPORT.match(output.text, start) if start >= 0 else None
    if report is None:
        return output, None
    line = _CRASHED_ON.search(report[1])
    return msgspec.structs.replace(output, text=output.text[:start]), int(line[1]) or None if line else None
