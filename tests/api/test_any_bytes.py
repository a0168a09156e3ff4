"""Whatever bytes arrive, the answer is ours and never a 5xx."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.main import create_app
from app.settings import Settings
from tests.stub_runner import StubRunner

TYPES = ["application/json", "text/plain", "text/x-python", "application/x-www-form-urlencoded", "text/plain;charset=x"]
FIELDS = ["code", "options", "seed", "picture", "x"]
JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["code", "options", "seed", "picture", "x"]), inner)
    ),
)
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """One application for all examples, in a loop of its own."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_client()) as client:
        yield lambda *args, **options: portal.call(partial(client.request, *args, **options))


@asynccontextmanager
async def _client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(code_bytes=2000), runner=StubRunner(), welcome=False)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client


@EXAMPLES
@given(body=st.binary(max_size=300), kind=st.sampled_from(TYPES), path=st.sampled_from(["/", "/api/v1/runs"]))
def test_any_bytes_as_a_body(ask: Ask, body: bytes, kind: str, path: str) -> None:
    answer = ask("POST", path, content=body, headers={"Content-Type": kind})
    assert answer.status_code in (200, 400, 413, 415, 422)


@EXAMPLES
@given(value=JSONISH)
def test_any_json_as_a_request(ask: Ask, value: object) -> None:
    body = json.dumps(value).encode()
    answer = ask("POST", "/api/v1/runs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400, 413, 422)


@EXAMPLES
@given(accept=HEADER, kind=HEADER, language=HEADER, cookie=HEADER)
def test_any_headers(ask: Ask, accept: str, kind: str, language: str, cookie: str) -> None:
    headers = {"Accept": accept, "Content-Type": kind, "Accept-Language": language, "Cookie": cookie}
    assert ask("POST", "/api/v1/runs", content=b"a", headers=headers).status_code < 500
    assert ask("GET", "/", headers=headers).status_code == 200
