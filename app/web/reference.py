"""The API's own pages: `/docs` (Swagger UI, self-hosted), `/docs/errors` (every problem, by its code). Server side."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from app.web.problems import PROBLEMS

_HEAD: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>%s · Autograd Explorer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="%s"></head>
"""
_SWAGGER: Final = (
    _HEAD % ("API", "/static/vendor/swagger/swagger-ui.css")
    + """<body><main id="swagger-ui"></main>
<script src="/static/vendor/swagger/swagger-ui-bundle.js"></script>
<script src="/static/vendor/swagger/start.js"></script></body></html>
"""
)


def router() -> APIRouter:
    """Both pages."""
    pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    errors = _errors_page()

    @pages.get("/docs")
    async def swagger() -> HTMLResponse:
        return HTMLResponse(_SWAGGER)

    @pages.get("/docs/errors")
    async def explained_errors() -> HTMLResponse:
        return HTMLResponse(errors)

    return pages


def _errors_page() -> str:
    row = Markup("<tr id='{0}'><th scope='row'><code>{0}</code></th><td>{1}</td><td>{2}</td><td>{3}</td></tr>\n")
    rows = Markup().join(row.format(code, kind.status, kind.title, kind.advice) for code, kind in PROBLEMS.items())
    return (
        _HEAD
        % ("Errors", "/static/css/base.css")
        + "<body><main class='errors'><h1>Errors of the API</h1><p>Every error is answered as "
        "<code>application/problem+json</code> (RFC 9457) with type, title, status, detail and code.</p>"
        "<table><thead><tr><th scope='col'>code</th><th scope='col'>status</th><th scope='col'>means</th>"
        f"<th scope='col'>what to do</th></tr></thead><tbody>\n{rows}</tbody></table></main></body></html>\n"
    )
