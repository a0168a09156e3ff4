"""No string of a snippet becomes markup, DOT syntax, an escape or a URL: shown by real Graphvizes and an XML parser."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.picture import View, dot_source, standalone_svg
from app.picture.dot import bare
from app.picture.engine import bundled_dot, installed_dot
from app.picture.fold import fold
from app.picture.plain import plain_layout
from app.picture.quoting import dot_string, dot_text, visible, xml
from app.picture.svg import render
from app.run import Node
from tests.unit.picture import made_runs as made

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<b>x</b>",
    "</title><script>alert(1)</script>",
    '"];evil->node["',
    "\\N\\G\\E\\l\\r\\n\\",
    "&lt;&#60;&amp;lt;&quot;",
    "a&amp",
    'x" onload="alert(1)',
    "]]><script>",
    "javascript:alert(1)",
    "\u202eevil\u2066\u200b\u00ad\ufeff",
    "\x00\x01\x1b[31m\x7f\x85\u2028\u2029",
    "\ud800 lone \udfff",
    "Z" + "\u0301" * 500 + "algo",
    "z" * 1_000_000,
    "",
    "張量 名 🙂",
    "{a|b}",
    "%s {0} ${x}",
]
ARBITRARY = st.text(st.characters(), max_size=80) | st.sampled_from(HOSTILE)
ENGINES = [pytest.param(engine, id=name) for name, engine in (("dot", installed_dot()), ("wheel", bundled_dot()))]


def hostile_run(text):
    """`text` wherever a snippet can put some: names, classes, calls, modules, attributes, graph calls."""
    custom = Node(0, "custom", text[:256], 4, call=text[:256], module=text[:256], tensors=(1,), executed=True)
    unrecorded = Node(3, "unrecorded", text[:256], 5, tensors=(2,))
    tensors = [made.tensor(0, text[:256]), made.tensor(1, text[:256], text[:256]), made.tensor(2, text[:256])]
    edges = [made.flow(0, 1), made.cut(3, 0, "detach", 5)]
    return made.run_of(made.graph([custom, made.leaf(1, 0), unrecorded], edges, 0, call=text[:8192]), tensors=tensors)


@given(ARBITRARY)
def test_visible_text_is_printable_and_bounded(text):
    shown = visible(text, 40)
    assert len(shown) <= 40
    assert shown.isprintable()
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]", shown)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_plain_text_stays_as_it_is(text):
    assert visible(text, 40) == text


def test_what_is_cut_ends_with_an_ellipsis():
    assert visible("a" * 41, 40) == "a" * 39 + "…"


@given(ARBITRARY)
def test_a_dot_string_ends_where_it_should(text):
    quoted = dot_string(visible(text))
    inside = quoted[1:-1]
    assert quoted[0] == quoted[-1] == '"'
    assert not re.search(r'(?<!\\)(\\\\)*"', inside)
    assert len(re.search(r"\\*\Z", inside).group()) % 2 == 0


@given(ARBITRARY)
def test_an_attribute_of_the_svg_holds_exactly_the_text(text):
    shown = visible(text)
    assert ElementTree.fromstring(f'<a b="{xml(shown)}">{xml(shown)}</a>').get("b") == shown


def graphviz_svg(engine, dot):
    done = subprocess.run(engine.command, input=dot.encode(), capture_output=True, timeout=30, check=True)
    return ElementTree.fromstring(re.sub(rb"<!DOCTYPE[^>]*>", b"", done.stdout))


def words_of(group):
    return "".join("".join(text.itertext()) for text in group.iter(f"{SVG}text"))


@pytest.mark.parametrize("engine", ENGINES)
def test_graphviz_reads_every_name_as_text_of_exactly_one_node(engine):
    if engine is None:
        pytest.skip("this Graphviz is not installed")
    shown = [visible(text) for text in HOSTILE]
    dot = "digraph g {" + "".join(f"n{at} [label={dot_string(text)}];" for at, text in enumerate(shown)) + "}"
    nodes = [group for group in graphviz_svg(engine, dot).iter(f"{SVG}g") if group.get("class") == "node"]
    texts = {group.find(f"{SVG}title").text: words_of(group) for group in nodes}
    assert len(nodes) == len(HOSTILE)
    for at, text in enumerate(shown):
        assert texts.get(f"n{at}", "").replace("\u00a0", " ").strip() == dot_text(text).strip()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ARBITRARY)
def test_any_dot_source_has_the_nodes_of_the_run_and_no_link(text):
    document = graphviz_svg(installed_dot() or bundled_dot(), dot_source(hostile_run(text)))
    groups = [group.get("class", "") for group in document.iter(f"{SVG}g")]
    assert sum("kind-" in name and name.startswith("node") for name in groups) == 3
    assert not list(document.iter(f"{SVG}a"))


@given(ARBITRARY, st.sampled_from([View(), View(detail="all"), View(direction="LR"), View(language="zh")]))
def test_any_svg_is_inert(text, view):
    drawing = fold(hostile_run(text), view, 100)
    svg = render(drawing, plain_layout(drawing))
    for document in (svg, standalone_svg(svg)):
        assert_inert(ElementTree.fromstring(document.encode()), styled=document is not svg)


def assert_inert(document, *, styled):
    allowed = {"svg", "g", "title", "text", "tspan", "rect", "path", "polygon"} | ({"style"} if styled else set())
    assert {element.tag.removeprefix(SVG) for element in document.iter()} <= allowed
    for element in document.iter():
        for name in element.keys():  # noqa: SIM118
            assert not name.lower().startswith("on")
            assert name not in {"style", "href", "{http://www.w3.org/1999/xlink}href", "fill", "stroke"}


def test_the_layout_is_asked_without_any_text_of_the_snippet():
    assert bare(fold(hostile_run("secret"), View(), 100)) == bare(fold(hostile_run("terces"), View(), 100))
    assert "secret" not in bare(fold(hostile_run("secret"), View(), 100))


def test_nothing_of_this_depends_on_hash_seeds():
    code = "from tests.unit.picture.made_runs import *; from app.picture import *; print(dot_source(everything()))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
