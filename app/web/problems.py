"""Every way of failing has one shape: RFC 9457 problem+json, made here and nowhere else. Server side.

`PROBLEMS` is the whole list; `docs/errors.md` has a row for each, and so has the page `/docs/errors`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.errors import AppError, CodeTooLong, NotKept, PictureError, WorkerError

log = logging.getLogger("app.web")

MEDIA_TYPE: Final = "application/problem+json"
_LONGEST_DETAIL: Final = 400


class Kind(NamedTuple):
    """One kind of failure: its status, its title, and what the caller can do."""

    status: int
    title: str
    advice: str


PROBLEMS: Final[Mapping[str, Kind]] = {
    "bad_request": Kind(400, "The request is malformed", "Read `detail`; nothing was run."),
    "malformed_json": Kind(400, "The body is not JSON", "Send one JSON object, or the code itself as text/x-python."),
    "code_not_text": Kind(400, "The code is not text", "Send UTF-8 without null bytes and without lone surrogates."),
    "bad_snippet": Kind(400, "The code cannot be run", "Read `detail`; nothing was run."),
    "foreign_origin": Kind(403, "The request comes from another site", "Use this page, or send no Origin."),
    "not_found": Kind(404, "There is no such thing here", "The address is wrong, or the run is no longer kept."),
    "method_not_allowed": Kind(405, "This address does not take this method", "`Allow` lists the methods it takes."),
    "not_acceptable": Kind(406, "None of the accepted types can be had", "`detail` lists the types; `*/*` gives JSON."),
    "body_too_slow": Kind(408, "The body did not arrive in time", "Send it again, whole and at once."),
    "body_too_large": Kind(413, "The body is too large", "`limit` is the number of bytes that are taken."),
    "code_too_long": Kind(413, "The code is too long", "`limit` is the number of bytes of UTF-8 that are taken."),
    "unsupported_media_type": Kind(415, "This type of body is not taken", "`detail` lists the types that are."),
    "foreign_host": Kind(421, "This server answers to loopback names only", "Open it as 127.0.0.1 or localhost."),
    "invalid_request": Kind(422, "A field has the wrong shape", "`detail` names the field; `$` is the body."),
    "no_graph": Kind(422, "The run has no graph to draw", "Ask for JSON: it tells what the run did."),
    "layout_timeout": Kind(422, "The graph is too tangled to draw", "Ask for JSON or DOT; `limit` is in seconds."),
    "picture_too_large": Kind(422, "The graph is too large to draw", "Ask for JSON or DOT; `limit` is in nodes."),
    "rate_limited": Kind(429, "Too many requests", "Wait `retry_after` seconds."),
    "internal": Kind(500, "Something broke on our side", "Tell the operator the request id; trying again may help."),
    "worker_error": Kind(500, "The run was lost on our side", "Try again: the next run gets a fresh worker."),
    "worker_died": Kind(500, "The run was lost on our side", "Try again: the next run gets a fresh worker."),
    "protocol_violation": Kind(500, "The run was lost on our side", "Try again: the next run gets a fresh worker."),
    "picture_error": Kind(500, "The picture could not be made", "Ask for JSON or DOT: the run itself is whole."),
    "graphviz_missing": Kind(503, "This server has no Graphviz", "Ask for JSON or DOT: the run itself is whole."),
    "busy": Kind(503, "All places are taken", "Wait `retry_after` seconds and try again."),
    "sandbox_unavailable": Kind(503, "Nothing can be run at the moment", "`/readyz` tells which part is missing."),
}

_BY_STATUS: Final = {
    400: "bad_request",
    403: "foreign_origin",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "rate_limited",
}


_RETRY_SECONDS: Final = {"busy": 1.0, "rate_limited": 1.0, "sandbox_unavailable": 5.0}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, rename={"kind": "type"}):
    """What every error answer holds. `kind` is sent as `type`: the address of its explanation."""

    kind: str
    title: str
    status: int
    detail: str
    code: str
    limit: float | None = None
    retry_after: float | None = None
    request_id: str | None = None


class Refusal(AppError):
    """A request that HTTP itself forbids; `code` is one of `PROBLEMS`."""

    def __init__(self, code: str, detail: str = "", *, limit: float | None = None) -> None:
        super().__init__(detail, limit=limit)
        self.code = code


def problem(
    code: str, detail: str = "", *, limit: float | None = None, retry_after: float | None = None, request_id: str = ""
) -> Problem:
    """The problem of that code; an unknown code is `internal`. `detail` is cut at its bound."""
    code = code if code in PROBLEMS else "internal"
    kind = PROBLEMS[code]
    return Problem(
        kind=f"/docs/errors#{code}",
        title=kind.title,
        status=kind.status,
        detail=(_printable(detail) or kind.advice)[:_LONGEST_DETAIL],
        code=code,
        limit=limit,
        retry_after=_RETRY_SECONDS.get(code) if retry_after is None else retry_after,
        request_id=request_id or None,
    )


def problem_of(error: Exception, request_id: str = "") -> Problem:
    """The problem that `error` is told as. What is our fault is told without its text."""
    if isinstance(error, WorkerError) or (type(error) is PictureError):
        return problem(error.code, request_id=request_id)
    if isinstance(error, AppError):
        detail = error.detail or (_too_long(error) if isinstance(error, CodeTooLong) else "")
        retry = error.retry_after_seconds
        return problem(error.code, detail, limit=error.limit, retry_after=retry)
    if isinstance(error, RequestValidationError):
        return problem("invalid_request", _first_field(error))
    if isinstance(error, HTTPException):
        return problem(_BY_STATUS.get(error.status_code, "internal" if error.status_code >= 500 else "bad_request"))
    return problem("internal", request_id=request_id)


def answer(told: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """`told` as a response, with Retry-After where it helps."""
    sent = {name: value for name, value in (headers or {}).items() if not name.lower().startswith("content-")}
    if told.retry_after is not None:
        sent["Retry-After"] = str(max(1, math.ceil(told.retry_after)))
    sent["Cache-Control"] = "no-store"
    return Response(msgspec.json.encode(told), told.status, sent, MEDIA_TYPE)


def handle_problems(app: FastAPI) -> None:
    """From now on every error of `app` is answered as a problem."""
    for kind in (AppError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, handle_problem)


async def handle_problem(request: Request, error: Exception) -> Response:
    """`error` as its response; what is our fault is logged with the request's id."""
    request_id = request.scope.get("request_id", "")
    told = problem_of(error, request_id)
    if told.status >= 500 and not isinstance(error, NotKept):
        log.warning("request %s: %s: %s", request_id, type(error).__name__, _printable(str(error))[:_LONGEST_DETAIL])
    headers = dict(getattr(error, "headers", None) or {})
    if told.status == 405:
        headers.setdefault("Allow", "GET, HEAD")
    return answer(told, headers)


def _too_long(error: CodeTooLong) -> str:
    return f"The code is longer than {error.limit:,.0f} bytes." if error.limit else ""


def _first_field(error: RequestValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part)[:40] for part in first["loc"])
    return f"{place}: {first['msg']}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[: 2 * _LONGEST_DETAIL])
