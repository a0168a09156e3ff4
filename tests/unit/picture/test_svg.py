"""What the page relies on: ids, classes, data attributes, names for screen readers, one stylesheet, one legend."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.picture import View, dot_source, legend, standalone_svg
from app.picture.fold import fold
from app.picture.plain import plain_layout
from app.picture.style import STYLES
from app.picture.svg import render, stylesheet
from app.picture.words import WORDS
from tests.unit.picture import made_runs as made

GOLDEN = Path(__file__).parents[2] / "golden" / "picture"
RUNS = {
    "dot_product": made.dot_product,
    "detached": made.detached,
    "no_grad": made.no_grad,
    "everything": made.everything,
}


def document(run, **view):
    drawing = fold(run, View(**view), 1500)
    return ElementTree.fromstring(render(drawing, plain_layout(drawing)))


def by_id(svg, id):
    return next(each for each in svg.iter() if each.get("id") == id)


def test_a_node_carries_what_the_page_needs():
    node = by_id(document(made.detached()), "g0-n1")
    assert node.get("class") == "node kind-op line-7"
    assert (node.get("data-node"), node.get("data-line"), node.get("data-tensor")) == ("1", "7", "2")
    assert (node.get("tabindex"), node.get("role")) == ("-1", "button")
    assert node.get("aria-label") == node[0].text == "AddBackward0, z, line 7, 2 inputs, gradient norm 0.392"


def test_classes_tell_the_kinds_apart():
    svg = document(made.everything())
    classes = {each.get("id"): each.get("class") for each in svg.iter() if each.get("id")}
    assert classes["g0-n0"] == "node kind-op kind-output line-12"
    assert classes["g0-n2"] == "node kind-custom line-10"
    assert classes["g0-n5"] == "node kind-leaf parameter line-4"
    assert classes["g0-n7"] == "node kind-leaf frozen line-5"
    assert classes["g0-n8"] == "node kind-unrecorded line-8"
    assert classes["g0-n6-u0"] == "node kind-leaf nan line-5"


def test_an_edge_says_whom_it_joins_and_is_hidden_from_screen_readers():
    svg = document(made.dot_product())
    edges = [each for each in svg.iter() if each.get("data-source") == "1"]
    assert [(each.get("data-target"), each.get("data-source-position")) for each in edges] == [("2", "0"), ("2", "1")]
    assert {each.get("class") for each in edges} == {"edge kind-gradient"}
    assert next(each for each in svg.iter() if each.get("class") == "edges").get("aria-hidden") == "true"


def test_the_whole_has_a_name():
    assert document(made.detached()).get("aria-label") == "Computation graph: 7 nodes, 6 edges"


def test_ids_are_unique():
    for run in (made.recurrent(5), made.everything()):
        for detail in ("merged", "all"):
            ids = [each.get("id") for each in document(run, detail=detail).iter() if each.get("id")]
            assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", RUNS)
def test_the_dot_text_is_the_agreed_one(name):
    assert dot_source(RUNS[name]()) == (GOLDEN / f"{name}.dot").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RUNS)
def test_the_plain_svg_is_the_agreed_one(name):
    drawing = fold(RUNS[name](), View(), 1500)
    assert render(drawing, plain_layout(drawing)) + "\n" == (GOLDEN / f"{name}.svg").read_text(encoding="utf-8")


def test_a_downloaded_picture_brings_its_own_light_and_dark_styles():
    drawing = fold(made.everything(), View(), 1500)
    text = standalone_svg(render(drawing, plain_layout(drawing)))
    style = ElementTree.fromstring(text.encode())[0]
    assert style.tag.endswith("style")
    assert "prefers-color-scheme: dark" in style.text
    assert not re.search(r"url\(|@import|expression|</", style.text)


def test_the_legend_explains_every_kind_in_both_languages():
    for language in ("en", "zh"):
        entries = legend(language)
        assert {entry.name for entry in entries} == (set(STYLES) - {"custom_output"}) | {"gradient", "cut"}
        for entry in entries:
            assert entry.text == WORDS[language][f"key.{entry.name}"]
            assert ElementTree.fromstring(entry.sample).get("aria-hidden") == "true"


def test_no_two_kinds_look_alike_without_colour():
    looks = {name: (style.outline, style.double, style.dot) for name, style in STYLES.items()}
    assert len(set(looks.values())) == len(looks)


def test_both_languages_have_the_same_words():
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    for key, text in WORDS["en"].items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", WORDS["zh"][key]))


def test_every_kind_has_its_rule_in_the_stylesheet():
    names = {name for style in STYLES.values() for name in style.classes.split()} - {"kind-op", "kind-output"}
    for name in (*names, "selected", "linked", "dimmed", "idle", "kind-cut"):
        assert f".{name}" in stylesheet(), name


def themes():
    sheet = stylesheet()
    dark = sheet.index("@media (prefers-color-scheme: dark)")
    explicit = sheet.index('[data-theme="dark"],')
    for start, end in ((0, dark), (dark, explicit), (explicit, len(sheet))):
        yield dict(re.findall(r"(--graph-[\w-]+): (#[0-9a-f]{6})", sheet[start:end]))


def luminance(colour):
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_dark_theme_is_the_same_by_preference_and_by_choice():
    _, preferred, chosen = themes()
    assert preferred == chosen


@pytest.mark.parametrize("theme", list(themes()), ids=["light", "dark by preference", "dark by choice"])
def test_text_and_outlines_have_enough_contrast(theme):
    fills = ["op", "custom", "leaf", "still", "cut-fill", "bad-fill", "linked-fill", "ground"]
    for fill in fills:
        assert contrast(theme["--graph-ink"], theme[f"--graph-{fill}"]) >= 4.5
        assert contrast(theme["--graph-note"], theme[f"--graph-{fill}"]) >= 4.5
    for text, fill in (("bad", "bad-fill"), ("cut", "ground"), ("bad", "ground")):
        assert contrast(theme[f"--graph-{text}"], theme[f"--graph-{fill}"]) >= 4.5
    for line in ("op-line", "custom-line", "leaf-line", "still-line", "cut", "bad", "edge", "focus", "linked"):
        assert contrast(theme[f"--graph-{line}"], theme["--graph-ground"]) >= 3
