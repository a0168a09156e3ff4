"""What goes wrong on our side is told in the one error shape too, without a word about the inside."""

from __future__ import annotations

import logging

import httpx
import pytest

from app.errors import (
    AppError,
    CodeTooLong,
    Overloaded,
    ProtocolViolation,
    SandboxUnavailable,
    WorkerDied,
)
from tests.stub_runner import StubRunner

pytestmark = pytest.mark.anyio

RUNS = "/api/v1/runs"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (Overloaded("32 runs wait", retry_after_seconds=1.5), 503),
        (SandboxUnavailable("layer seccomp is missing"), 503),
        (CodeTooLong(limit=10), 413),
        (WorkerDied("connection reset"), 500),
        (ProtocolViolation("at $.x"), 500),
    ],
)
async def test_a_refused_run_is_a_problem(
    client: httpx.AsyncClient, stub_runner: StubRunner, refusal: AppError, status: int
) -> None:
    stub_runner.refuses = refusal
    answer = await client.post(RUNS, json={"code": "a"})
    assert (answer.status_code, answer.json()["code"]) == (status, refusal.code)


async def test_a_busy_server_says_when_to_come_back(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    stub_runner.refuses = Overloaded(retry_after_seconds=1.5)
    answer = await client.post(RUNS, json={"code": "a"})
    assert (answer.headers["retry-after"], answer.json()["retry_after"]) == ("2", 1.5)


async def test_an_unforeseen_error_is_logged_with_its_id_and_told_without_its_text(
    client: httpx.AsyncClient, stub_runner: StubRunner, caplog: pytest.LogCaptureFixture
) -> None:
    stub_runner.refuses = RuntimeError("the secret of the house")
    with caplog.at_level(logging.ERROR, "app"):
        answer = await client.post(RUNS, json={"code": "a"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-request-id"] in caplog.text
    assert "the secret of the house" in caplog.text


async def test_a_worker_error_does_not_tell_its_text(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    stub_runner.refuses = WorkerDied("/run/secret.sock")
    assert "secret" not in (await client.post(RUNS, json={"code": "a"})).text


async def test_the_next_run_works(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    stub_runner.refuses = WorkerDied()
    await client.post(RUNS, json={"code": "a"})
    stub_runner.refuses = None
    assert (await client.post(RUNS, json={"code": "a"})).status_code == 200


async def test_not_ready_is_a_problem_that_lists_the_layers(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    stub_runner.ready = False
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.json()["sandbox"]["layers"][0]["name"] == "seccomp"
    assert answer.headers["retry-after"] == "2"


async def test_alive_does_not_wait_for_ready(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    stub_runner.ready = False
    assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_the_access_log_has_no_query_string_and_no_code(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "app.access"):
        await client.post(RUNS + "?token=hidden", json={"code": "hidden = 1"})
    assert "POST /api/v1/runs 200" in caplog.text
    assert "hidden" not in caplog.text
