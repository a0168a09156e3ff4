"""How findings are put together: parameters that fill the sentence, or the plain sentence instead. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from app.explain.codes import FINDINGS, PLAIN
from app.run import Finding, Fix, Id, Line, NodeRef, Param

Severity = Literal["error", "warning", "info"]
DETAIL_CHARACTERS = 300


def find(
    code: str,
    severity: Severity,
    *,
    line: Line | None = None,
    lines: Mapping[str, Line | None] | None = None,
    nodes: tuple[NodeRef, ...] = (),
    tensors: tuple[Id, ...] = (),
    fix: Fix | None = None,
    certainty: Literal["certain", "likely"] = "certain",
    params: Mapping[str, Param] | None = None,
) -> Finding:
    """A finding whose sentence can be filled; the plain one where a parameter is missing."""
    known = {name: value for name, value in (params or {}).items() if value is not None}
    if any(name not in known for name in FINDINGS[code]):
        code += PLAIN
    return Finding(
        code=code,
        severity=severity,
        line=line,
        lines={role: at for role, at in (lines or {}).items() if at is not None},
        nodes=nodes,
        tensors=tensors,
        params={**known, "certainty": certainty},
        fix=fix,
    )


def short(text: str) -> str:
    """The first lines of a message, without the hints that PyTorch appends."""
    plain = " ".join(text.split())
    return plain if len(plain) <= DETAIL_CHARACTERS else plain[: DETAIL_CHARACTERS - 1] + "…"
