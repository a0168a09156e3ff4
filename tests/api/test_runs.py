"""Asking for runs: what comes back, in which form, and for how long."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import anyio
import httpx
import msgspec
import pytest

from app.protocol import Ended
from app.run import Run
from tests.stub_runner import EVENTS, STARTED, StubRunner

pytestmark = pytest.mark.anyio

RUNS = "/api/v1/runs"


async def test_a_run_answers_what_was_captured(client: httpx.AsyncClient) -> None:
    answer = await client.post(RUNS, json={"code": "w", "options": {"seed": 7}})
    run = msgspec.json.decode(answer.content, type=Run)
    assert (run.status, run.seed, run.output.text, run.picture) == ("ok", 7, "six\n", None)
    assert [tensor.names for tensor in run.tensors] == [("w",), ("loss",)]
    assert answer.headers["location"] == f"{RUNS}/{run.id}"


async def test_a_picture_comes_in_the_same_answer_when_asked_for(client: httpx.AsyncClient) -> None:
    told = (await client.post(RUNS, json={"code": "w", "options": {"picture": True}})).json()
    assert told["picture"]["svg"].startswith("<svg")
    assert told["timings"]["picture_ms"] > 0


@pytest.mark.parametrize(
    ("accept", "kind", "begins"),
    [
        ("", "application/json", "{"),
        ("*/*", "application/json", "{"),
        ("text/html, */*;q=0.1", "application/json", "{"),
        ("image/svg+xml", "image/svg+xml", "<?xml"),
        ("image/*, application/json;q=0.5", "image/svg+xml", "<?xml"),
        ("text/vnd.graphviz", "text/vnd.graphviz", "digraph"),
        ("text/plain", "text/plain", "ok"),
        ("text/plain;q=0.2, application/json;q=0.1", "text/plain", "ok"),
    ],
)
async def test_accept_chooses_the_form(client: httpx.AsyncClient, accept: str, kind: str, begins: str) -> None:
    answer = await client.post(RUNS, json={"code": "w"}, headers={"Accept": accept})
    assert answer.headers["content-type"].split(";")[0] == kind
    assert answer.text.startswith(begins)


@pytest.mark.parametrize("kind", ["text/x-python", "text/plain", "text/plain; charset=UTF-8", "TEXT/PLAIN"])
async def test_code_may_be_sent_as_it_is(client: httpx.AsyncClient, stub_runner: StubRunner, kind: str) -> None:
    answer = await client.post(RUNS, content="x = 'é'\r\n".encode(), headers={"Content-Type": kind})
    assert answer.status_code == 200
    assert stub_runner.requests[-1].code == "x = 'é'\r\n"


async def test_a_run_can_be_asked_for_again_and_forgotten(client: httpx.AsyncClient) -> None:
    first = await client.post(RUNS, json={"code": "w"})
    place = first.headers["location"]
    assert (await client.get(place)).content == first.content
    assert (await client.delete(place)).status_code == 204
    assert (await client.get(place)).status_code == 404


async def test_pictures_of_a_kept_run(client: httpx.AsyncClient) -> None:
    place = (await client.post(RUNS, json={"code": "w"})).headers["location"]
    svg = await client.get(f"{place}/picture.svg?graph=0&direction=LR&detail=all&lang=zh")
    assert ElementTree.fromstring(svg.text).tag.endswith("svg")
    assert svg.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert (await client.get(f"{place}/picture.dot")).text.startswith("digraph")
    assert (await client.get(f"{place}/picture.json")).json()["drawn"] == 2


async def test_a_graph_that_is_not_there_is_a_problem(client: httpx.AsyncClient) -> None:
    place = (await client.post(RUNS, json={"code": "w"})).headers["location"]
    answer = await client.get(f"{place}/picture.svg?graph=99")
    assert (answer.status_code, answer.json()["code"]) == (422, "no_graph")


async def test_a_run_without_graphs_is_delivered_and_has_no_picture(
    client: httpx.AsyncClient, stub_runner: StubRunner
) -> None:
    stub_runner.events = (STARTED, Ended(outcome="wall", wall_ms=9.0, limit_name="wall_seconds", limit_value=10.0))
    run = (await client.post(RUNS, json={"code": "w", "options": {"picture": True}})).json()
    assert (run["status"], run["limit"]) == ("killed", {"name": "wall_seconds", "value": 10.0})
    assert (run["picture"], run["picture_problem"]) == (None, "no_graph")
    svg = await client.post(RUNS, json={"code": "w"}, headers={"Accept": "image/svg+xml"})
    assert (svg.status_code, svg.json()["code"]) == (422, "no_graph")


async def test_ids_cannot_be_guessed(client: httpx.AsyncClient) -> None:
    ids = {(await client.post(RUNS, json={"code": "w"})).json()["id"] for _ in range(20)}
    assert len(ids) == 20
    assert min(map(len, ids)) >= 22


async def test_the_oldest_run_makes_room(client: httpx.AsyncClient) -> None:
    places = [(await client.post(RUNS, json={"code": "w"})).headers["location"] for _ in range(21)]
    assert [(await client.get(place)).status_code for place in places] == [404] + [200] * 20


async def test_examples_come_with_their_code(client: httpx.AsyncClient) -> None:
    told = (await client.get("/api/v1/examples")).json()
    assert len(told) >= 12
    assert all(one["code"].strip() and one["title"]["en"] and one["title"]["zh"] for one in told)


async def test_a_client_that_leaves_cancels_its_run(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    stub_runner.hangs = True
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_post_and_leave, client, stub_runner)
    with anyio.fail_after(5):
        await stub_runner.cancelled.wait()


async def _post_and_leave(client: httpx.AsyncClient, runner: StubRunner) -> None:
    """Speaks ASGI itself: the transport of httpx cannot hang up."""
    app = client._transport.app  # type: ignore[attr-defined]
    body = [{"type": "http.request", "body": b"w", "more_body": False}]

    async def receive() -> dict[str, object]:
        if body:
            return body.pop()
        await runner.running.wait()
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        pass

    headers = [(b"host", b"localhost"), (b"content-type", b"text/plain")]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": RUNS}
    scope |= {"raw_path": RUNS.encode(), "query_string": b"", "headers": headers, "scheme": "http", "root_path": ""}
    with anyio.fail_after(10):
        await app(scope, receive, send)


async def test_a_cancelled_run_is_not_kept_and_the_next_one_works(
    client: httpx.AsyncClient, stub_runner: StubRunner
) -> None:
    stub_runner.hangs = True
    await _post_and_leave(client, stub_runner)
    stub_runner.hangs, stub_runner.events = False, EVENTS
    assert (await client.post(RUNS, json={"code": "w"})).status_code == 200
