"""What the API takes and how it describes itself: the request values, and the OpenAPI document. Server side."""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Meta

from app import __version__
from app.errors import CodeNotText
from app.protocol import SandboxStatus
from app.run import Run
from app.web.negotiation import parse_media_type
from app.web.problems import MEDIA_TYPE, PROBLEMS, Problem, Refusal, problem

CODE_TYPES: Final = ("text/x-python", "text/plain")
SVG: Final = "image/svg+xml"
DOT: Final = "text/vnd.graphviz"
JSON: Final = "application/json"
TEXT: Final = "text/plain"
_UTF8: Final = ("utf-8", "utf8", "us-ascii", "ascii")
_CODE_EXAMPLE: Final = "import torch\n\nw = torch.ones(3, requires_grad=True)\nloss = (w * 3).sum()\nloss.backward()\n"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`seed` seeds every random generator; `picture` asks for the SVG in the same answer."""

    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    picture: bool = False


class RunRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A snippet to run."""

    code: str
    options: Options = Options()


class ExampleAnswer(msgspec.Struct, frozen=True):
    """One example of the page; texts by language."""

    id: str
    title: dict[str, str]
    topic: dict[str, str]
    point: dict[str, str]
    order: int
    code: str


class ReadyProblem(Problem, frozen=True, omit_defaults=True, rename={"kind": "type"}):
    """The problem of `/readyz`, with what the sandbox says of itself."""

    sandbox: SandboxStatus | None = None


_decoder = msgspec.json.Decoder(RunRequest)


def read_run_request(body: bytes, content_types: list[str]) -> RunRequest:
    """The request in `body`, whose Content-Type headers are `content_types`. Raises Refusal and CodeNotText."""
    if len(set(content_types)) > 1:
        raise Refusal("bad_request", "There is more than one Content-Type.")
    kind = parse_media_type(content_types[0] if content_types else "")
    if kind.name != JSON and kind.name not in CODE_TYPES:
        raise Refusal("unsupported_media_type", f"Send {JSON}, or the code itself as {' or '.join(CODE_TYPES)}.")
    if kind.params.get("charset", "utf-8").lower() not in _UTF8:
        raise Refusal("unsupported_media_type", "Send the body in UTF-8.")
    if kind.name == JSON:
        return _read_json(body)
    return RunRequest(code=as_text(body))


def as_text(body: bytes) -> str:
    """`body` as text. Raises CodeNotText."""
    try:
        return body.decode()
    except UnicodeDecodeError as exc:
        line = body.count(b"\n", 0, exc.start) + 1
        raise CodeNotText(f"The bytes on line {line} are not UTF-8.") from exc


def _read_json(body: bytes) -> RunRequest:
    try:
        return _decoder.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.ValidationError as exc:
        raise Refusal("invalid_request", _with_path(str(exc))) from exc
    except UnicodeError as exc:
        raise CodeNotText("The body is not UTF-8.") from exc
    except (msgspec.DecodeError, RecursionError) as exc:
        if _has_lone_surrogate(body):
            raise CodeNotText("Half of a character (a lone surrogate) stands in the body.") from exc
        raise Refusal("malformed_json", f"{str(exc)[:200]}.") from exc


def _with_path(message: str) -> str:
    return message if " - at `" in message else f"{message} - at `$`"


def _has_lone_surrogate(body: bytes) -> bool:
    """Whether that is what makes the strict decoder refuse a body that Python's lenient one reads."""
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


# --- the OpenAPI document -----------------------------------------------------------------------------------------


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The responses of an operation that can fail with these codes, for FastAPI's `responses=`."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        example = msgspec.to_builtins(problem(code))
        entry = by_status.setdefault(
            PROBLEMS[code].status,
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": _ref("Problem"), "examples": {}}},
            },
        )
        entry["description"] = "; ".join(filter(None, (entry["description"], f"{PROBLEMS[code].title} (`{code}`)")))
        entry["content"][MEDIA_TYPE]["examples"][code] = {"value": example}
        if PROBLEMS[code].status in (429, 503):
            entry["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    return by_status


def content(description: str, **kinds: dict[str, Any]) -> dict[str, Any]:
    """A 200 response by media type; `kinds` are given by keyword `json`, `svg`, `dot`, `text`."""
    names = {"json": JSON, "svg": SVG, "dot": DOT, "text": TEXT}
    return {"description": description, "content": {names[key]: {"schema": schema} for key, schema in kinds.items()}}


RUN: Final = {"$ref": "#/components/schemas/Run"}
STRING: Final = {"type": "string"}

RUN_BODY: Final = {
    "required": True,
    "description": "The snippet as JSON with options, or as it is.",
    "content": {
        JSON: {
            "schema": {"$ref": "#/components/schemas/RunRequest"},
            "examples": {"run": {"value": {"code": _CODE_EXAMPLE, "options": {"seed": 0, "picture": True}}}},
        },
        "text/x-python": {"schema": STRING, "example": _CODE_EXAMPLE},
        "text/plain": {"schema": STRING, "example": _CODE_EXAMPLE},
    },
}


def describe(app: FastAPI) -> None:
    """Gives `app` its OpenAPI document: the routes by FastAPI, the values by msgspec."""

    @cache
    def document() -> dict[str, Any]:
        made = get_openapi(
            title="Autograd Explorer",
            version=__version__,
            description="Run a PyTorch snippet in a sandbox: its autograd graph, its gradients, why one is missing.",
            routes=app.routes,
        )
        components = made.setdefault("components", {})
        components["schemas"] = _components()
        return made

    app.openapi = document  # type: ignore[method-assign]


def _components() -> dict[str, Any]:
    kinds = (Run, RunRequest, Problem, ReadyProblem, SandboxStatus, ExampleAnswer)
    _, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return dict(sorted(components.items()))


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
