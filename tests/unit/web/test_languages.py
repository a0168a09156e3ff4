"""Sentences: filled, never evaluated, never markup."""

from __future__ import annotations

from app.web.files import page_folder
from app.web.languages import Catalogue, load_catalogues, script_json


def test_places_are_filled_and_others_stay() -> None:
    t = Catalogue({"a": "{x} of {y}, {missing}"}, {})
    assert t("a", x=1.23456, y=(1, "two")) == "1.235 of 1, two, {missing}"


def test_a_parameter_is_not_read_as_a_sentence() -> None:
    assert Catalogue({"a": "{x}"}, {})("a", x="{y} {0.__class__}", y="no") == "{y} {0.__class__}"


def test_parameters_may_have_any_name() -> None:
    assert Catalogue({"a": "{key} {self}"}, {})("a", key=1, self=2) == "1 2"


def test_what_a_language_lacks_comes_from_the_other_one() -> None:
    t = Catalogue({"a": "甲"}, {"a": "A", "b": "B"})
    assert [t("a"), t("b"), t("c")] == ["甲", "B", "c"]


def test_both_catalogues_are_there() -> None:
    catalogues = load_catalogues(page_folder("static") / "i18n")
    assert catalogues["en"]("run.button") != catalogues["zh"]("run.button")


def test_json_cannot_end_the_script_it_stands_in() -> None:
    assert not set("<>&\u2028\u2029") & set(script_json({"a": "</script><!--&\u2028\u2029"}))
