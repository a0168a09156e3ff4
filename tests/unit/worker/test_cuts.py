"""Where gradients stop: which unrecorded operations are told, and with which reason and line."""

from __future__ import annotations

import pytest

from tests.unit.worker.seen import see

X = "x = torch.tensor([1., 2.], requires_grad=True)\n"


def test_a_root_without_graph_shows_what_stands_behind_it():
    run = see("x = torch.ones(5)\ny = 2 * torch.dot(x, x)\ny.backward()")
    graph = run.graphs[0]
    assert (graph.kind, graph.error, graph.line) == ("backward", "RuntimeError", 4)
    assert [(n.name, n.kind, n.line) for n in graph.nodes] == [
        ("mul", "unrecorded", 3), ("dot", "unrecorded", 3), ("x", "leaf", 2),
    ]  # fmt: skip
    assert [c[:3] for c in run.cuts()] == [
        ("mul", "dot", "none_required"), ("dot", "x", "none_required"), ("dot", "x", "none_required"),
    ]  # fmt: skip


def test_a_block_without_grad_cuts_at_the_line_of_its_with():
    run = see(X + "with torch.no_grad():\n    y = x * 2")
    assert [g.kind for g in run.graphs] == ["live"]
    assert run.cuts() == [("mul", "x", "no_grad", 3)]


def test_the_outer_of_two_blocks_is_named():
    run = see(X + "with torch.no_grad():\n    with torch.enable_grad():\n        h = x * 1\n    y = x * 2")
    assert ("mul", "x", "no_grad", 3) in [(a, "x", c, d) for a, _, c, d in run.cuts()]


def test_a_decorator_cuts_at_its_own_line():
    run = see(X + "@torch.no_grad()\ndef f(a):\n    return a * 2\ny = f(x)")
    assert run.cuts() == [("mul", "x", "no_grad", 3)]


def test_switching_grad_off_by_a_call_is_found():
    run = see(X + "torch.set_grad_enabled(False)\ny = x * 2\ntorch.set_grad_enabled(True)")
    assert run.cuts() == [("mul", "x", "no_grad", 3)]


def test_inference_mode_cuts_at_the_line_of_its_with():
    run = see(X + "with torch.inference_mode():\n    y = x * 2")
    assert run.cuts() == [("mul", "x", "inference_mode", 3)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("y = h.detach()", "detach"),
        ("y = h.data", "data"),
        ("y = torch.tensor(h)", "rewrapped"),
        ("y = torch.tensor([h[0], 5.])", "rewrapped"),
        ("y = h.argmax()", "integer"),
        ("y = h > 1", "integer"),
        ("y = h.long()", "integer"),
    ],
)
def test_each_way_out_of_the_graph_has_its_reason(code, reason):
    run = see(f"{X}h = x.exp()\n{code}\nh.sum().backward()")
    found = run.cuts()
    assert (found[0][2], found[0][3]) == (reason, 4)
    assert run.graphs[0].kind == "backward"


def test_a_cut_hangs_on_the_node_of_the_graph_that_was_sent():
    run = see(X + "z = x * 2 + 1\nz.sum().backward()\nz_det = z.detach()")
    assert run.cuts() == [("detach", "AddBackward0", "detach", 5)]


def test_a_value_that_comes_back_as_a_new_tensor_is_joined_to_where_it_left():
    run = see(X + "h = x.sum()\nv = h.item()\nz = torch.tensor(v, requires_grad=True)\nh.backward()")
    assert run.cuts() == [("tensor", "item", "rewrapped", 5), ("item", "SumBackward0", "item", 4)]


def test_frozen_parameters_are_told_under_what_used_them():
    run = see("""
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
for p in model[0].parameters():
    p.requires_grad = False
model(torch.randn(3, 4)).pow(2).mean().backward()
""")
    assert [c[1] for c in run.cuts() if c[2] == "frozen" and c[3] == 5] == ["model.0.weight", "model.0.bias", "relu"]
    frozen = run.tensor("model.0.weight")
    assert ("requires_grad_off", 5) in [(h.what, h.line) for h in frozen.history]
    assert frozen.grad is None


def test_an_operation_without_a_name_that_loses_a_leaf_is_told_under_what_used_it():
    run = see(X + "w = torch.ones(2, requires_grad=True)\n((x * 2).detach() * w).sum().backward()")
    assert run.cuts() == [("detach", "x", "detach", 4), ("MulBackward0", "detach", "none_required", 4)]


def test_it_is_told_too_when_the_lost_leaf_still_hangs_on_a_live_tensor():
    run = see(X + "w = torch.ones(2, requires_grad=True)\nh = x * 2\n(h.detach() * w).sum().backward()")
    assert run.cuts() == [("detach", "x", "detach", 5), ("MulBackward0", "detach", "none_required", 5)]


def test_inside_a_module_every_parameter_that_is_lost_is_told():
    run = see("""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.low, self.high = nn.Linear(2, 2), nn.Linear(2, 1)
    def forward(self, x):
        return self.high(self.low(x).detach())
model = Model()
model(torch.ones(1, 2)).sum().backward()
""")
    lost = [c[1:] for c in run.cuts() if c[0] == "detach"]
    assert lost == [("model.low.weight", "detach", 8), ("model.low.bias", "detach", 8)]


def test_a_value_that_comes_back_at_once_is_joined_even_when_it_is_a_common_one():
    run = see(
        "a = torch.tensor(2., requires_grad=True)\n(torch.tensor(a.item()) * (a.detach() * nn.Parameter(a))).backward()"
    )
    assert [c for c in run.cuts() if c[0] in ("tensor", "item")] == [
        ("tensor", "item", "rewrapped", 3),
        ("item", "a", "item", 3),
    ]


def test_a_mask_of_what_has_its_gradient_is_not_told():
    run = see(X + "(x * (x > 1)).sum().backward()")
    assert run.cuts() == []


def test_printing_and_updates_are_not_told():
    run = see(
        X
        + """y = (x * 2).sum()
y.backward()
print(x > 1, y.item(), 4 * x)
with torch.no_grad():
    x -= 0.1 * x.grad
x.grad.zero_()
"""
    )
    assert [n.kind for n in run.graphs[0].nodes] == ["op", "op", "accumulate_grad"]
    assert len(run.graphs) == 1


def test_what_runs_inside_a_custom_function_is_no_cut():
    run = see(
        X
        + """
class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        b = a.detach() * 2
        return b.clone()
    @staticmethod
    def backward(ctx, g):
        h = g * 2
        return h
F.apply(x).sum().backward()
"""
    )
    assert run.cuts() == []


def test_operations_without_any_gradient_show_when_there_is_nothing_else():
    run = see("a = torch.ones(2)\nb = a + 1")
    assert run.cuts() == [("add", "a", "none_required", 2)]


def test_operations_without_any_gradient_are_left_out_beside_a_graph():
    run = see(X + "target = torch.ones(2) * 3\n(x * x).sum().backward()")
    assert run.cuts() == []


def test_cuts_of_many_calls_are_bounded():
    run = see("""
w, lost = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
for i in range(20):
    with torch.no_grad():
        target = lost * 1
        for j in range(300):
            target = target + 1
    (w * target).sum().backward()
""")
    assert 0 < sum(len(a.nodes) for a in run.finished.additions) < 3_000
