"""The one door of this room. Pure."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from app.explain.errors import explain_error
from app.explain.index import Index, index
from app.explain.numbers import explain_numbers
from app.explain.python import explain_limit
from app.explain.reasons import Evidence, gather, reason
from app.explain.source import source
from app.explain.training import explain_training
from app.run import Finding, Run, Tensor

MOST_FINDINGS = 100
SEVERITIES = ("error", "warning", "info")


def explain(run: Run) -> Run:
    """`run` with its findings, errors first, and a reason for every gradient that is missing."""
    evidence = gather(index(run))
    tensors = tuple(_reasoned(evidence, tensor) for tensor in run.tensors)
    return msgspec.structs.replace(run, tensors=tensors, findings=_findings(_with_tensors(evidence.index, tensors)))


def _with_tensors(seen: Index, tensors: tuple[Tensor, ...]) -> Index:
    """The same index over tensors that have their reasons."""
    run = msgspec.structs.replace(seen.run, tensors=tensors)
    return replace(seen, run=run, tensors={tensor.id: tensor for tensor in tensors})


def _reasoned(evidence: Evidence, tensor: Tensor) -> Tensor:
    missing = reason(evidence, tensor) if tensor.grad is None else None
    return msgspec.structs.replace(tensor, grad_reason=missing)


def _findings(seen: Index) -> tuple[Finding, ...]:
    run, text = seen.run, source(seen.run.code)
    found: list[Finding] = []
    limit = explain_limit(run)
    if limit is not None:
        found.append(limit)
    if run.error is not None and limit is None:
        found.extend(explain_error(seen, text, run.error))
    found.extend(explain_numbers(seen))
    found.extend(explain_training(seen, text))
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))[:MOST_FINDINGS])
