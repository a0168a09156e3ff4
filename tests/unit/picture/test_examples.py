"""The examples of the page, really evaluated: what a reader must see stands in their pictures."""

from pathlib import Path

import pytest

from app.picture.fold import fold
from app.picture.plain import plain_layout
from app.picture.svg import render
from app.picture.view import View
from tests.evaluate_plain import evaluate_snippets

pytestmark = pytest.mark.slow  # starts PyTorch
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def runs():
    return evaluate_snippets({each.stem: each.read_text(encoding="utf-8") for each in EXAMPLES.glob("*.py")})


def text_of(run, **view):
    """All that stands in the picture of `run`, one line a box or label."""
    drawing = fold(run, View(**view), 1500)
    assert drawing.drawn == drawing.total == len(next(each for each in run.graphs if each.id == drawing.graph).nodes)
    assert render(drawing, plain_layout(drawing))
    boxes = ["\n".join("".join(span.text for span in line) for line in node.lines) for node in drawing.nodes]
    return "\n".join(boxes + [" ".join(edge.lines) for edge in drawing.edges])


def test_every_graph_of_every_example_can_be_drawn(runs):
    for run in runs.values():
        assert run.graphs
        for graph in run.graphs:
            for detail in ("merged", "all"):
                assert text_of(run, graph=graph.id, detail=detail)


@pytest.mark.parametrize(
    ("example", "words"),
    [
        ("requires_grad_default", ["dot — not recorded", "mul — not recorded", "no input requires grad", "grad: None"]),
        ("requires_grad_true", ["MulBackward0", "DotBackward0", "[0] ", "[1] ", "leaf · (2,)"]),
        ("no_grad_block", ["mul — not recorded", "inside no_grad(), line 7", "✂ no_grad()"]),
        ("frozen_layer", ["model.0.weight · frozen", "model.0.bias · frozen", "✂ frozen"]),
        ("custom_function", ["RoundStraightThroughBackward"]),
        ("log_of_negative", ["grad norm NaN"]),
        ("shared_leaf", ["use 1 of "]),
    ],
)
def test_what_a_reader_must_see_stands_in_the_picture(runs, example, words):
    text = text_of(runs[example])
    for each in words:
        assert each in text


def test_a_detach_is_marked_with_its_line(runs):
    texts = [text_of(runs["detach"], graph=graph.id) for graph in runs["detach"].graphs]
    assert any("✂ detach() line 9" in text and "detach — not recorded" in text for text in texts)
