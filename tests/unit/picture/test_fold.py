"""What is drawn of a graph: merged leaves, one copy a use, honest cuts, every word."""

import sys

import pytest

from app.errors import NoGraph
from app.picture.fold import fold
from app.picture.view import View
from app.run import Edge, Graph, Node
from tests.unit.picture import made_runs as made


def drawn(run, budget=1500, **view):
    return fold(run, View(**view), budget)


def words(box):
    return ["".join(span.text for span in line) for line in box.lines]


def box(drawing, key):
    return next(each for each in drawing.nodes if each.key == key)


def test_accumulate_grad_is_merged_with_its_leaf():
    drawing = drawn(made.dot_product())
    assert [each.kind for each in drawing.nodes] == ["output", "op", "leaf"]
    assert words(box(drawing, "n2")) == ["x · leaf · (5,)", "grad norm 8.94"]


def test_detail_all_shows_accumulate_grad_apart_from_its_leaf():
    drawing = drawn(made.dot_product(), detail="all")
    assert [each.kind for each in drawing.nodes] == ["output", "op", "accumulate", "leaf"]
    assert (drawing.drawn, drawing.total) == (3, 3)


def test_two_edges_between_the_same_nodes_are_told_apart_by_position():
    edges = [edge for edge in drawn(made.dot_product()).edges if edge.source_node == 1]
    assert [edge.lines for edge in edges] == [("[0] 4.47",), ("[1] 4.47",)]


def test_very_many_edges_between_the_same_nodes_are_one_arrow_that_says_how_many():
    nodes = [made.op(0, "CatBackward0"), made.leaf(1, 0)]
    run = made.run_of(made.graph(nodes, [made.flow(0, 1, position) for position in range(500)], 0))
    (edge,) = drawn(run).edges
    assert edge.lines == ("× 500",)


def test_a_shared_leaf_is_drawn_once_for_each_use():
    drawing = drawn(made.recurrent(3))
    copies = [each for each in drawing.nodes if each.node == 0]
    assert [each.key for each in copies] == ["n0-u0", "n0-u1", "n0-u2"]
    assert words(copies[1])[1] == "grad norm 3 · use 2 of 3"
    assert drawing.drawn == drawing.total == 19


def test_an_operation_tells_name_shape_line_and_gradient():
    drawing = drawn(made.detached())
    assert words(box(drawing, "n1")) == ["z · AddBackward0", "(3,) · line 7 · |g| 0.392"]
    assert box(drawing, "n1").label == "AddBackward0, z, line 7, 2 inputs, gradient norm 0.392"


def test_an_unrecorded_operation_says_so_and_why():
    drawing = drawn(made.no_grad())
    assert words(box(drawing, "n0")) == ["y · mul — not recorded", "inside no_grad(), line 5", "(1,) · line 6"]
    assert words(box(drawing, "n1")) == ["x · leaf · (1,)", "grad: None"]


def test_a_detach_is_marked_where_it_cuts():
    (cut,) = [edge for edge in drawn(made.detached()).edges if edge.kind == "cut"]
    assert cut.lines == ("✂ detach()", "line 17")


def test_a_block_explains_more_than_an_input_that_never_required_grad():
    nodes = [made.op(0, "matmul", kind="unrecorded"), Node(1, "leaf", "a"), Node(2, "leaf", "b")]
    edges = [made.cut(0, 1, "none_required"), made.cut(0, 2, "no_grad", 5, 1)]
    run = made.run_of(made.graph(nodes, edges, kind="live"))
    assert "inside no_grad(), line 5" in words(box(drawn(run), "n0"))


def test_frozen_custom_parameter_and_not_finite_are_kinds_of_their_own():
    drawing = drawn(made.everything())
    kinds = {each.key: each.kind for each in drawing.nodes}
    assert kinds["n7"] == "frozen"
    assert kinds["n2"] == "custom"
    assert kinds["n5"] == "parameter"
    assert "frozen" in words(box(drawing, "n7"))[0]
    assert "nan" in box(drawing, "n6-u0").marks
    assert "NaN" in words(box(drawing, "n6-u0"))[1]
    assert "idle" in box(drawing, "n9").marks


def test_exact_zero_is_written_0_and_a_small_norm_is_not():
    run = made.run_of(
        made.graph(
            [made.op(0, "A"), made.op(1, "B"), made.op(2, "C")],
            [made.flow(0, 1, 0, 0.0), made.flow(0, 2, 1, 1e-30)],
            0,
        )
    )
    assert [edge.lines for edge in drawn(run).edges] == [("0",), ("1e-30",)]


def test_the_last_call_is_drawn_unless_a_graph_is_asked_for():
    first, second, live = (
        made.graph([made.op(7, "MulBackward0")], [], 7, id=id, kind=kind)
        for id, kind in ((0, "backward"), (1, "grad"), (2, "live"))
    )
    run = made.run_of(first, second, live)
    assert drawn(run).graph == 1
    assert drawn(run, graph=0).graph == 0
    assert drawn(made.run_of(live)).graph == 2


@pytest.mark.parametrize("run", [made.run_of(), made.run_of(Graph(0, "live", (), ()))])
def test_nothing_to_draw_is_said(run):
    with pytest.raises(NoGraph):
        drawn(run)


def test_an_unknown_graph_is_said():
    with pytest.raises(NoGraph, match="no graph 5"):
        drawn(made.dot_product(), graph=5)


def test_a_large_graph_keeps_what_is_nearest_the_loss_and_counts_the_rest():
    drawing = drawn(made.chain(10_000), budget=100)
    assert (drawing.drawn, drawing.total, drawing.note) == (100, 10_000, "too_large")
    assert [each.node for each in drawing.nodes[:100]] == list(range(100))
    assert words(drawing.nodes[-1]) == ["… 9,900 more nodes"]
    assert (drawing.edges[-1].source_node, drawing.edges[-1].target_node) == (99, None)


@pytest.mark.parametrize("budget", [10, 37, 100, 333])
def test_stubs_account_for_every_node_that_is_not_drawn(budget):
    drawing = drawn(made.recurrent(400), budget=budget)
    hidden = sum(int(words(each)[0].split()[1].replace(",", "")) for each in drawing.nodes if each.node is None)
    assert drawing.drawn + hidden == drawing.total == 2004
    assert len([each for each in drawing.nodes if each.node is not None]) <= budget


def test_nodes_that_capture_left_out_are_counted_too():
    run = made.run_of(made.graph([made.op(0, "MulBackward0")], [], 0, total_nodes=1_000_000))
    drawing = drawn(run)
    assert drawing.total == 1_000_000
    assert words(drawing.nodes[-1]) == ["… 999,999 more nodes"]


def test_a_node_with_more_leaves_than_fit_is_still_drawn():
    nodes = [made.op(0, "CatBackward0"), *(made.leaf(index, index) for index in range(1, 5000))]
    run = made.run_of(made.graph(nodes, [made.flow(0, index, index) for index in range(1, 5000)], 0))
    drawing = drawn(run, budget=50)
    assert drawing.drawn == 50
    assert words(drawing.nodes[-1]) == ["… 4,950 more nodes"]


def test_depth_needs_no_recursion():
    limit = sys.getrecursionlimit()
    assert drawn(made.chain(20 * limit)).total == 20 * limit


@pytest.mark.parametrize(
    "edges",
    [
        [Edge(0, 99), Edge(99, 0)],
        [Edge(0, 1), Edge(1, 0)],
        [Edge(0, 0)],
        [Edge(1, 0), Edge(0, 1), Edge(2, 2)],
    ],
)
def test_a_graph_that_pytorch_never_makes_is_drawn_all_the_same(edges):
    nodes = (made.op(0, "A"), made.op(1, "B"), made.op(2, "C"), made.op(2, "C again"))
    drawing = drawn(made.run_of(Graph(0, "backward", nodes, tuple(edges), (0, 0, 77))))
    assert sorted(each.key for each in drawing.nodes) == ["n0", "n1", "n2"]


def test_words_come_in_chinese_too():
    assert words(box(drawn(made.dot_product(), language="zh"), "n2")) == ["x · 叶子张量 · (5,)", "梯度范数 8.94"]


def test_a_long_dotted_name_keeps_its_end():
    name = "encoder.layers.5.self_attn.out_proj.weight"
    run = made.run_of(made.graph([made.leaf(0, 0)], [], 0), tensors=[made.tensor(0, name, is_parameter=True)])
    assert words(box(drawn(run), "n0"))[0].startswith("…5.self_attn.out_proj.weight · parameter")
