"""The summary for a terminal: what a hostile snippet calls its things stays where it belongs."""

from __future__ import annotations

import msgspec

from app.explain import summary_text
from app.run import Finding, Fix, Output, SnippetError
from tests.stub_runner import EVENTS
from tests.unit.test_explorer import folded


def hostile(text: str) -> str:
    run = folded(*EVENTS)
    tensors = tuple(msgspec.structs.replace(tensor, names=(text,)) for tensor in run.tensors)
    error = SnippetError(type=text, message=text)
    return summary_text(msgspec.structs.replace(run, tensors=tensors, error=error), {})


def test_a_name_cannot_add_lines_of_its_own() -> None:
    assert hostile("a\nok in 1 s").count("\n") == hostile("a ok in 1 s").count("\n")


def test_nothing_turns_the_direction_of_the_text() -> None:
    assert not set(hostile("\u202e\u2066\u200f")) & set("\u202e\u2066\u200f")


def test_a_fix_of_two_lines_keeps_both() -> None:
    finding = Finding(code="c", severity="info", fix=Fix(line=1, kind="replace", text="with f():\n    g()\n"))
    run = msgspec.structs.replace(folded(*EVENTS), findings=(finding,))
    assert "replace line 1: with f():\n    g()\n" in summary_text(run, {})


def test_output_keeps_its_lines() -> None:
    run = msgspec.structs.replace(folded(*EVENTS), output=Output(text="one\ntwo\n"))
    assert "one\ntwo\n" in summary_text(run, {})
