"""compose.yaml's two services, built and run for real: `make container-check`. Needs podman or its twin, and root.

Not collected by `make test`: a build needs an image registry (or the base image at hand) and minutes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.container import composed

BCE = (composed.ROOT / "examples" / "first_gradient.py").read_text()
READY_SECONDS = 90


def wait_until_ready(client: httpx.Client) -> httpx.Response:
    """The first answer of /readyz that is 200; fails with both logs when there is none in time."""
    deadline = time.monotonic() + READY_SECONDS
    last = ""
    while time.monotonic() < deadline:
        try:
            answer = client.get("/readyz")
            if answer.status_code == 200:
                return answer
            last = answer.text
        except httpx.TransportError as exc:
            last = repr(exc)
        time.sleep(0.2)
    raise AssertionError(f"{last}\nweb: {composed.logs('web')}\nsandbox: {composed.logs('sandbox')}")


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    port = composed.free_port()
    for name in ("sandbox", "web"):
        composed.build(name)
    try:
        for name in ("sandbox", "web"):
            composed.start(name, port)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until_ready(client)
            yield client
    finally:
        composed.remove("web", "sandbox")
        composed.remove_volumes()


def run(client: httpx.Client, code: str) -> dict:
    answer = client.post("/api/v1/runs", json={"code": code, "options": {"picture": True}})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_required_layer_stands(client: httpx.Client) -> None:
    status = wait_until_ready(client).json()
    print(status)
    layers = status["sandbox"]["layers"] if "sandbox" in status else status["layers"]
    assert [layer for layer in layers if layer["required"]]
    assert [layer for layer in layers if layer["required"] and not layer["stands"]] == []


def test_a_snippet_shows_its_graph_and_gradients(client: httpx.Client) -> None:
    result = run(client, BCE)
    assert result["status"] == "ok"
    assert result["graphs"][0]["nodes"]
    assert any(tensor["grad"] for tensor in result["tensors"])
    assert "<svg" in result["picture"]["svg"]


@pytest.mark.parametrize(
    "attack",
    [
        "open('/srv/app/settings.py').read()",
        "import app.settings",
        "open('/srv/x', 'w')",
        "import socket; socket.create_connection(('127.0.0.1', 8000), 1)",
        "import subprocess; subprocess.run(['id'])",
        "import os; os.kill(os.getppid(), 9)",
    ],
)
def test_a_hostile_snippet_is_refused_and_the_next_run_works(client: httpx.Client, attack: str) -> None:
    assert run(client, attack)["status"] != "ok"
    assert run(client, "import torch; print(torch.ones(2).sum())")["output"]["text"] == "tensor(2.)\n"


def test_an_endless_snippet_is_stopped(client: httpx.Client) -> None:
    result = run(client, "while True: pass")
    assert result["status"] == "killed"
    assert result["limit"]["name"] in ("cpu_seconds", "wall_seconds")


def test_a_memory_bomb_is_stopped(client: httpx.Client) -> None:
    assert run(client, "x = [bytearray(2**26) for _ in range(10**4)]")["status"] in ("error", "killed")


def test_the_server_holds_no_torch_and_the_sandbox_no_server(client: httpx.Client) -> None:
    assert "No module named 'torch'" in composed.inside("web", "import torch")
    assert "No module named 'app.worker'" in composed.inside("web", "import app.worker")
    assert "No module named 'app.web'" in composed.inside("sandbox", "import app.web")
    assert "No module named 'fastapi'" in composed.inside("sandbox", "import fastapi")


def test_the_sandbox_has_no_network(client: httpx.Client) -> None:
    assert composed.inside("sandbox", "import socket; print([name for _, name in socket.if_nameindex()])") == "['lo']"


@pytest.mark.parametrize("name", ["web", "sandbox"])
def test_nothing_is_root_or_privileged(client: httpx.Client, name: str) -> None:
    status = composed.inside(name, "print(open('/proc/self/status').read())")
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert facts["Uid"].split() == ["10001"] * 4
    assert {facts[capabilities].strip() for capabilities in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}
    assert facts["NoNewPrivs"].strip() == "1"
    assert facts["Seccomp"].strip() == "2"


@pytest.mark.parametrize("name", ["web", "sandbox"])
def test_the_root_file_system_cannot_be_written(client: httpx.Client, name: str) -> None:
    assert "Read-only file system" in composed.inside(name, "open('/opt/venv/x', 'w')")


@pytest.mark.parametrize("name", ["web", "sandbox"])
def test_the_health_check_of_the_image_passes(client: httpx.Client, name: str) -> None:
    assert composed.podman("healthcheck", "run", f"{composed.PREFIX}-{name}", check=False).returncode == 0


def test_losing_the_sandbox_is_said_and_survived(client: httpx.Client) -> None:
    composed.remove("sandbox")
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    refused = client.post("/api/v1/runs", json={"code": "x = 1"})
    assert refused.status_code == 503
    assert refused.headers["content-type"].startswith("application/problem+json")
    composed.start("sandbox", 0)
    wait_until_ready(client)
    assert run(client, BCE)["status"] == "ok"
