"""Evaluate snippets with the worker's own `Evaluation`, without a sandbox: one subprocess for all, one fork for each.

For tests of what a run contains. Nothing here stands between a snippet and the machine, so only our own snippets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from app.protocol import Finished, GraphCaptured, Job, Limits, Progress, decode_from_child, encode
from app.run import Graph, LimitReached, Output, Run, Timings, Value

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 300.0
EACH_SECONDS = 60.0


def evaluate_snippets(snippets: dict[str, str], *, seed: int = 0, limits: Limits | None = None) -> dict[str, Run]:
    """The run of each snippet, as the explorer would put it together, before findings and picture."""
    limits = limits or Limits()
    with tempfile.TemporaryDirectory() as folder:
        names = list(snippets)
        for number, name in enumerate(names):
            Path(folder, f"{number}.job").write_bytes(encode(Job(snippets[name], seed, limits)))
        command = [sys.executable, "-m", "tests.evaluate_plain", folder, str(len(names))]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        subprocess.run(command, cwd=ROOT, env=environment, timeout=PATIENCE_SECONDS, check=True)
        return {name: _run(Path(folder), number, snippets[name], seed, limits) for number, name in enumerate(names)}


def _run(folder: Path, number: int, code: str, seed: int, limits: Limits) -> Run:
    lines = (folder / f"{number}.messages").read_bytes().splitlines()
    messages = [decode_from_child(line) for line in lines]
    graphs = {m.graph.id: m.graph for m in messages if isinstance(m, GraphCaptured)}
    finished = next((m for m in messages if isinstance(m, Finished)), None)
    assert finished is not None, f"snippet {number} ended without its last frame: {_output(folder, number)}"
    for addition in finished.additions:
        graph = graphs[addition.graph]
        graphs[addition.graph] = msgspec.structs.replace(
            graph, nodes=graph.nodes + addition.nodes, edges=graph.edges + addition.edges
        )
    return Run(
        id=f"run-{number}",
        status="error" if finished.error is not None else "killed" if finished.stopped else "ok",
        code=code,
        seed=seed,
        versions=finished.versions,
        timings=Timings(run_ms=finished.run_ms, capture_ms=finished.capture_ms),
        limits={name: float(value) for name, value in msgspec.structs.asdict(limits).items()},
        output=Output(_output(folder, number)),
        tensors=finished.tensors,
        graphs=_ordered(graphs),
        error=finished.error,
        limit=LimitReached("wall_seconds", limits.wall_seconds) if finished.stopped else None,
        last_line=finished.last_line,
        truncated=finished.truncated,
    )


def _ordered(graphs: dict[int, Graph]) -> tuple[Graph, ...]:
    return tuple(sorted(graphs.values(), key=lambda graph: (graph.kind == "live", graph.id)))


def _output(folder: Path, number: int) -> str:
    return (folder / f"{number}.output").read_text("utf-8", "replace")


def _child(folder: Path, count: int) -> None:
    """In the subprocess: warm up once, then a fork for each job, as the zygote does it."""
    import torch

    from app.worker.evaluate import warm_up

    torch.set_num_threads(1)  # threads do not survive a fork
    warm_up()
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            try:
                _evaluate(folder, number)
            finally:
                os._exit(1)
        _wait(pid, number)


def _wait(pid: int, number: int) -> None:
    deadline = time.monotonic() + EACH_SECONDS
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            sys.exit(f"snippet {number} took longer than {EACH_SECONDS} s")
        time.sleep(0.002)


def _evaluate(folder: Path, number: int) -> None:
    """In the fork: output into one file, messages line by line into another. Does not return."""
    from app.worker.evaluate import Evaluation

    job = msgspec.json.decode((folder / f"{number}.job").read_bytes(), type=Job)
    output = os.open(folder / f"{number}.output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    messages = os.open(folder / f"{number}.messages", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)

    def send(message: Value) -> None:
        if not isinstance(message, Progress):
            os.write(messages, encode(message) + b"\n")

    Evaluation(job, send).run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    _child(Path(sys.argv[1]), int(sys.argv[2]))
