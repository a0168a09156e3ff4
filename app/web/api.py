"""The REST API, version 1: runs, their pictures, the examples. Server side. `docs/api.md` describes it for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal, TypeVar

import anyio
import anyio.to_thread
import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from app.explain import summary_text
from app.explorer import Explorer
from app.picture import View, standalone_svg
from app.run import Run
from app.web.negotiation import choose
from app.web.pages import Pages
from app.web.schemas import DOT, JSON, RUN, RUN_BODY, STRING, SVG, TEXT, content, problems, read_run_request

_RUN_TYPES: Final = (JSON, SVG, DOT, TEXT)
_COMMON: Final = ("internal", "method_not_allowed")
_PICTURE_PROBLEMS: Final = ("no_graph", "layout_timeout", "picture_too_large", "picture_error", "graphviz_missing")
_CLIENT_GONE: Final = 499

T = TypeVar("T")

RunId = Annotated[str, Path(description="As in `id` of the Run")]
GraphQuery = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Id of a graph; unset: that of the last call")]
DetailQuery = Annotated[
    Literal["merged", "all"], Query(description="merged: AccumulateGrad nodes are drawn as one with their leaves")
]
DirectionQuery = Annotated[Literal["TB", "LR"], Query(description="The loss on top, or on the left")]
LanguageQuery = Annotated[Literal["en", "zh"], Query(alias="lang", description="Language of the labels")]


def router(explorer: Explorer, pages: Pages, examples: bytes) -> APIRouter:
    """The routes under /api/v1. `examples` is the answer of `/examples`, encoded."""
    api = APIRouter(prefix="/api/v1", default_response_class=Response)

    @api.post(
        "/runs",
        tags=["runs"],
        operation_id="createRun",
        openapi_extra={"requestBody": RUN_BODY},
        responses={
            200: content(
                "The run. A snippet that fails is still a run that worked: see `status`.",
                json=RUN,
                svg=STRING,
                dot=STRING,
                text=STRING,
            ),
            **problems(
                *("bad_request", "malformed_json", "code_not_text", "foreign_origin", "not_acceptable"),
                *("body_too_slow", "body_too_large", "code_too_long", "unsupported_media_type", "invalid_request"),
                *(*_PICTURE_PROBLEMS, "rate_limited", "busy", "sandbox_unavailable", "worker_died"),
                *_COMMON,
            ),
        },
    )
    async def create_run(request: Request) -> Response:
        """Run a snippet. `Accept` chooses between the Run, its picture, DOT, and a summary for a terminal."""
        wanted = choose(request.headers.get("accept", ""), _RUN_TYPES)
        asked = read_run_request(await request.body(), request.headers.getlist("content-type"))
        picture = wanted == SVG or (wanted == JSON and asked.options.picture)
        run = await unless_gone(request, lambda: explorer.run(asked.code, asked.options.seed, picture=picture))
        if run is None:
            return Response(status_code=_CLIENT_GONE)
        return await _run_as(request, wanted, run)

    async def _run_as(request: Request, wanted: str, run: Run) -> Response:
        headers = {"Location": f"/api/v1/runs/{run.id}", "Cache-Control": "no-store", "Vary": "Accept"}
        match wanted:
            case "image/svg+xml":
                body: str | bytes = standalone_svg((run.picture or await explorer.picture(run, View())).svg)
            case "text/vnd.graphviz":
                body = await explorer.dot(run, View())
            case "text/plain":
                body = _summary(request, run)
            case _:
                body = await _encoded(run)
        return Response(body, 200, headers, wanted)

    def _summary(request: Request, run: Run) -> str:
        return summary_text(run, pages.catalogues[pages.language(request)].sentences)

    @api.get(
        "/runs/{run_id}",
        tags=["runs"],
        operation_id="getRun",
        responses={
            200: content("The run again", json=RUN, text=STRING),
            **problems("not_found", "not_acceptable", "invalid_request", *_COMMON),
        },
    )
    async def get_run(request: Request, run_id: RunId) -> Response:
        """A finished run, while it is kept."""
        wanted = choose(request.headers.get("accept", ""), (JSON, TEXT))
        run = await explorer.kept(run_id)
        body = _summary(request, run) if wanted == TEXT else await _encoded(run)
        return Response(body, 200, {"Cache-Control": "private, no-cache", "Vary": "Accept"}, wanted)

    @api.delete(
        "/runs/{run_id}",
        status_code=204,
        tags=["runs"],
        operation_id="forgetRun",
        responses={204: {"description": "Forgotten"}, **problems("not_found", "invalid_request", *_COMMON)},
    )
    async def forget_run(run_id: RunId) -> Response:
        """Forget a run at once."""
        await explorer.forget(run_id)
        return Response(status_code=204)

    @api.get(
        "/runs/{run_id}/picture.{kind}",
        tags=["runs"],
        operation_id="getPicture",
        responses={
            200: content("The picture", svg=STRING, dot=STRING, json={"$ref": "#/components/schemas/Picture"}),
            **problems("not_found", "invalid_request", *_PICTURE_PROBLEMS, *_COMMON),
        },
    )
    async def get_picture(
        run_id: RunId,
        kind: Literal["svg", "dot", "json"],
        graph: GraphQuery = None,
        detail: DetailQuery = "merged",
        direction: DirectionQuery = "TB",
        language: LanguageQuery = "en",
    ) -> Response:
        """One graph of a finished run: a whole SVG file, DOT text, or (json) an SVG for the page's own stylesheet."""
        run = await explorer.kept(run_id)
        view = View(graph=graph, detail=detail, direction=direction, language=language)
        headers = {"Cache-Control": "private, max-age=300"}
        if kind == "dot":
            return Response(await explorer.dot(run, view), 200, headers, DOT)
        picture = await explorer.picture(run, view)
        if kind == "json":
            return Response(_encoder.encode(picture), 200, headers, JSON)
        return Response(standalone_svg(picture.svg), 200, headers, SVG)

    @api.get(
        "/examples",
        tags=["examples"],
        operation_id="listExamples",
        responses={
            200: content(
                "All examples, in order",
                json={"type": "array", "items": {"$ref": "#/components/schemas/ExampleAnswer"}},
            ),
            **problems(*_COMMON),
        },
    )
    async def list_examples() -> Response:
        """The examples of the page, with their code."""
        return Response(examples, 200, {"Cache-Control": "public, max-age=300"}, JSON)

    return api


async def unless_gone(request: Request, work: Callable[[], Awaitable[T]]) -> T | None:
    """The result of `work`, or None as soon as the client has gone: then `work` is cancelled first.

    The body must have been read. What `work` raises comes out as it is.
    """
    result: T | None = None
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch)
        try:
            result = await work()
        except Exception as exc:
            failure = exc
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return result


_encoder = msgspec.json.Encoder()
_LARGE_NODES: Final = 5_000


async def _encoded(run: Run) -> bytes:
    if sum(len(graph.nodes) for graph in run.graphs) < _LARGE_NODES:
        return _encoder.encode(run)
    return await anyio.to_thread.run_sync(_encoder.encode, run)
