"""`python -m benchmarks`: measures everything and writes docs/benchmarks.md. Takes a few minutes of a quiet machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from benchmarks import service
from benchmarks.figures import DOT_SECONDS, ROUNDS, median, milliseconds, percentile, table, verdict

HERE = Path(__file__).parent
REPORT = HERE.parent / "docs" / "benchmarks.md"
WARM_RUNS, COLD_RUNS, STARTS = 200, 8, 3
PEERS = {"bce": "first gradient (BCE)", "mlp": "MLP, 51 layers", "cnn": "small CNN, batch 8"}
PEERS |= {"rnn200": "RNN, 200 steps", "chain1000": "chain of 1,000 multiplications"}


def _versions() -> str:
    names = ("torch", "torchviz", "fastapi", "uvicorn", "graphviz")
    dot = subprocess.run(["dot", "-V"], capture_output=True, text=True, check=True).stderr.strip()
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return f"Python {platform.python_version()}, {packages}; {dot}"


def _machine() -> str:
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}; load {load:.1f} when started"


def measure_service() -> tuple[str, str]:
    """The lines of the two tables about the running service."""
    bce = HERE / "snippets" / "bce.py"
    code = bce.read_text()
    ready, warm, cold = [], [], []
    for _ in range(STARTS):
        with service.running() as started:
            ready.append(started.ready_seconds)
    with service.running() as started:
        ready.append(started.ready_seconds)
        for _ in range(10):
            service.post(started, code)
        for number in range(WARM_RUNS):
            warm.append(service.post(started, code))
            if number % (WARM_RUNS // COLD_RUNS) == 0:
                cold.append(service.cold(bce))
        memory = service.memory(started)
    p50, p95, factor = median(warm), percentile(warm, 95), median(cold) / median(warm)
    mib = {name: size / 2**20 for name, size in memory.items()}
    speed = table(
        ["what", "measured", "goal", ""],
        [
            ["POST to Run with picture, p50", milliseconds(p50), "≤ 60 ms", verdict(p50 <= 0.060)],
            ["the same, p95", milliseconds(p95), "", ""],
            ["fresh `python` with torchviz and dot, median", milliseconds(median(cold)), "", ""],
            ["times faster than that", f"{factor:.0f} ×", "≥ 30 ×", verdict(factor >= 30)],
            ["start until ready, median", f"{median(ready):.1f} s", "≤ 10 s", verdict(median(ready) <= 10)],
        ],
    )
    rows = [
        ("web", "server, resident", 150),
        ("zygote", "zygote, resident", 450),
        ("child", "running child, private", 20),
    ]
    held = table(
        ["process", "measured", "goal", ""],
        [[text, f"{mib[name]:.0f} MiB", f"< {goal} MB", verdict(0 < mib[name] < goal)] for name, text, goal in rows],
    )
    return speed, held


def _cell(times: list[float] | str, plain: float) -> str:
    if isinstance(times, str):
        return times
    return f"{milliseconds(median(times))} ({median(times) / plain:.1f} ×)"


def measure_capture() -> str:
    command = [sys.executable, "-m", "benchmarks.capture"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=HERE.parent)
    rows = []
    for name, times in json.loads(done.stdout.splitlines()[-1]).items():
        plain = median(times["plain"])
        others = [_cell(times[way], plain) for way in ("captured", "make_dot", "dot")]
        rows.append([PEERS[name], milliseconds(plain), *others])
    header = ["snippet", "plain PyTorch", "captured by us", "torchviz `make_dot`", "`make_dot` and `dot -Tsvg`"]
    return table(header, rows)


TEXT = """\
# Benchmarks

Written by `make bench` on {date}, as measured; a missed goal stays in the table until a later run meets it.

- Machine: {machine}
- Versions: {versions}

## The service, warm

The snippet is PyTorch's own first autograd example: one linear layer and binary cross entropy
([benchmarks/snippets/bce.py](../benchmarks/snippets/bce.py)). {warm} runs one after the other; a fresh `python` that
runs the same code and draws it with torchviz between every {every} of them, {cold} in all.

{speed}

## Memory

{held}

## What watching costs

Each snippet whole (forward and backward) in one warm process, one thread, the ways alternating, medians of {rounds}
rounds; in brackets, times plain PyTorch. Capture includes the graph, every gradient along every edge with its
statistics, lines, names and saved tensors, and has no drawing. torchviz walks the finished graph, without values;
it is drawn by `dot`, which shared weights keep busy, so that step has {dot} s.

{capture}
"""


def main() -> None:
    machine = _machine()
    speed, held = measure_service()
    capture = measure_capture()
    machine += f", {os.getloadavg()[0]:.1f} when finished"
    REPORT.write_text(
        TEXT.format(
            date=time.strftime("%Y-%m-%d"), machine=machine, versions=_versions(), warm=WARM_RUNS, cold=COLD_RUNS,
            every=WARM_RUNS // COLD_RUNS, speed=speed, held=held, capture=capture, rounds=ROUNDS, dot=DOT_SECONDS,
        )
    )  # fmt: skip
    print(REPORT.read_text())


if __name__ == "__main__":
    main()
