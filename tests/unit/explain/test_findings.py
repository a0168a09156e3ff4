"""Findings about runs that end well, and about values nobody should trust."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.explain import explain, summary_text
from app.run import Edge, Finding, Graph, Node, Output, Reason, Tensor
from tests.unit.explain.build import accumulate, computed, error, flow, graph, history, leaf, node, run, summary

NAN, INF = float("nan"), float("inf")


def codes(result):
    return [finding.code for finding in explain(result).findings]


def two_calls(**fields):
    calls = [graph("backward", [node(1)], [], id_=i, roots=(i + 10,), accumulates=(1,), line=5) for i in (0, 1)]
    return run(graphs=calls, tensors=[leaf(1, "w", grad=summary(1.0), **fields)])


def test_two_calls_add_up():
    found = explain(two_calls()).findings
    assert [(f.code, f.severity, f.params["count"]) for f in found] == [("accumulated", "info", 2)]


def test_a_gradient_cleared_between_the_calls_did_not_add_up():
    assert codes(two_calls(history=history(("grad_cleared", 3, 1)))) == []


def test_clearing_before_the_first_call_does_not_count():
    assert codes(two_calls(history=history(("grad_cleared", 3, 0)))) == ["accumulated"]


def test_steps_between_calls_that_nothing_clears_are_warned_of():
    steps = history(("modified_in_place", 6, 1), ("modified_in_place", 6, 2))
    found = explain(two_calls(history=steps)).findings
    assert [(f.code, f.severity, f.line) for f in found] == [("never_cleared", "warning", 6)]


def test_one_step_after_all_calls_is_an_accumulated_batch():
    assert codes(two_calls(history=history(("modified_in_place", 6, 2)))) == ["accumulated"]


def test_code_that_clears_anywhere_is_not_warned():
    steps = history(("modified_in_place", 6, 1), ("modified_in_place", 6, 2))
    result = msgspec.structs.replace(two_calls(history=steps), code="opt.zero_grad()")
    assert codes(result) == ["accumulated"]


def chain(first, second):
    """Root 1 → op 2 → op 3 → leaf 4, with these gradients on the two lower edges."""
    nodes = [node(1), node(2, name="SqrtBackward0", line=7), node(3, line=3), accumulate(4, 1)]
    edges = [flow(1, 2, summary(1.0, 1.0)), flow(2, 3, first), flow(3, 4, second)]
    call = graph("backward", nodes, edges, roots=(1,), order=(1, 2, 3, 4), accumulates=(1,))
    return run(graphs=[call], tensors=[leaf(1, "w", grad=second)])


@pytest.mark.parametrize(("value", "code"), [(NAN, "nan_gradient"), (INF, "inf_gradient")])
def test_the_first_node_that_turned_a_gradient_bad(value, code):
    (found,) = explain(chain(summary(1.0, value), summary(value, value))).findings
    assert (found.code, found.params["node"], found.line, found.tensors) == (code, "SqrtBackward0", 7, (1,))


@pytest.mark.parametrize(
    ("name", "code"), [("RoundBackward0", "zero_gradient_step"), ("ReluBackward0", "zero_gradient")]
)
def test_the_node_where_a_gradient_became_zero(name, code):
    result = chain(summary(0.0, 0.0), summary(0.0, 0.0))
    nodes = tuple(msgspec.structs.replace(n, name=name) if n.id == 2 else n for n in result.graphs[0].nodes)
    result = msgspec.structs.replace(result, graphs=(msgspec.structs.replace(result.graphs[0], nodes=nodes),))
    (found,) = explain(result).findings
    assert (found.code, found.params["names"], found.line) == (code, "w", 7)


def test_a_gradient_with_some_zeros_is_no_finding():
    assert codes(chain(summary(0.0, 1.0), summary(0.0, 1.0))) == []


def test_the_first_nan_of_the_forward_pass_is_the_earliest_recorded():
    log = node(2, name="LogBackward0", line=4, tensors=(5,), sequence_nr=0)
    later = node(1, line=5, tensors=(6,), sequence_nr=1)
    bad = [computed(5, "y", values=summary(NAN)), computed(6, "z", values=summary(NAN))]
    live = graph("live", [later, log], [flow(1, 2)])
    (found,) = [f for f in explain(run(tensors=bad, graphs=[live])).findings if f.severity == "warning"]
    assert (found.code, found.params["name"], found.params["node"]) == ("nan_forward", "y", "LogBackward0")


def test_infinity_in_the_forward_pass_is_an_ordinary_mask():
    masked = computed(5, "masked", values=summary(-INF, 1.0))
    assert "nan_forward" not in codes(run(tensors=[masked], graphs=[graph("live", [node(1, tensors=(5,))], [])]))


def test_errors_come_first():
    severities = [f.severity for f in explain(run(error=error("x"), tensors=[])).findings]
    assert severities == ["error"]


def test_explaining_twice_is_explaining_once():
    once = explain(two_calls())
    assert explain(once) == once


ids = st.integers(0, 6)
nodes_ = st.builds(
    Node,
    id=ids,
    kind=st.sampled_from(["op", "accumulate_grad", "custom", "unrecorded", "leaf"]),
    name=st.text(max_size=5),
    line=st.none() | st.integers(1, 9),
    tensors=st.lists(ids, max_size=3).map(tuple),
    executed=st.booleans(),
)
edges_ = st.builds(
    Edge,
    source=ids,
    target=ids,
    kind=st.sampled_from(["gradient", "cut"]),
    reason=st.sampled_from([None, "detach", "no_grad", "frozen", "none_required", "integer"]),
    gradient=st.none() | st.just(summary(0.0)) | st.just(summary(NAN)),
)
graphs_ = st.builds(
    Graph,
    id=ids,
    kind=st.sampled_from(["backward", "grad", "live"]),
    nodes=st.lists(nodes_, max_size=5).map(tuple),
    edges=st.lists(edges_, max_size=8).map(tuple),
    roots=st.lists(ids, max_size=2).map(tuple),
    order=st.lists(ids, max_size=5).map(tuple),
    accumulates=st.lists(ids, max_size=3).map(tuple),
    error=st.sampled_from([None, "RuntimeError"]),
)
tensors_ = st.builds(
    Tensor,
    id=ids,
    shape=st.just((2,)),
    dtype=st.sampled_from(["float32", "int64", ""]),
    names=st.lists(st.text(max_size=4), max_size=2).map(tuple),
    line=st.none() | st.integers(1, 9),
    requires_grad=st.booleans(),
    is_leaf=st.booleans(),
    alive=st.booleans(),
    is_parameter=st.booleans(),
)
MESSAGES = [
    "element 0 of tensors does not require grad and does not have a grad_fn",
    "has been modified by an inplace operation: [torch.FloatTensor [2]], which is output 0 of X, is at version 1; "
    "expected version 0 instead",
    "Trying to backward through the graph a second time",
    "grad can be implicitly created only for scalar outputs",
    "The differentiated Tensor at index 999999999 appears to not have been used in the graph",
    "Function X returned an invalid gradient at index 3 - nonsense",
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(graphs_, max_size=3),
    st.lists(tensors_, max_size=4),
    st.none() | st.sampled_from(MESSAGES) | st.text(max_size=40),
    st.text(max_size=60),
)
def test_whatever_a_worker_says_is_explained_without_raising(graphs, tensors, message, code):
    fields = {} if message is None else {"error": error(message, 2)}
    result = explain(run(code, graphs=graphs, tensors=tensors, **fields))
    assert all((t.grad is None) != (t.grad_reason is None) for t in result.tensors)
    assert msgspec.json.decode(msgspec.json.encode(result), type=type(result)) == result
    assert summary_text(result, {})


def test_a_hundred_thousand_nodes_in_a_row_do_not_recurse():
    count = 100_000
    nodes = [node(i) for i in range(count)] + [accumulate(count, 1)]
    edges = [flow(i, i + 1) for i in range(count)]
    result = explain(run(graphs=[graph("live", nodes, edges)], tensors=[leaf(1, "w")]))
    assert result.tensors[0].grad_reason is not None
    assert summary_text(result, {})


def test_a_summary_fills_the_sentences_it_is_given():
    reason = Reason("frozen", {"line": 3})
    finding = Finding("name_error", "error", line=2, params={"name": "foo"})
    text = summary_text(
        run(tensors=[leaf(1, "w", grad_reason=reason)], findings=(finding,)),
        {"reason.frozen": "frozen on line {line}.", "finding.name_error": "no {name} here"},
    )
    assert "None: frozen on line 3" in text
    assert "error line 2: no foo here" in text


def test_a_summary_has_no_control_characters():
    text = summary_text(run(output=Output("\x1b[2J\x07bell\r\n\x9b31m")), {})
    assert not set(text) & set("\x1b\x07\r\x9b")
