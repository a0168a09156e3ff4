"""The page's files as they are committed: nothing inline, nothing foreign, types that match the Run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from app import run as values

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
TYPES = (ROOT / "static" / "js" / "types.d.ts").read_text("utf-8")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_that_the_policy_forbids(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|https?://(?!www\.w3\.org)", text)
    assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_short_and_never_writes_markup(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)


@pytest.mark.parametrize("name", ["Run", "Graph", "Node", "Edge", "Tensor", "TensorSummary", "Finding", "Picture"])
def test_the_types_of_the_page_have_the_fields_of_the_run(name: str) -> None:
    body = re.search(rf"export interface {name} \{{(.*?)\n\}}", TYPES, re.DOTALL)
    assert body is not None
    declared = set(re.findall(r"(?:^|[;{]\s*|\n\s*)(\w+):", re.sub(r"\{[^{}]*\}", "", body[1])))
    assert declared == {one.name for one in msgspec.structs.fields(getattr(values, name))}


def test_every_reason_of_a_cut_has_its_words() -> None:
    english = json.loads((ROOT / "static" / "i18n" / "en.json").read_text("utf-8"))
    assert all(f"cut.{reason}" in english for reason in get_args(values.CutReason))


def test_the_lock_file_names_no_registry() -> None:
    assert "http" not in (ROOT / "package-lock.json").read_text("utf-8")
