"""Graphs of calls: nodes, edges, gradients, order. Lines count from the `import` that `see` puts first."""

# ruff: noqa: E501 - a snippet is easier to read whole
from __future__ import annotations

from tests.unit.worker.seen import see


def test_the_first_example_gives_the_graph_of_the_textbook():
    run = see("x = torch.ones(5, requires_grad=True)\ny = 2 * torch.dot(x, x)\ny.backward()")
    assert run.names() == ["MulBackward0", "DotBackward0", "AccumulateGrad"]
    first, second = run.edges("DotBackward0")
    assert first.target == second.target == run.node("AccumulateGrad").id
    assert (first.source_position, second.source_position) == (0, 1)
    assert first.gradient.preview == second.gradient.preview == (2.0,) * 5
    assert run.tensor("x").grad.preview == (4.0,) * 5


def test_a_node_knows_its_call_its_line_and_its_columns():
    node = see("é = 'ü'; x = torch.ones(2, requires_grad=True)\ny = 'ü', (x * 3)\ny[1].sum().backward()").node(
        "MulBackward0"
    )
    assert (node.line, node.column, node.end_column, node.call) == (3, 10, 15, "torch.Tensor.mul")


def test_operations_on_one_line_are_told_apart():
    run = see("x = torch.ones(2, requires_grad=True)\n(x.sin() * x.cos()).sum().backward()")
    assert [(n.name, n.column) for n in run.graphs[0].nodes[2:4]] == [("SinBackward0", 1), ("CosBackward0", 11)]


def test_nodes_come_breadth_first_and_order_is_the_engines():
    run = see("a = torch.ones(1, requires_grad=True)\nb = a * 2\nc = b.exp() + b.sin().cos()\nc.backward()")
    assert run.names()[:5] == ["AddBackward0", "ExpBackward0", "CosBackward0", "MulBackward0", "SinBackward0"]
    names = {n.id: n.name for n in run.graphs[0].nodes}
    ran = [names[i] for i in run.graphs[0].order]
    assert ran.index("SinBackward0") < ran.index("MulBackward0") < ran.index("AccumulateGrad")


def test_a_node_has_one_id_in_every_graph():
    run = see("x = torch.ones(1, requires_grad=True)\ny = x.exp()\ny.backward(retain_graph=True)\ny.backward()")
    first, second = run.graphs
    assert [n.id for n in first.nodes] == [n.id for n in second.nodes]
    assert (first.retained, second.retained) == (True, False)


def test_grad_runs_only_what_it_needs_and_writes_nothing():
    run = see("a = torch.ones(1, requires_grad=True)\nb = a * 2\nc = b.exp()\ntorch.autograd.grad(c, b)")
    graph = run.graphs[0]
    assert graph.kind == "grad"
    assert [(n.name, n.executed) for n in graph.nodes][:2] == [("ExpBackward0", True), ("MulBackward0", False)]
    assert graph.accumulates == ()
    assert graph.edges[0].gradient is not None


def test_accumulates_names_the_leaves_that_were_written():
    run = see(
        "a = torch.ones(1, requires_grad=True)\nb = torch.ones(1, requires_grad=True)\n(a * b).backward(inputs=[a])"
    )
    assert run.graphs[0].accumulates == (run.tensor("a").id,)


def test_nodes_made_by_a_backward_stand_where_their_forward_stands():
    run = see(
        "x = torch.ones(1, requires_grad=True)\ny = x ** 3\ng, = torch.autograd.grad(y, x, create_graph=True)\n(g * 2).backward()"
    )
    lines = {n.name: n.line for n in run.graphs[1].nodes}
    assert lines["MulBackward0"] in (3, 5)
    assert None not in lines.values()


def test_a_nested_call_gets_a_graph_of_its_own():
    run = see("""
from torch.utils.checkpoint import checkpoint
x = torch.ones(2, requires_grad=True)
checkpoint(lambda a: a.sin().cos(), x, use_reentrant=True).sum().backward()
""")
    outer, inner = run.graphs
    assert "CheckpointFunctionBackward" in [n.name for n in outer.nodes]
    assert [n.name for n in inner.nodes] == ["CosBackward0", "SinBackward0", "AccumulateGrad"]
    assert len(outer.order) == 3
    assert len(inner.order) == 3


def test_saved_tensors_are_named_and_counted_once():
    run = see("x = torch.ones(1000, requires_grad=True)\ny = (x * x).exp()\ny.sum().backward()")
    saved = {s.name: s for s in run.node("MulBackward0").saved}
    assert saved["self"].tensor == saved["other"].tensor == run.tensor("x").id
    assert run.node("MulBackward0").saved_bytes == 4000
    (result,) = run.node("ExpBackward0").saved
    assert (result.name, result.tensor, result.bytes) == ("result", run.tensor("y").id, 4000)


def test_saved_tensors_that_a_call_freed_are_told_as_freed():
    run = see("x = torch.ones(2, requires_grad=True)\ny = (x * x).sum()\ny.backward()\ny.backward()")
    assert {s.state for s in run.node("MulBackward0", 1).saved} == {"freed"}
    assert run.graphs[1].error == "RuntimeError"
    assert run.finished.error.message.startswith("Trying to backward through the graph a second time")


def test_hooked_saved_tensors_are_not_unpacked():
    run = see("""
def unpack(t):
    unpacked.append(1); return t
unpacked = []
x = torch.ones(2, requires_grad=True)
with torch.autograd.graph.saved_tensors_hooks(lambda t: t, unpack):
    y = x.exp()
y.sum()
assert not unpacked
y.sum().backward()
assert len(unpacked) == 1
""")
    assert run.finished.error is None
    assert [s.state for s in run.node("ExpBackward0").saved] == ["hooked"]


def test_plain_numbers_of_the_formula_are_attributes():
    run = see("x = torch.ones(2, 3, requires_grad=True)\n(x ** 3).sum(1).sum().backward()")
    assert run.node("PowBackward0").attributes["exponent"] == 3
    assert run.node("SumBackward1").attributes == {"dim": "(1,)", "keepdim": False}


def test_modules_have_dotted_paths():
    run = see("""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 1)])
    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return x
net = Net()
net(torch.ones(1, 2)).sum().backward()
""")
    paths = {n.name: n.module for n in run.graphs[0].nodes}
    assert paths["AddmmBackward0"] == "net.layers.0"
    assert paths["ReluBackward0"] == "net"


def test_a_custom_function_is_one_node_at_the_line_of_apply():
    run = see("""
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.name = 5
        return x * 2
    @staticmethod
    def backward(ctx, g):
        return g * 2
x = torch.ones(1, requires_grad=True)
y = Twice.apply(x)
y.backward()
""")
    node = run.node("TwiceBackward")
    assert (node.kind, node.line, node.tensors) == ("custom", 12, (run.tensor("y").id,))
    assert run.names() == ["TwiceBackward", "AccumulateGrad"]


def test_a_call_that_fails_shows_what_it_walked_and_where_it_stopped():
    run = see("a = torch.ones(2, requires_grad=True)\nb = a.exp()\nc = b.sin()\nb.add_(1)\n(c + b).sum().backward()")
    graph = run.graphs[0]
    assert graph.error == "RuntimeError"
    assert run.node("SinBackward0").executed is False
    assert run.node("SumBackward0").executed
    assert ("modified_in_place", 5) in [(h.what, h.line) for h in run.tensor("b").history]


def test_a_call_that_never_reached_the_engine_has_its_graph_too():
    run = see("x = torch.ones(2, requires_grad=True)\ny = x * 2\ny.backward()")
    assert run.graphs[0].error == "RuntimeError"
    assert run.names() == ["MulBackward0", "AccumulateGrad"]
    assert run.graphs[0].call == "y.backward()"


def test_what_no_call_reached_is_the_live_graph():
    run = see("w = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\npenalty = (w ** 2).sum()")
    assert [g.kind for g in run.graphs] == ["backward", "live"]
    assert run.names(1) == ["SumBackward0", "PowBackward0", "AccumulateGrad"]
    assert run.tensor("penalty").grad_fn.graph == run.graphs[1].id


def test_when_everything_was_reached_there_is_no_live_graph():
    run = see("w = torch.ones(2, requires_grad=True)\nloss = (w * 2).sum()\nloss.backward()")
    assert [g.kind for g in run.graphs] == ["backward"]


def test_threads_are_captured_with_their_lines():
    run = see("""
import threading
x = torch.ones(2, requires_grad=True)
def work():
    y = x * 3
    y.sum().backward()
t = threading.Thread(target=work); t.start(); t.join()
""")
    assert (run.node("MulBackward0").line, run.graphs[0].line) == (6, 7)


def test_edges_of_ordinary_graphs_carry_a_histogram_of_what_flowed():
    run = see("w = torch.randn(30, requires_grad=True)\n(w * w).sum().backward()")
    assert [sum(edge.gradient.histogram.counts) for edge in run.graphs[0].edges] == [30, 30, 30]


def test_edges_of_large_graphs_carry_only_norm_and_range():
    run = see("x = torch.ones(2, requires_grad=True)\ny = x\nfor i in range(5001):\n    y = y + 1\ny.sum().backward()")
    gradient = run.graphs[0].edges[0].gradient
    assert (gradient.norm, gradient.min, gradient.max) == (2**0.5, 1.0, 1.0)
    assert (gradient.mean, gradient.preview) == (None, ())


def test_the_same_code_and_seed_give_the_same_run():
    code = "m = nn.Linear(3, 2)\nx = torch.randn(4, 3)\nloss = m(x).relu().sum()\nloss.backward()\nwith torch.no_grad():\n    d = loss * 2"
    first, second = see(code, seed=7), see(code, seed=7)

    def without_times(run):
        return [(g.edges, [(n.id, n.name, n.line, n.tensors, n.saved) for n in g.nodes]) for g in run.graphs]

    assert without_times(first) == without_times(second)
    assert first.finished.tensors == second.finished.tensors


def test_capture_itself_fails_nowhere():
    run = see("x = torch.randn(3, 3, requires_grad=True)\nq, r = torch.linalg.qr(x)\n(q @ r).sum().backward()")
    assert run.faults == []


def test_sums_that_the_engine_makes_with_create_graph_stand_at_the_call():
    run = see("""
x = torch.ones(2, requires_grad=True)
y = (x.exp() * x.sin()).sum()
g, = torch.autograd.grad(y, x, create_graph=True)
g.sum().backward()
""")
    added = [n for n in run.graphs[1].nodes if n.name == "AddBackward0"]
    assert [(n.line, n.column) for n in added] == [(5, 5)]
    assert all(n.line for n in run.graphs[1].nodes)
