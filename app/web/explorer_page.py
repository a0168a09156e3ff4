"""The routes of the explorer page: a first visit, an example, and the form post that works without JavaScript.

Server side. Whatever goes wrong, the visitor's code stays in the editor.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from app.errors import AppError
from app.explorer import Explorer
from app.picture import View
from app.web.api import unless_gone
from app.web.examples import Example
from app.web.negotiation import parse_media_type
from app.web.pages import Pages
from app.web.problems import Refusal, handle_problem, problem, problem_of
from app.web.showcase import Showcase

FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 20
_NOT_TEXT: Final = re.compile("[\x00\ud800-\udfff]")


def router(explorer: Explorer, pages: Pages, showcase: Showcase) -> APIRouter:
    """`/` for GET, HEAD and POST."""
    routes = APIRouter(include_in_schema=False, default_response_class=Response)
    by_id = {one.id: one for one in pages.examples}

    async def show(request: Request) -> Response:
        example_id = request.query_params.get("example")
        if example_id is not None and example_id not in by_id:
            told = problem("not_found", "There is no such example.")
            return pages.explorer(request, code=pages.examples[0].code, problem=told, status_code=404)
        return await _show(request, by_id[example_id] if example_id else pages.examples[0])

    async def _show(request: Request, example: Example) -> Response:
        try:
            if not (await explorer.status()).ready:
                return pages.explorer(request, code=example.code, example_id=example.id, booting=True)
            run = await showcase.run_of(example, pages.language(request))
        except AppError as error:
            told = problem_of(error, request.scope["request_id"])
            return pages.explorer(request, code=example.code, example_id=example.id, problem=told)
        return pages.explorer(request, code=example.code, example_id=example.id, run=run)

    routes.add_api_route("/", show, methods=["GET", "HEAD"])

    @routes.post("/")
    async def run_form(request: Request) -> Response:
        code = ""
        try:
            code = await _form_code(request)
            view = View(language=pages.language(request))
            run = await unless_gone(request, lambda: explorer.run(code, picture=True, view=view))
        except AppError as error:
            told = problem_of(error, request.scope["request_id"])
            response = pages.explorer(request, code=_showable(code), problem=told, status_code=told.status)
            if told.retry_after is not None:
                response.headers["Retry-After"] = str(round(told.retry_after) or 1)
            return response
        return pages.explorer(request, code=code, run=run)

    return routes


async def _form_code(request: Request) -> str:
    """The field `code`, with the line ends that the visitor wrote; bytes that are no UTF-8 come as lone surrogates, so
    that `Explorer.run` refuses them and the page can still show the rest. Raises Refusal.
    """
    refused = request.scope.get("refused")
    if refused is not None:
        raise refused
    if parse_media_type(request.headers.get("content-type", "")).name != FORM:
        raise Refusal("unsupported_media_type", f"Send the form as {FORM}.")
    try:
        body = (await request.body()).decode("latin-1")
        fields = parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="surrogateescape")
    except ValueError as exc:
        raise Refusal("bad_request", f"The form has more than {_MOST_FIELDS} fields.") from exc
    codes = [value for name, value in fields if name == "code"]
    if len(codes) != 1:
        raise Refusal("invalid_request", "code: the form has this field once")
    return codes[0].replace("\r\n", "\n")


def _showable(code: str) -> str:
    """`code` as a page can hold it."""
    return _NOT_TEXT.sub("\ufffd", code)


def handle_page_problems(app: FastAPI, pages: Pages) -> None:
    """A person who asks for a page that is not there gets the explorer with the reason, not JSON."""

    async def handle(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 404 and _wants_page(request):
            return pages.missing(request)
        return await handle_problem(request, error)

    app.add_exception_handler(HTTPException, handle)


def _wants_page(request: Request) -> bool:
    if request.method not in ("GET", "HEAD") or request.url.path.startswith(("/api/", "/static/")):
        return False
    return "text/html" in request.headers.get("accept", "")
