"""Every example runs as its teaching point says."""

import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FAILING = {"requires_grad_default", "requires_grad_false", "inplace_error", "backward_twice"}
IDS = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.fixture
def example(runs):
    return lambda name: runs[f"example:{name}"]


def tensor(run, name):
    return next(t for t in run.tensors if name in t.names and t.alive)


def nodes(run):
    return {node.id: node for graph in run.graphs for node in graph.nodes}


def names(run):
    return {node.name for node in nodes(run).values()}


def test_the_catalogue_lists_every_example_once_in_order(catalogue):
    assert sorted(entry["id"] for entry in catalogue) == IDS
    assert [entry["order"] for entry in catalogue] == list(range(1, len(catalogue) + 1))
    for entry in catalogue:
        assert all(entry[field][language] for field in ("title", "topic", "point") for language in ("en", "zh"))


def test_topics_are_not_scattered(catalogue):
    topics = [entry["topic"]["en"] for entry in catalogue]
    assert len([t for t, before in zip(topics, ["", *topics], strict=False) if t != before]) == len(set(topics))


@pytest.mark.parametrize("name", IDS)
def test_an_example_ends_as_it_should(example, name):
    assert example(name).status == ("error" if name in FAILING else "ok")


@pytest.mark.parametrize("name", IDS)
def test_an_example_is_short_and_says_what_it_shows(example, name):
    run = example(name)
    assert run.code.startswith("#")
    assert run.code.count("\n") <= 35
    assert run.output.text.count("\n") <= 12


def test_the_first_example_has_gradients_for_weights_and_bias(example):
    run = example("first_gradient")
    assert tensor(run, "w").grad.shape == (3, 2)
    assert tensor(run, "b").grad.shape == (2,)
    assert run.findings == ()


def test_chain_rule_multiplies(example):
    printed = [float(number) for number in re.findall(r"\d+\.\d+", example("chain_rule").output.text)]
    assert printed[0] == pytest.approx(printed[1])


@pytest.mark.parametrize(("name", "line"), [("requires_grad_default", 5), ("requires_grad_false", 4)])
def test_without_requires_grad_the_operations_are_shown_unrecorded_and_the_fix_is_offered(example, name, line):
    run = example(name)
    finding = run.findings[0]
    assert (finding.code, finding.lines["made"]) == ("root_has_no_graph", line)
    assert finding.fix.text == "speed = torch.tensor([3.0, 4.0], requires_grad=True)"
    unrecorded = [node.name for node in nodes(run).values() if node.kind == "unrecorded"]
    assert sorted(unrecorded) == ["dot", "mul"]


def test_with_requires_grad_dot_reaches_the_leaf_twice(example):
    run = example("requires_grad_true")
    assert tensor(run, "speed").grad.preview == (3.0, 4.0)
    (graph,) = run.graphs
    assert sorted(node.name for node in graph.nodes) == ["AccumulateGrad", "DotBackward0", "MulBackward0"]
    into_leaf = [edge for edge in graph.edges if nodes(run)[edge.target].kind == "accumulate_grad"]
    assert [edge.gradient.preview for edge in into_leaf] == [(1.5, 2.0), (1.5, 2.0)]


def test_grad_fn_and_grad(example):
    run = example("grad_fn_and_grad")
    assert tensor(run, "side").grad_fn_name is None
    assert (tensor(run, "area").grad_fn_name, tensor(run, "cost").grad_fn_name) == ("SumBackward0", "SubBackward0")
    assert tensor(run, "area").grad_reason.code == "non_leaf"
    into_area = [e for e in run.graphs[0].edges if nodes(run)[e.target].name == "SumBackward0"]
    assert into_area[0].gradient.preview == (1.0,)


def test_a_shared_leaf_gets_the_sum(example):
    assert tensor(example("shared_leaf"), "w").grad.preview == (17.0,)


def test_a_non_leaf_offers_to_retain_its_gradient(example):
    run = example("non_leaf_grad")
    assert tensor(run, "y").grad_reason.code == "non_leaf"
    assert (run.findings[0].fix.kind, run.findings[0].fix.text) == ("insert", "y.retain_grad()")


@pytest.mark.parametrize(
    ("name", "result", "block"), [("no_grad_block", "quote", 7), ("no_grad_decorator", "quiet", 5)]
)
def test_no_grad_shows_the_unrecorded_operation_cut_off_at_its_line(example, name, result, block):
    run = example(name)
    assert not tensor(run, result).requires_grad
    assert tensor(run, result).grad_reason.params["block"] == block
    cuts = [edge for graph in run.graphs for edge in graph.edges if edge.reason == "no_grad"]
    assert [edge.line for edge in cuts] == [block]


def test_detach_cuts_the_encoder_off(example):
    run = example("detach")
    reason = tensor(run, "encoder").grad_reason
    assert (reason.code, reason.params["line"]) == ("cut_by_detach", 9)
    assert tensor(run, "decoder").grad is not None
    backward, live = run.graphs
    for graph in (backward, live):  # under what used the cut tensor, and where its own history lives
        assert [edge.line for edge in graph.edges if edge.reason == "detach"] == [9]
    assert [node.name for node in backward.nodes if node.kind == "leaf"] == ["encoder"]


def test_a_frozen_layer_says_so(example):
    run = example("frozen_layer")
    assert [tensor(run, f"model.0.{p}").grad_reason.code for p in ("weight", "bias")] == ["frozen"] * 2
    assert all(tensor(run, f"model.2.{p}").grad is not None for p in ("weight", "bias"))


@pytest.mark.parametrize(("name", "parameters"), [("mlp", 6), ("small_cnn", 6), ("transformer_encoder", 72)])
def test_networks_reach_all_their_parameters(example, name, parameters):
    run = example(name)
    found = [t for t in run.tensors if t.is_parameter and t.alive]
    assert len([t for t in found if t.grad is not None]) == parameters
    assert not [finding for finding in run.findings if finding.severity != "info"]


def test_the_encoder_has_as_many_nodes_as_its_title_says(example):
    assert len(nodes(example("transformer_encoder"))) == 335


def test_each_turn_of_the_training_loop_has_a_graph(example):
    run = example("training_loop")
    assert [graph.kind for graph in run.graphs] == ["backward"] * 6
    assert run.findings == ()


def test_accumulation_adds_up_and_is_told(example):
    run = example("accumulation")
    assert tensor(run, "w").grad.preview == (12.0,)
    assert [(f.code, f.severity, f.params["count"]) for f in run.findings] == [("accumulated", "info", 2)]


def test_the_custom_function_is_a_node(example):
    run = example("custom_function")
    assert [node.name for node in nodes(run).values() if node.kind == "custom"] == ["RoundStraightThroughBackward"]
    assert tensor(run, "x").grad.preview == (1.0, 2.0, 3.0)


def test_in_place_names_both_lines(example):
    finding = example("inplace_error").findings[0]
    assert (finding.code, finding.lines["saved"], finding.lines["changed"]) == ("inplace_modified", 7, 8)
    assert finding.fix.text == "growth = growth + 1"


def test_backward_twice_names_what_both_share(example):
    finding = example("backward_twice").findings[0]
    assert (finding.code, finding.params["node"], finding.params["node_line"]) == (
        "backward_twice_loop",
        "SigmoidBackward0",
        6,
    )


def test_nan_is_traced_to_the_logarithm(example):
    finding = example("log_of_negative").findings[0]
    assert (finding.code, finding.params["node"], finding.line) == ("nan_forward", "LogBackward0", 7)
