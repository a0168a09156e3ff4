"""One test for each reason why `.grad` is None, on runs built by hand."""

import pytest

from app.explain import explain
from app.run import Reason, Run
from tests.unit.explain.build import (
    accumulate,
    computed,
    cut,
    error,
    flow,
    graph,
    history,
    leaf,
    node,
    run,
    summary,
)


def reason_of(result: Run, tensor: int = 1) -> Reason:
    found = next(t.grad_reason for t in explain(result).tensors if t.id == tensor)
    assert found is not None
    return found


def backward(*nodes, edges=(), **fields):
    return graph("backward", list(nodes), list(edges), **{"line": 9, "roots": (nodes[0].id,), **fields})


def test_a_gradient_that_is_there_needs_no_reason():
    tensor = leaf(1, "w", grad=summary(1.0))
    assert explain(run(tensors=[tensor])).tensors[0].grad_reason is None


def test_nothing_called_backward():
    assert reason_of(run(tensors=[leaf(1, "w")])).code == "no_backward"


def test_the_run_ended_before_backward():
    found = reason_of(run(tensors=[leaf(1, "w")], error=error("boom", 4)))
    assert (found.code, found.params["line"]) == ("stopped_early", 4)


def test_a_call_that_failed_wrote_nothing():
    call = backward(node(1), accumulate(2, 1), edges=[flow(1, 2)], error="RuntimeError")
    assert reason_of(run(tensors=[leaf(1, "w")], graphs=[call], error=error("boom"))).code == "backward_failed"


def test_autograd_grad_does_not_write_grad():
    call = graph("grad", [node(1), accumulate(2, 1)], [flow(1, 2)], line=5)
    found = reason_of(run(tensors=[leaf(1, "w")], graphs=[call]))
    assert (found.code, found.params["call"]) == ("only_autograd_grad", 5)


def test_backward_with_inputs_passes_the_others_by():
    call = backward(node(1, executed=True), accumulate(2, 1), edges=[flow(1, 2)])
    assert reason_of(run(tensors=[leaf(1, "w")], graphs=[call])).code == "not_among_inputs"


def test_a_custom_function_returned_none():
    custom = node(1, "custom", "MineBackward", line=4, executed=True)
    call = backward(custom, accumulate(2, 1, executed=True), edges=[flow(1, 2)])
    found = reason_of(run(tensors=[leaf(1, "w")], graphs=[call]))
    assert (found.code, found.params["function"]) == ("backward_returned_none", "MineBackward")


def test_a_gradient_was_cleared():
    tensor = leaf(1, "w", history=history(("grad_cleared", 12, 1)))
    call = backward(accumulate(2, 1, executed=True), accumulates=(1,))
    found = reason_of(run(tensors=[tensor], graphs=[call]))
    assert (found.code, found.params["line"], found.params["call"]) == ("cleared", 12, 9)


def test_a_leaf_that_only_a_side_result_uses_is_not_on_the_path():
    live = graph("live", [node(5, line=6), accumulate(6, 1)], [flow(5, 6)], id_=1)
    found = reason_of(run(tensors=[leaf(1, "w")], graphs=[backward(node(1)), live]))
    assert (found.code, found.params["used"], found.params["call"]) == ("not_on_path", 6, 9)


def test_a_leaf_that_nothing_uses_is_unused():
    found = reason_of(run(tensors=[leaf(1, "w")], graphs=[backward(node(1))]))
    assert (found.code, found.params["certainty"]) == ("unused", "likely")


def test_a_computed_tensor_is_not_a_leaf():
    found = reason_of(run(tensors=[computed(1, "y", line=3)]))
    assert (found.code, found.params["line"], found.params["made_by"]) == ("non_leaf", 3, "MulBackward0")


def test_a_name_that_was_taken_from_its_leaf():
    tensors = [computed(1, "x", node=1, line=4), leaf(2, "x")]
    found = reason_of(run(tensors=tensors, graphs=[backward(node(1), accumulate(2, 2), edges=[flow(1, 2)])]))
    assert (found.code, found.params["leaf_line"]) == ("leaf_overwritten", 2)


def test_a_leaf_that_never_had_a_name():
    tensors = [computed(1, "x", node=1, line=4), leaf(2, line=4)]
    found = reason_of(run(tensors=tensors, graphs=[backward(node(1), accumulate(2, 2), edges=[flow(1, 2)])]))
    assert found.code == "leaf_unnamed"


CUTS = {
    "detach": "cut_by_detach",
    "data": "cut_by_data",
    "item": "cut_by_item",
    "numpy": "cut_by_numpy",
    "rewrapped": "cut_by_rewrap",
    "no_grad": "made_under_no_grad",
    "inference_mode": "made_under_inference_mode",
    "integer": "cut_by_integer",
    "not_differentiable": "not_differentiable",
}


@pytest.mark.parametrize(("edge", "code"), CUTS.items())
def test_the_result_of_a_cut_says_what_cut_it(edge, code):
    tensor = leaf(1, "d", requires_grad=False)
    live = graph("live", [node(3, "unrecorded", "mul", line=7, tensors=(1,)), node(4)], [cut(3, 4, edge, 6)])
    found = reason_of(run(tensors=[tensor], graphs=[live]))
    assert found.code == code
    assert 6 in found.params.values()


@pytest.mark.parametrize(("edge", "code"), CUTS.items())
def test_a_leaf_above_a_cut_says_where_it_was_cut_off(edge, code):
    loss = backward(node(1, saved=()))
    live = graph(
        "live",
        [node(3, "unrecorded", "mul", line=7, tensors=(2,)), node(4), accumulate(5, 1)],
        [cut(3, 4, edge, 6), flow(4, 5)],
        id_=1,
    )
    found = reason_of(run(tensors=[leaf(1, "w"), leaf(2, "d", requires_grad=False)], graphs=[loss, live]))
    assert found.code == code


def test_looking_at_a_side_result_does_not_count_as_a_cut():
    live = graph(
        "live",
        [node(3, "unrecorded", "detach", line=7), accumulate(5, 1), node(6, line=8)],
        [cut(3, 5, "detach", 7), flow(6, 5)],
        id_=1,
    )
    assert reason_of(run(tensors=[leaf(1, "w")], graphs=[backward(node(1)), live])).code == "not_on_path"


def test_a_cut_of_unknown_line_is_told_without_one():
    live = graph("live", [node(3, "unrecorded", "detach", tensors=(1,)), node(4)], [cut(3, 4, "detach")])
    found = reason_of(run(tensors=[leaf(1, "d", requires_grad=False)], graphs=[live]))
    assert (found.code, found.params["how"]) == ("cut_plain", "detach()")


def test_a_name_lost_in_an_update_under_no_grad():
    tensors = [leaf(1, "w", requires_grad=False, line=7), leaf(2, "w")]
    live = graph(
        "live", [node(3, "unrecorded", "sub", line=7, tensors=(1,)), accumulate(4, 2)], [cut(3, 4, "no_grad", 6)]
    )
    found = reason_of(run(tensors=tensors, graphs=[live]))
    assert (found.code, found.params["name"]) == ("lost_by_update", "w")


def test_a_frozen_parameter_says_the_line():
    tensor = leaf(1, "w", requires_grad=False, is_parameter=True, history=history(("requires_grad_off", 5, 0)))
    found = reason_of(run(tensors=[tensor]))
    assert (found.code, found.params["line"]) == ("frozen", 5)


def test_a_parameter_that_was_made_frozen():
    assert reason_of(run(tensors=[leaf(1, "w", requires_grad=False, is_parameter=True)])).code == "frozen_plain"


def test_a_plain_tensor_never_required_a_gradient():
    found = reason_of(run(tensors=[leaf(1, "x", requires_grad=False, line=3)]))
    assert (found.code, found.params["line"]) == ("never_required", 3)


def test_a_tensor_computed_from_plain_tensors():
    tensors = [leaf(1, "y", requires_grad=False, line=4), leaf(2, "x", requires_grad=False)]
    call = backward(
        node(3, "unrecorded", "dot", tensors=(1,)),
        node(4, "leaf", "x", tensors=(2,)),
        edges=[cut(3, 4, "none_required")],
    )
    found = reason_of(run(tensors=tensors, graphs=[call]))
    assert (found.code, found.params["inputs"]) == ("inputs_never_required", "x")


def test_integers_have_no_gradient():
    found = reason_of(run(tensors=[leaf(1, "labels", requires_grad=False, dtype="torch.int64")]))
    assert (found.code, found.params["dtype"]) == ("integer_dtype", "int64")


def test_a_tensor_that_is_gone():
    assert reason_of(run(tensors=[leaf(1, "h", alive=False)])).code == "gone"
