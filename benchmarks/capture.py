"""What watching costs: each snippet plain, under capture, and with torchviz, alternating, in one warm process.

Run as `python -m benchmarks.capture`; prints one JSON object {snippet: {way: [seconds, ...]}}. A way that does not come
to an end within its limit is a string that says so.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import graphviz
import torch
import torchviz

from app.protocol import Job, Limits
from app.worker import evaluate
from benchmarks.figures import DOT_SECONDS, ROUNDS

SNIPPETS = ("bce", "mlp", "cnn", "rnn200", "chain1000")


def read(name: str) -> str:
    return (Path(__file__).parent / "snippets" / f"{name}.py").read_text()


def plain(code: str) -> dict:
    names: dict = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "<snippet>", "exec"), names)
    return names


def captured(code: str) -> None:
    """The snippet under capture, statistics, names, lines and the encoding of everything included."""
    sent: list = []
    evaluation = evaluate.Evaluation(Job(code=code, seed=0, limits=Limits()), sent.append)
    out, err = sys.stdout, sys.stderr
    try:
        evaluation.run()
    finally:
        sys.stdout, sys.stderr = out, err
    assert sent[-1].error is None, sent[-1].error


def make_dot(code: str) -> graphviz.Digraph:
    """torchviz walks after backward(), without values; labels of the graph only."""
    return torchviz.make_dot(plain(code)["loss"])


def seconds(work, *args) -> float:
    gc.collect()
    start = time.perf_counter()
    work(*args)
    return time.perf_counter() - start


def rendered(code: str) -> float | str:
    """make_dot and then `dot -Tsvg`, which shared weights can keep busy for minutes: so with a limit, and only once."""
    start = time.perf_counter()
    try:
        source = make_dot(code).source
        subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True, timeout=DOT_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        return f"over {DOT_SECONDS} s, stopped"
    except RecursionError:
        return "RecursionError"
    return time.perf_counter() - start


def measure(code: str) -> dict[str, list[float] | str]:
    ways = {"plain": plain, "captured": captured, "make_dot": make_dot}
    times: dict[str, list[float] | str] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, work in ways.items():
            series = times[way]
            if isinstance(series, str):
                continue
            try:
                series.append(seconds(work, code))
            except RecursionError:
                times[way] = "RecursionError"
    renders = [rendered(code)]
    while len(renders) < 5 and isinstance(renders[0], float):
        renders.append(rendered(code))
    times["dot"] = [each for each in renders if isinstance(each, float)] or str(renders[0])
    return times


def main() -> None:
    torch.set_num_threads(1)
    out = sys.stdout
    evaluate.warm_up()
    results = {}
    for name in SNIPPETS:
        code = read(name)
        for work in (plain, captured):
            work(code)
        results[name] = measure(code)
    out.write(json.dumps(results) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
