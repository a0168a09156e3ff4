"""`/healthz`: this process answers. `/readyz`: runs are accepted, and what confines them. Server side."""

from __future__ import annotations

from typing import Final

import msgspec
from fastapi import APIRouter, Response

from app.explorer import Explorer
from app.web.problems import MEDIA_TYPE, problem
from app.web.schemas import JSON, ReadyProblem, content

_NO_STORE: Final = {"Cache-Control": "no-store"}
_RETRY_SECONDS: Final = 2


def router(explorer: Explorer) -> APIRouter:
    """The two addresses, for GET and HEAD."""
    health = APIRouter(default_response_class=Response, tags=["service"])

    async def alive() -> Response:
        """This process answers; says nothing of the sandbox."""
        return Response(b'{"status":"ok"}', 200, _NO_STORE, JSON)

    async def ready() -> Response:
        """200 once runs are accepted, 503 until then; both list every layer of the sandbox by name."""
        status = await explorer.status()
        if status.ready:
            return Response(msgspec.json.encode(status), 200, _NO_STORE, JSON)
        told = problem(
            "sandbox_unavailable", status.detail or "The sandbox is still starting.", retry_after=_RETRY_SECONDS
        )
        body = msgspec.json.encode(ReadyProblem(**msgspec.structs.asdict(told), sandbox=status))
        return Response(body, 503, {**_NO_STORE, "Retry-After": str(_RETRY_SECONDS)}, MEDIA_TYPE)

    health.add_api_route(
        "/healthz", alive, operation_id="healthz", responses={200: content("Alive", json={"type": "object"})}
    )
    health.add_api_route(
        "/readyz",
        ready,
        operation_id="readyz",
        responses={
            200: content("Ready", json={"$ref": "#/components/schemas/SandboxStatus"}),
            503: {
                "description": "Not ready",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ReadyProblem"}}},
            },
        },
    )
    for path, answer in (("/healthz", alive), ("/readyz", ready)):
        health.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False)
    return health
