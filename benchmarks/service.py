"""The running service: how soon it is ready, how long a run with its picture takes, how much memory it holds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.processes import command, descendants, memory_bytes

READY_LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Service:
    """A started service: its process, the address, and the seconds until /readyz first said 200."""

    pid: int
    client: httpx.Client
    ready_seconds: float


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + READY_LIMIT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the service ended with {process.returncode}")
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise SystemExit("the service was not ready in time")


@contextmanager
def running() -> Iterator[Service]:
    """The service as `make serve` starts it, on a free port."""
    port = _free_port()
    start = time.monotonic()
    serve = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    process = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        try:
            _wait_until_ready(client, process)
            yield Service(process.pid, client, time.monotonic() - start)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def post(service: Service, code: str) -> float:
    """Seconds from the POST to the whole answer, picture included."""
    start = time.perf_counter()
    answer = service.client.post("/api/v1/runs", json={"code": code, "options": {"picture": True}})
    taken = time.perf_counter() - start
    result = answer.json()
    assert answer.status_code == 200, result
    assert result["status"] == "ok", result["error"]
    assert "<svg" in result["picture"]["svg"]
    return taken


COLD = """
import torchviz
names = {}
exec(compile(open(%r).read(), "snippet", "exec"), names)
torchviz.make_dot(names["loss"]).pipe("svg")
"""


def cold(snippet: Path) -> float:
    """Seconds of a fresh python that runs the snippet and draws it with torchviz and dot."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", COLD % str(snippet)], check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def memory(service: Service) -> dict[str, int]:
    """Bytes: `web` and `zygote` resident, `child` private while a snippet runs. -1 where /proc says nothing."""
    code = "import torch\nx = torch.ones(5, requires_grad=True)\n(x * x).sum().backward()\nimport time\ntime.sleep(2)\n"
    web = memory_bytes(service.pid).get("rss", -1)
    with subprocess.Popen(
        [sys.executable, "-c", _POST, str(service.client.base_url), code], stdout=subprocess.DEVNULL
    ) as poster:
        time.sleep(1.2)
        below = descendants(service.pid)
        worker = [pid for pid in below if "app.worker" in command(pid)]
        sizes = {pid: memory_bytes(pid) for pid in worker}
        poster.wait()
    with_torch = [pid for pid, size in sizes.items() if size.get("rss", 0) > 100 * 2**20]
    zygote = next((pid for pid in with_torch if set(descendants(pid)) & set(with_torch)), with_torch[0])
    children = [sizes[pid]["private"] for pid in with_torch if pid != zygote]
    return {"web": web, "zygote": sizes[zygote].get("rss", -1), "child": max(children, default=-1)}


_POST = """
import sys, httpx
httpx.post(sys.argv[1].rstrip("/") + "/api/v1/runs", json={"code": sys.argv[2]}, timeout=60)
"""
