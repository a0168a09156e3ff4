"""Everything a client can get wrong has its own clear answer, in the one error shape, and is never a 5xx."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.web.problems import PROBLEMS
from tests.stub_runner import StubRunner

pytestmark = pytest.mark.anyio

RUNS = "/api/v1/runs"
TWO_TYPES = [("content-type", "text/plain"), ("content-type", "text/html")]
UTF16 = {"Content-Type": "text/plain; charset=utf-16"}
JSON = {"Content-Type": "application/json"}
PLAIN = {"Content-Type": "text/plain"}
DEEP_OPTION = b'{"code":"a","options":{"deep":' + b'{"a":' * 2000
DEEP = b'{"code":' + b"[" * 3000

FAILURES: list[tuple[str, str, dict[str, Any], str]] = [
    # method, path, arguments, code
    ("POST", RUNS, {"json": {"code": "x" * 2001}}, "code_too_long"),
    ("POST", RUNS, {"json": {"code": "é" * 1001}}, "code_too_long"),
    ("POST", RUNS, {"content": b"x" * 2001, "headers": PLAIN}, "code_too_long"),
    ("POST", RUNS, {"content": b"x = '\xff'", "headers": PLAIN}, "code_not_text"),
    ("POST", RUNS, {"content": b'{"code": "\xff"}', "headers": JSON}, "code_not_text"),
    ("POST", RUNS, {"content": b"a\0b", "headers": PLAIN}, "code_not_text"),
    ("POST", RUNS, {"json": {"code": "a\0b"}}, "code_not_text"),
    ("POST", RUNS, {"content": b'{"code": "\\ud800"}', "headers": JSON}, "code_not_text"),
    ("POST", RUNS, {"content": b'{"code": "\\udc00\\ud800 x"}', "headers": JSON}, "code_not_text"),
    ("POST", RUNS, {"content": b'{"code": ', "headers": JSON}, "malformed_json"),
    ("POST", RUNS, {"content": b"", "headers": JSON}, "malformed_json"),
    ("POST", RUNS, {"content": b'{"code": "a"} x', "headers": JSON}, "malformed_json"),
    ("POST", RUNS, {"content": DEEP, "headers": JSON}, "invalid_request"),
    (
        "POST",
        RUNS,
        {"content": DEEP_OPTION, "headers": JSON},
        "invalid_request",
    ),
    ("POST", RUNS, {"json": []}, "invalid_request"),
    ("POST", RUNS, {"json": {}}, "invalid_request"),
    ("POST", RUNS, {"json": {"code": None}}, "invalid_request"),
    ("POST", RUNS, {"json": {"code": "a", "more": 1}}, "invalid_request"),
    ("POST", RUNS, {"json": {"code": "a", "options": {"more": 1}}}, "invalid_request"),
    ("POST", RUNS, {"json": {"code": "a", "options": {"seed": "1"}}}, "invalid_request"),
    ("POST", RUNS, {"json": {"code": "a", "options": {"seed": -1}}}, "invalid_request"),
    ("POST", RUNS, {"json": {"code": "a", "options": {"seed": 2**63}}}, "invalid_request"),
    ("POST", RUNS, {"json": {"code": "a", "options": {"picture": "yes"}}}, "invalid_request"),
    ("POST", RUNS, {"content": b"a"}, "unsupported_media_type"),
    ("POST", RUNS, {"content": b"a", "headers": {"Content-Type": "application/xml"}}, "unsupported_media_type"),
    (
        "POST",
        RUNS,
        {"content": b"a", "headers": UTF16},
        "unsupported_media_type",
    ),
    ("POST", RUNS, {"content": b"a", "headers": {**PLAIN, "Content-Encoding": "gzip"}}, "unsupported_media_type"),
    (
        "POST",
        RUNS,
        {"content": b"a", "headers": TWO_TYPES},
        "bad_request",
    ),
    ("POST", RUNS, {"json": {"code": "a"}, "headers": {"Accept": "image/png"}}, "not_acceptable"),
    ("POST", RUNS, {"json": {"code": "a"}, "headers": {"Accept": "application/json;q=0"}}, "not_acceptable"),
    ("POST", RUNS, {"json": {"code": "a"}, "headers": {"Origin": "https://elsewhere.example"}}, "foreign_origin"),
    ("POST", RUNS, {"json": {"code": "a"}, "headers": {"Sec-Fetch-Site": "cross-site"}}, "foreign_origin"),
    ("POST", RUNS, {"content": b"x" * 40_000, "headers": PLAIN}, "body_too_large"),
    ("PUT", RUNS, {}, "method_not_allowed"),
    ("GET", RUNS, {}, "method_not_allowed"),
    ("POST", "/static/css/graph.css", {}, "method_not_allowed"),
    ("BREW", "/healthz", {}, "method_not_allowed"),
    ("GET", RUNS + "/unknown", {}, "not_found"),
    ("GET", RUNS + "/" + "x" * 5000, {}, "not_found"),
    ("GET", RUNS + "/%00%ff", {}, "not_found"),
    ("DELETE", RUNS + "/unknown", {}, "not_found"),
    ("GET", RUNS + "/unknown/picture.svg", {}, "not_found"),
    ("GET", RUNS + "/unknown/picture.png", {}, "invalid_request"),
    ("GET", RUNS + "/unknown/picture.svg?graph=first", {}, "invalid_request"),
    ("GET", RUNS + "/unknown/picture.svg?graph=" + "9" * 9000, {}, "invalid_request"),
    ("GET", RUNS + "/unknown/picture.dot?direction=up", {}, "invalid_request"),
    ("GET", RUNS + "/unknown/picture.dot?detail=1", {}, "invalid_request"),
    ("GET", "/nowhere", {}, "not_found"),
    ("GET", "/static/../app/main.py", {}, "not_found"),
    ("GET", "/static/%2e%2e/pyproject.toml", {}, "not_found"),
    ("GET", "/static/nothing.js", {}, "not_found"),
    ("GET", "/static", {}, "not_found"),
]


@pytest.mark.parametrize(("method", "path", "arguments", "code"), FAILURES)
async def test_every_failure_has_the_one_error_shape(
    client: httpx.AsyncClient, method: str, path: str, arguments: dict[str, Any], code: str
) -> None:
    answer = await client.request(method, path, **arguments)
    told = answer.json()
    assert (told["code"], answer.headers["content-type"]) == (code, "application/problem+json")
    assert answer.status_code == told["status"] == PROBLEMS[code].status
    assert told["type"] == f"/docs/errors#{code}"
    assert told["title"]
    assert 0 < len(told["detail"]) <= 400


async def test_a_mistyped_field_is_named_by_its_path(client: httpx.AsyncClient) -> None:
    answer = await client.post(RUNS, json={"code": "a", "options": {"seed": "1"}})
    assert "$.options.seed" in answer.json()["detail"]


async def test_a_wrong_method_is_told_which_ones_there_are(client: httpx.AsyncClient) -> None:
    assert (await client.put(RUNS)).headers["allow"] == "POST"
    assert "GET" in (await client.post("/static/x")).headers["allow"]


async def test_a_limit_is_told_with_its_value(client: httpx.AsyncClient) -> None:
    assert (await client.post(RUNS, json={"code": "x" * 2001})).json()["limit"] == 2000


async def test_a_huge_chunked_body_is_refused_without_reading_it_all(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 1000

    answer = await client.post(RUNS, content=chunks(), headers=PLAIN)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("code", ["", "\n", "\tif x:\r\n\ty\r\n", "# only this", "\ufeffx = 1", "é" * 1000])
async def test_any_text_within_the_limit_is_run_as_it_is(
    client: httpx.AsyncClient, stub_runner: StubRunner, code: str
) -> None:
    answer = await client.post(RUNS, json={"code": code})
    assert answer.status_code == 200
    assert stub_runner.requests[-1].code == code.removeprefix("\ufeff")


async def test_unbounded_input_is_not_sent_back(client: httpx.AsyncClient) -> None:
    answers = [
        await client.get("/" + "A" * 5000),
        await client.post(RUNS, content=b"a", headers={"Content-Type": "A" * 5000}),
        await client.post(RUNS, content=json.dumps({"A" * 5000: 1}).encode(), headers=JSON),
        await client.get(f"{RUNS}/x/picture.svg?graph=" + "A" * 5000),
    ]
    assert [answer.text.count("A" * 401) for answer in answers] == [0] * 4


async def test_what_a_client_sends_cannot_forge_a_line_of_the_detail(client: httpx.AsyncClient) -> None:
    answer = await client.post(RUNS, json={"a\r\nSet-Cookie: b\x1b[31m": 1})
    assert not set("\r\n\x1b") & set(answer.json()["detail"])
