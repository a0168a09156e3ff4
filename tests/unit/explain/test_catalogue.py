"""The codes, their page in docs/, and both catalogues say the same."""

import json
import re
from pathlib import Path

import pytest

from app.explain.codes import FINDINGS, FIXES, REASONS

ROOT = Path(__file__).resolve().parents[3]
KINDS = {"reason": REASONS, "finding": FINDINGS, "fix": FIXES}


def catalogue(language):
    return json.loads((ROOT / "static/i18n" / f"{language}.json").read_text("utf-8"))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_code_has_a_sentence_and_every_sentence_a_code(language, kind):
    keys = {key.removeprefix(f"{kind}.") for key in catalogue(language) if key.startswith(f"{kind}.")}
    assert keys == set(KINDS[kind])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS)
def test_sentences_use_exactly_the_parameters_that_are_always_there(language, kind):
    sentences = catalogue(language)
    for code, params in KINDS[kind].items():
        used = set(re.findall(r"\{(\w+)\}", sentences[f"{kind}.{code}"]))
        assert used == set(params), code


def test_the_page_lists_exactly_the_codes():
    reasons, findings = (ROOT / "docs/findings.md").read_text("utf-8").split("## Findings\n")
    assert re.findall(r"^\| `(\w+)`", reasons, re.M) == list(REASONS)
    assert re.findall(r"^\| `(\w+)`", findings, re.M) == list(FINDINGS)


def test_the_page_marks_the_findings_that_offer_a_fix():
    page = (ROOT / "docs/findings.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \| fix \|", page, re.M)) == set(FIXES)


def test_a_fix_needs_no_parameter_that_its_finding_lacks():
    assert all(set(params) <= set(FINDINGS[code]) for code, params in FIXES.items())


def test_sentences_never_say_bare_none_or_failed():
    for language in ("en", "zh"):
        for key, text in catalogue(language).items():
            if key.startswith(("reason.", "finding.")):
                assert text not in ("None", "autograd failed"), key
                assert len(text) > 5 or "{" in text, key
