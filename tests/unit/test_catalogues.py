"""Both languages say the same things, and every word that the page asks for exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EN, ZH = (json.loads((ROOT / "static" / "i18n" / f"{name}.json").read_text("utf-8")) for name in ("en", "zh"))
PAGE = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static" / "js").glob("*.js")]
ASKED = re.compile(r"""(?<![\w.])t(?:\.count)?\(\s*["']([\w.]+)["']""")


def test_both_catalogues_have_the_same_keys() -> None:
    assert EN.keys() == ZH.keys()


def test_both_sentences_have_the_same_places() -> None:
    assert {key: _places(EN[key]) for key in EN} == {key: _places(ZH[key]) for key in EN}


def test_no_sentence_is_empty() -> None:
    assert [key for key in EN if not EN[key].strip() or not ZH[key].strip()] == []


def _places(sentence: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", sentence))


def test_every_word_that_the_page_asks_for_exists() -> None:
    asked = {key for path in PAGE for key in ASKED.findall(path.read_text("utf-8"))}
    assert len(asked) > 100
    assert {key for key in asked if key not in EN and f"{key}.one" not in EN and not key.endswith(".")} == set()


@pytest.mark.parametrize("stem", sorted({key.removesuffix(".one") for key in EN if key.endswith(".one")}))
def test_every_counted_word_has_both_forms(stem: str) -> None:
    assert f"{stem}.many" in EN
