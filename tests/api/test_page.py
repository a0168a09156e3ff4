"""The page as the server renders it: whole without scripts, and the visitor's code is never lost."""

from __future__ import annotations

import html
import json
import re

import httpx
import pytest

from app.errors import Overloaded
from app.protocol import Finished
from app.run import SnippetError
from app.sandbox import OutputChunk
from tests.stub_runner import ENDED, STARTED, StubRunner

pytestmark = pytest.mark.anyio

HOSTILE = "</textarea></script><script>alert('&')</script>\u2028"


def state(answer: httpx.Response) -> str:
    found = re.search(r'<main[^>]* data-state="([^"]+)"', answer.text)
    return found[1] if found else "no main"


def editor(answer: httpx.Response) -> str:
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", answer.text, re.DOTALL)
    return found[1] if found else "no textarea"


async def test_a_first_visit_shows_an_example_already_run(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert (answer.status_code, state(answer)) == (200, "done")
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="graph"' in answer.text
    assert "six" in answer.text


async def test_an_example_is_run_once_for_all_visitors(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    for _ in range(3):
        await client.get("/?example=chain_rule")
    await client.get("/?example=chain_rule&lang=zh")
    assert len(stub_runner.requests) == 1


async def test_the_run_of_an_example_can_be_drawn_anew_and_not_be_forgotten(client: httpx.AsyncClient) -> None:
    run_id = embedded_run(await client.get("/"))["id"]
    assert (await client.get(f"/api/v1/runs/{run_id}/picture.svg?direction=LR")).status_code == 200
    assert (await client.delete(f"/api/v1/runs/{run_id}")).status_code == 404
    assert (await client.get(f"/api/v1/runs/{run_id}")).status_code == 200


async def test_an_unknown_example_is_a_404_with_the_editor(client: httpx.AsyncClient) -> None:
    answer = await client.get("/?example=%3Cscript%3E")
    assert (answer.status_code, state(answer)) == (404, "problem")
    assert "torch" in editor(answer)


async def test_while_the_sandbox_boots_the_page_is_there_without_a_run(
    client: httpx.AsyncClient, stub_runner: StubRunner
) -> None:
    stub_runner.ready = False
    answer = await client.get("/")
    assert (answer.status_code, state(answer)) == (200, "empty")


async def test_a_form_post_runs_the_code_and_keeps_it(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    answer = await client.post("/", data={"code": "x = 1\r\nprint('<b>')"})
    assert (answer.status_code, state(answer)) == (200, "done")
    assert stub_runner.requests[-1].code == "x = 1\nprint('<b>')"
    assert "x = 1\nprint(&#39;&lt;b&gt;&#39;)" in editor(answer)


async def test_a_failing_snippet_is_shown_with_its_line(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    error = SnippetError(type="ValueError", message="<i>no</i>", line=7)
    stub_runner.events = (STARTED, Finished(error=error), ENDED)
    answer = await client.post("/", data={"code": "raise"})
    assert (answer.status_code, state(answer)) == (200, "error")
    assert "&lt;i&gt;no&lt;/i&gt;" in answer.text
    assert "<i>no" not in answer.text


@pytest.mark.parametrize("code", ["x" * 2001, "y = '\ud800'", "z\0", HOSTILE * 100])
async def test_refused_code_stays_in_the_editor(client: httpx.AsyncClient, code: str) -> None:
    body = b"code=" + b"".join(b"%%%02X" % byte for byte in code.encode("utf-8", "surrogatepass"))
    answer = await client.post("/", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code in (400, 413)
    assert state(answer) == "problem"
    shown = code.replace("\ud800", "\ufffd\ufffd\ufffd").replace("\0", "\ufffd")
    assert html.unescape(editor(answer)) == shown
    assert "<script>alert" not in answer.text


async def test_a_busy_server_gives_the_code_back(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    stub_runner.refuses = Overloaded(retry_after_seconds=2)
    answer = await client.post("/", data={"code": "mine = 1"})
    assert (answer.status_code, state(answer), answer.headers["retry-after"]) == (503, "problem", "2")
    assert "mine = 1" in editor(answer)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"code=a&code=b", "application/x-www-form-urlencoded", 422),
        (b"", "application/x-www-form-urlencoded", 422),
        (b"\xff=1", "application/x-www-form-urlencoded", 422),
        (b"&".join([b"a=1"] * 50), "application/x-www-form-urlencoded", 400),
        (b"code=a", "multipart/form-data; boundary=x", 415),
        (b"code=" + b"x" * 3_000_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_an_odd_form_is_told_on_the_page(client: httpx.AsyncClient, body: bytes, kind: str, status: int) -> None:
    answer = await client.post("/", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, state(answer)) == (status, "problem")


def embedded_run(answer: httpx.Response) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="first-run">(.*?)</script>', answer.text, re.DOTALL)
    assert found, "the page holds no run"
    run: dict[str, object] = json.loads(found[1])
    return run


async def test_the_run_in_the_page_cannot_end_its_script(client: httpx.AsyncClient, stub_runner: StubRunner) -> None:
    stub_runner.events = (STARTED, OutputChunk(HOSTILE), Finished(), ENDED)
    answer = await client.post("/", data={"code": HOSTILE})
    run = embedded_run(answer)
    assert (run["code"], run["output"]) == (HOSTILE, {"text": HOSTILE, "truncated": False})
    assert "<script>alert" not in answer.text


async def test_a_person_gets_a_page_where_a_program_gets_a_problem(client: httpx.AsyncClient) -> None:
    page = await client.get("/nowhere", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, state(page)) == (404, "not-found")
    told = await client.get("/api/v1/nowhere", headers={"Accept": "text/html"})
    assert (told.status_code, told.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "headers", "language"),
    [
        ("", {}, "en"),
        ("", {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}, "zh"),
        ("", {"Accept-Language": "de, en;q=0.5, zh;q=0.4"}, "en"),
        ("", {"Cookie": "lang=zh"}, "zh"),
        ("?lang=en", {"Cookie": "lang=zh", "Accept-Language": "zh"}, "en"),
        ("?lang=xx", {"Accept-Language": "zh;q=x, ;;;,"}, "en"),
    ],
)
async def test_the_language_is_the_asked_one_then_the_cookies_then_the_browsers(
    client: httpx.AsyncClient, query: str, headers: dict[str, str], language: str
) -> None:
    answer = await client.get("/" + query, headers=headers)
    assert f'<html lang="{language}">' in answer.text


async def test_a_chosen_language_is_remembered(client: httpx.AsyncClient) -> None:
    await client.get("/?lang=zh")
    assert '<html lang="zh">' in (await client.get("/")).text


async def test_head_is_answered_like_get(client: httpx.AsyncClient) -> None:
    for path in ("/", "/healthz", "/readyz"):
        assert (await client.head(path)).status_code == 200
