"""Security headers, compression, caching, and who may ask at all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.stub_runner import StubRunner

pytestmark = pytest.mark.anyio

RUNS = "/api/v1/runs"


@pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v1/examples", "/docs", "/static/css/graph.css", "/readyz"])
async def test_every_answer_has_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    csp = re.sub(r"'nonce-[\w-]{22}'", "'nonce-R'", headers["content-security-policy"])
    assert csp == (
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-R'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "permissions-policy" in headers
    assert re.fullmatch("[0-9a-f]{16}", headers["x-request-id"])


async def test_the_nonce_of_a_page_is_fresh_and_that_of_its_policy(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/") for _ in range(2)]
    nonces = [re.findall(r'name="csp-nonce" content="([\w-]+)"', answer.text)[0] for answer in answers]
    assert nonces[0] != nonces[1]
    assert f"'nonce-{nonces[0]}'" in answers[0].headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/errors"])
async def test_pages_have_no_inline_script_or_style_and_nothing_from_elsewhere(
    client: httpx.AsyncClient, path: str
) -> None:
    html = (await client.get(path)).text
    assert re.findall(r"<script(?![^>]* src=)(?![^>]*application/json)[^>]*>", html) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", html) == []
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*', html) == []


async def test_everything_that_a_page_loads_is_there(client: httpx.AsyncClient) -> None:
    for page in ("/", "/docs", "/docs/errors"):
        html = (await client.get(page)).text
        for place in re.findall(r'(?:src|href)="(/static/[^"]+)"', html):
            assert (await client.get(place)).status_code == 200, place


async def test_large_answers_are_compressed_and_small_ones_are_not(client: httpx.AsyncClient) -> None:
    large = await client.get("/api/v1/examples", headers={"Accept-Encoding": "gzip"})
    small = await client.get("/healthz", headers={"Accept-Encoding": "gzip"})
    assert large.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("js/main.js", "text/javascript"),
        ("css/graph.css", "text/css"),
        ("i18n/en.json", "application/json"),
        ("vendor/swagger/start.js", "text/javascript"),
    ],
)
async def test_static_files_have_their_type_and_are_revalidated(
    client: httpx.AsyncClient, path: str, kind: str
) -> None:
    first = await client.get(f"/static/{path}")
    assert first.headers["content-type"].split(";")[0] == kind
    again = await client.get(f"/static/{path}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("origin", ["http://127.0.0.1", "HTTP://127.0.0.1"])
async def test_the_pages_own_origin_may_post(client: httpx.AsyncClient, origin: str) -> None:
    answer = await client.post(RUNS, json={"code": "a"}, headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["null", "http://127.0.0.1:81", "http://[", "https://evil.example", ""])
async def test_another_origin_may_not_post(client: httpx.AsyncClient, origin: str) -> None:
    answer = await client.post(RUNS, json={"code": "a"}, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


@pytest.fixture
async def trusted_client(stub_runner: StubRunner) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(trusted_local=True), runner=stub_runner, welcome=False)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asker:
            yield asker


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("rebound.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
async def test_without_a_sandbox_only_loopback_names_are_answered(
    trusted_client: httpx.AsyncClient, host: str, status: int
) -> None:
    assert (await trusted_client.get("/healthz", headers={"Host": host})).status_code == status


async def test_a_page_without_the_whole_sandbox_says_so(
    client: httpx.AsyncClient, trusted_client: httpx.AsyncClient
) -> None:
    warning = "No full sandbox: your own code only"
    assert warning in (await trusted_client.get("/")).text
    assert f">{warning}<" not in (await client.get("/")).text
