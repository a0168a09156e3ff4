"""What surrounds every request, as plain ASGI: ids, security headers, the access log, whole bodies within bounds,
loopback names, and the last catch. Server side; none of it knows what a run is.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.problems import Refusal, answer, problem, problem_of

log = logging.getLogger("app.web")
access = logging.getLogger("app.access")

PAGE_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PICTURE_CSP: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}
_STOPPING: Final = problem("sandbox_unavailable", "The server is stopping.")
_BODY_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")
BODY_SECONDS: Final = 15.0
_DRAINED_BYTES: Final = 32 * 2**20
_DRAIN_SECONDS: Final = 5.0


class Envelope:
    """Outermost: gives each request an id and a nonce, each response its security headers, and logs one line.

    What nobody caught becomes a 500 problem here, with its traceback in the log only. The log line holds neither the
    query string nor the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["request_id"] = secrets.token_hex(8)
        scope["nonce"] = secrets.token_urlsafe(16)
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), scope)
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except asyncio.CancelledError:  # the server stops, and waits no longer
            if status == 0:
                await answer(_STOPPING)(scope, receive, send_with_headers)
            raise
        except Exception:
            log.exception("request %s failed", scope["request_id"])
            if status == 0:
                response = answer(problem("internal", request_id=scope["request_id"]))
                await response(scope, receive, send_with_headers)
        finally:
            took_ms = (time.perf_counter() - started) * 1000
            path = scope["path"][:200].encode("unicode_escape").decode()
            access.info("%s %s %d %.1f ms %s", scope["method"][:20], path, status, took_ms, scope["request_id"])


def _add_headers(headers: MutableHeaders, scope: Scope) -> None:
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    headers["X-Request-Id"] = scope["request_id"]
    if headers.get("content-type", "").startswith("image/svg+xml"):
        headers["Content-Security-Policy"] = PICTURE_CSP
    else:
        headers["Content-Security-Policy"] = PAGE_CSP.format(nonce=scope["nonce"])


class WholeBody:
    """Reads the body before anything else runs: at most `limit_bytes` of it, within `seconds`, not encoded.

    The application below gets it in one piece; after it, it sees the client's disconnect as usual. The paths of
    `forms` have their own limit and tell about a refusal themselves: it is in `scope["refused"]`, the body is empty.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit_bytes: int,
        forms: Mapping[str, int] | None = None,
        seconds: float = BODY_SECONDS,
    ) -> None:
        self.app = app
        self.limit_bytes = limit_bytes
        self.forms = forms or {}
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _BODY_METHODS:
            await self.app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except Refusal as refusal:
            if scope["path"] not in self.forms:
                await answer(problem_of(refusal))(scope, receive, send)
                return
            scope["refused"] = refusal
            body = b""
        except _Gone:
            return
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body. Raises Refusal (encoded, too large, too slow) and _Gone (the client left)."""
        headers = Headers(scope=scope)
        limit = self.forms.get(scope["path"], self.limit_bytes)
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise Refusal("unsupported_media_type", "Send the body without Content-Encoding.")
        with anyio.move_on_after(self.seconds):
            body = await _collect(receive, limit)
            if body is not None:
                return body
            if "expect" not in headers:
                await _drain(receive)
            raise Refusal("body_too_large", f"The body is larger than {limit:,} bytes.", limit=limit)
        raise Refusal("body_too_slow", f"The body did not arrive within {self.seconds:g} s.", limit=self.seconds)


class _Gone(Exception):
    """The client closed the connection before its request was whole."""


async def _collect(receive: Receive, limit: int) -> bytes | None:
    """The body, or None as soon as it is longer than `limit`."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _drain(receive: Receive) -> None:
    """Reads on for a while, so that a client that writes first and reads later gets to see our answer."""
    seen = 0
    with anyio.move_on_after(_DRAIN_SECONDS):
        while seen < _DRAINED_BYTES:
            message = await receive()
            seen += len(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return


def _replay(body: bytes, receive: Receive) -> Receive:
    told = False

    async def replayed() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


class SameSite:
    """Refuses what another site could have a browser send: a foreign Origin on methods that change something, and, on
    a server without a sandbox (`loopback_only`), any Host that is not a loopback name.
    """

    def __init__(self, app: ASGIApp, *, loopback_only: bool) -> None:
        self.app = app
        self.loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except Refusal as refusal:
                await answer(problem_of(refusal))(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.loopback_only and not is_loopback(_hostname(host)):
            raise Refusal("foreign_host")
        if scope["method"] not in _BODY_METHODS:
            return
        origin = headers.get("origin")
        if origin is not None and _authority(origin) != host.lower():
            raise Refusal("foreign_origin")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refusal("foreign_origin")


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return "\0"


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether `name` can only mean this machine."""
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
