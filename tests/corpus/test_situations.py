"""What real runs are told: the reason, the finding, the line. And what ordinary code is not told."""

import json
import re
from pathlib import Path

import pytest

from app.explain import summary_text
from app.explain.codes import FINDINGS, REASONS
from tests.corpus import situations

SENTENCES = json.loads((Path(__file__).resolve().parents[2] / "static/i18n/en.json").read_text("utf-8"))


@pytest.mark.parametrize("name", situations.REASONS)
def test_a_missing_gradient_has_its_reason_and_line(runs, name):
    _, tensor, code, line = situations.REASONS[name]
    found = [t for t in runs[f"reason:{name}"].tensors if tensor in t.names and t.alive][-1]
    assert found.grad_reason is not None
    assert re.fullmatch(code, found.grad_reason.code), found.grad_reason
    assert line is None or line in found.grad_reason.params.values()


@pytest.mark.parametrize("name", situations.ERRORS)
def test_an_error_has_its_finding_and_line(runs, name):
    _, code, line = situations.ERRORS[name]
    run = runs[f"error:{name}"]
    assert run.status == "error"
    assert run.findings[0].code == code, run.error
    assert line is None or run.findings[0].line == line


@pytest.mark.parametrize("name", situations.WARNINGS)
def test_what_is_certainly_wrong_is_warned_of(runs, name):
    _, code, line = situations.WARNINGS[name]
    run = runs[f"warning:{name}"]
    assert run.status == "ok", run.error
    assert (run.findings[0].code, run.findings[0].severity, run.findings[0].line) == (code, "warning", line)


@pytest.mark.parametrize("name", situations.TOLD)
def test_what_may_be_meant_is_only_told(runs, name):
    run = runs[f"told:{name}"]
    assert run.status == "ok", run.error
    assert situations.TOLD[name][1] in [finding.code for finding in run.findings]
    assert {finding.severity for finding in run.findings} == {"info"}


@pytest.mark.parametrize("name", situations.ORDINARY)
def test_ordinary_training_code_raises_no_alarm(runs, name):
    run = runs[f"ordinary:{name}"]
    assert run.status == "ok", run.error
    assert [finding for finding in run.findings if finding.severity != "info"] == []


def test_every_gradient_is_there_or_has_a_reason(runs):
    for name, run in runs.items():
        for tensor in run.tensors:
            assert (tensor.grad is None) != (tensor.grad_reason is None), (name, tensor.names)


def test_every_sentence_can_be_filled(runs):
    for run in runs.values():
        for finding in run.findings:
            assert set(FINDINGS[finding.code]) <= set(finding.params)
        for tensor in run.tensors:
            if tensor.grad_reason is not None:
                assert set(REASONS[tensor.grad_reason.code]) <= set(tensor.grad_reason.params)


def test_lines_that_are_named_exist_in_the_snippet(runs):
    for name, run in runs.items():
        lines = run.code.count("\n") + 1
        for finding in run.findings:
            assert all(1 <= line <= lines for line in finding.lines.values()), name


def test_fixes_leave_python_that_can_be_read(runs):
    for name, run in runs.items():
        for finding in run.findings:
            if finding.fix is not None:
                lines = run.code.split("\n")
                start = finding.fix.line - 1
                lines[start : start + (finding.fix.kind == "replace")] = [finding.fix.text]
                compile("\n".join(lines), name, "exec")


def test_every_run_can_be_told_on_a_terminal(runs):
    for run in runs.values():
        text = summary_text(run, SENTENCES)
        assert text.startswith(run.status)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)
