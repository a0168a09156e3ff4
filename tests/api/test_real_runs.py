"""The whole straight line, from POST to picture, against a server that was started as a user starts it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from app.run import Run

pytestmark = pytest.mark.sandbox

RUNS = "/api/v1/runs"
BCE = """\
import torch
x, y = torch.ones(5), torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ w + b, y)
loss.backward()
"""
DEADLINE_SECONDS = 30.0


@pytest.fixture(scope="module")
def asker(real_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=real_server, timeout=DEADLINE_SECONDS) as client:
        yield client


def run(asker: httpx.Client, code: str, **options: Any) -> Run:
    answer = asker.post(RUNS, json={"code": code, "options": options})
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=Run)


def test_a_snippet_comes_back_with_graph_gradients_and_picture(asker: httpx.Client) -> None:
    result = run(asker, BCE, seed=3, picture=True)
    assert result.status == "ok"
    assert {"w", "b", "loss"} <= {name for tensor in result.tensors for name in tensor.names}
    assert result.graphs[0].nodes[0].name == "BinaryCrossEntropyWithLogitsBackward0"
    assert result.picture is not None
    assert result.picture.svg.startswith("<svg")


def test_the_same_code_and_seed_give_the_same_run(asker: httpx.Client) -> None:
    first, second = run(asker, BCE, seed=3), run(asker, BCE, seed=3)
    graphs = [msgspec.json.encode(one.graphs) for one in (without_times(first), without_times(second))]
    assert graphs[0] == graphs[1]
    assert first.tensors == second.tensors
    assert run(asker, BCE, seed=4).tensors != first.tensors


def without_times(result: Run) -> Run:
    graphs = tuple(
        msgspec.structs.replace(
            graph, nodes=tuple(msgspec.structs.replace(node, micros=None, sequence_nr=None) for node in graph.nodes)
        )
        for graph in result.graphs
    )
    return msgspec.structs.replace(result, graphs=graphs)


@pytest.mark.parametrize(
    ("code", "status", "error", "line"),
    [
        ("", "ok", None, None),
        ("\t\r\n\r\n", "ok", None, None),
        ("x = 1\r\ny = 2\r\n1/0\r\n", "error", "ZeroDivisionError", 3),
        ("if True:\n\tx = 1\n        y = 2", "error", "TabError", 3),
        ("x = 1\nloss = (", "error", "SyntaxError", 2),
        ("import nothing_of_that_name", "error", "ModuleNotFoundError", 1),
        ("x = 1\ninput()", "error", "EOFError", 2),
        ("import sys\nsys.exit(3)", "error", "SystemExit", 2),
        ("raise KeyboardInterrupt", "error", "KeyboardInterrupt", 1),
        ("import os\nos._exit(3)", "killed", "ProcessEnded", None),
        ("def f(): f()\nf()", "error", "RecursionError", 1),
    ],
)
def test_each_way_of_failing_has_its_own_answer(
    asker: httpx.Client, code: str, status: str, error: str | None, line: int | None
) -> None:
    result = run(asker, code)
    assert result.status == status
    assert (result.error and result.error.type) == error
    if line is not None and result.error is not None:
        assert result.error.line == line


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        ("print('x' * 10_000_000)", "output_bytes"),
        ("import torch\nheld = [torch.empty(10**8) for _ in range(100)]", "memory_bytes"),
    ],
)
def test_each_limit_is_named_and_the_next_run_works(asker: httpx.Client, code: str, limit: str) -> None:
    result = run(asker, code)
    assert result.status == "killed"
    assert result.limit is not None
    assert result.limit.name == limit
    assert result.findings[0].severity == "error"
    assert run(asker, "print('alive')").output.text == "alive\n"


def test_a_run_that_is_stopped_delivers_what_it_had(asker: httpx.Client) -> None:
    result = run(asker, BCE + "print('so far', flush=True)\nwhile True: pass\n")
    assert (result.status, result.output.text, len(result.graphs)) == ("killed", "so far\n", 1)
    assert result.limit is not None
    assert result.limit.name in ("wall_seconds", "cpu_seconds")
    assert result.last_line == 8


def test_every_form_of_the_answer(asker: httpx.Client) -> None:
    for accept, begins in (("image/svg+xml", "<?xml"), ("text/vnd.graphviz", "digraph"), ("text/plain", "ok")):
        answer = asker.post(RUNS, content=BCE, headers={"Content-Type": "text/x-python", "Accept": accept})
        assert (answer.status_code, answer.text[: len(begins)]) == (200, begins)


def test_the_server_is_ready_with_every_required_layer(asker: httpx.Client) -> None:
    layers = asker.get("/readyz").json()["layers"]
    assert [layer["name"] for layer in layers if layer["required"] and not layer["stands"]] == []
    assert {"seccomp", "landlock", "rlimits"} <= {layer["name"] for layer in layers}


def test_a_client_that_hangs_up_frees_its_place(asker: httpx.Client, real_server: str) -> None:
    place = urlsplit(real_server)
    body = json.dumps({"code": "while True: pass"}).encode()
    head = f"POST {RUNS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(head.encode() + body)
        wait_for(asker, running=1)
    wait_for(asker, running=0)


def wait_for(asker: httpx.Client, *, running: int) -> None:
    deadline = time.monotonic() + 5
    while (seen := asker.get("/readyz").json()["running"]) != running:
        assert time.monotonic() < deadline, f"{seen} runs instead of {running}"


def test_a_huge_body_over_a_real_connection_gets_its_answer(asker: httpx.Client) -> None:
    answer = asker.post(RUNS, content=b"x" * 5_000_000, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET /\xff HTTP/9.9\r\n\r\n"]
)
def test_bytes_that_are_no_request_do_not_stop_the_server(asker: httpx.Client, real_server: str, head: bytes) -> None:
    place = urlsplit(real_server)
    with socket.create_connection((place.hostname, place.port), timeout=5) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert asker.get("/healthz").status_code == 200


def test_every_example_is_shown_with_its_picture(asker: httpx.Client) -> None:
    for example in asker.get("/api/v1/examples").json():
        page = asker.get("/", params={"example": example["id"]})
        assert page.status_code == 200
        assert 'data-state="problem"' not in page.text, example["id"]
        assert 'class="graph" role="group"' in page.text, example["id"]
