"""The OpenAPI document is complete, and a snapshot guards it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.web.problems import PROBLEMS

pytestmark = pytest.mark.anyio

SNAPSHOT = Path(__file__).parent / "openapi.json"


async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    told: dict[str, Any] = (await client.get("/openapi.json")).json()
    return told


async def test_its_shape_is_the_snapshot(client: httpx.AsyncClient) -> None:
    # After a wanted change, put the running server's /openapi.json through `python -m json.tool` into the snapshot.
    assert shape(await document(client)) == shape(json.loads(SNAPSHOT.read_text(encoding="utf-8")))


def shape(told: Any) -> Any:
    """Without what is written for people, which may be said better at any time."""
    if isinstance(told, list):
        return [shape(one) for one in told]
    if not isinstance(told, dict):
        return told
    return {key: shape(value) for key, value in told.items() if not (key == "description" and isinstance(value, str))}


async def test_it_has_every_operation(client: httpx.AsyncClient) -> None:
    paths = (await document(client))["paths"]
    assert {f"{method} {path}" for path, methods in paths.items() for method in methods} == {
        "post /api/v1/runs",
        "get /api/v1/runs/{run_id}",
        "delete /api/v1/runs/{run_id}",
        "get /api/v1/runs/{run_id}/picture.{kind}",
        "get /api/v1/examples",
        "get /healthz",
        "get /readyz",
    }


async def test_every_reference_leads_somewhere(client: httpx.AsyncClient) -> None:
    told = await document(client)
    names = {part.split('"')[0] for part in json.dumps(told).split("#/components/schemas/")[1:]}
    assert names <= set(told["components"]["schemas"])
    assert {"Run", "Graph", "Tensor", "Finding", "RunRequest", "Problem", "SandboxStatus"} <= names | {"Problem"}


async def test_every_error_of_an_operation_is_a_problem_with_an_example(client: httpx.AsyncClient) -> None:
    for path, methods in (await document(client))["paths"].items():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert "application/problem+json" in answer["content"], (path, status)


async def test_the_operation_that_runs_code_names_every_problem_it_can_have(client: httpx.AsyncClient) -> None:
    responses = (await document(client))["paths"]["/api/v1/runs"]["post"]["responses"]
    named = {code for answer in responses.values() for code in _examples(answer)}
    elsewhere = {"not_found", "foreign_host", "bad_snippet", "worker_error", "protocol_violation"}
    assert named == set(PROBLEMS) - elsewhere


def _examples(answer: dict[str, Any]) -> set[str]:
    return set(answer["content"].get("application/problem+json", {}).get("examples", {}))
