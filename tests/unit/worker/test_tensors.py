"""The table of tensors: names, state, history, values."""

# ruff: noqa: E501 - a snippet is easier to read whole
from __future__ import annotations

from tests.unit.worker.seen import see


def what(tensor):
    return [(h.what, h.line) for h in tensor.history]


def test_variables_name_tensors():
    run = see("x = torch.ones(2, requires_grad=True)\ny = x * 2")
    assert (run.tensor("y").line, run.tensor("y").grad_fn_name) == (3, "MulBackward0")
    assert run.tensor("x").grad_fn_name is None


def test_locals_of_functions_have_names_in_the_graph():
    run = see(
        "def f(a):\n    hidden = a.exp()\n    return hidden * 2\nx = torch.ones(1, requires_grad=True)\nf(x).backward()"
    )
    (serial,) = run.node("ExpBackward0").tensors
    hidden = next(t for t in run.finished.tensors if t.id == serial)
    assert (hidden.names, hidden.alive, hidden.shape, hidden.line) == (("hidden",), False, (1,), 3)


def test_parameters_are_known_by_their_dotted_path_first():
    run = see("model = nn.Sequential(nn.Linear(2, 2))\nfor p in model.parameters(): pass\nw = model[0].weight")
    assert run.tensor("model.0.weight").names == ("model.0.weight", "w", "p")
    assert run.tensor("model.0.weight").is_parameter


def test_tensors_in_containers_and_objects_are_named():
    run = see("""
class Box: pass
box = Box(); box.w = torch.ones(1)
ws = [torch.ones(1), {'a': torch.ones(1)}]
d = {'k': torch.ones(1), 3: (torch.ones(1),)}
""")
    names = {name for t in run.finished.tensors for name in t.names}
    assert names == {"box.w", "ws[0]", "ws[1]['a']", "d['k']", "d[3][0]"}


def test_reading_the_table_runs_no_code_of_the_snippet():
    run = see("""
class Trap:
    def __getattribute__(self, name): raise SystemExit(1)
    @property
    def __class__(self): raise SystemExit(2)
class D(dict):
    def items(self): raise SystemExit(3)
trap, listed, d = Trap(), [Trap()], D(a=torch.ones(1))
x = torch.ones(1)
""")
    assert run.finished.error is None
    assert run.faults == []
    assert [t.names for t in run.finished.tensors] == [("x",)]


def test_classes_that_answer_for_themselves_are_not_asked():
    run = see("""
class Answers(type):
    def __getattribute__(self, name): raise SystemExit(1)
class Odd(metaclass=Answers): pass
class Dict:
    __dict__ = property(lambda self: [][0])
class Module:
    pass
Module.__module__ = Odd
odd, dict_, module = Odd(), Dict(), Module()
x = torch.ones(1)
""")
    assert run.finished.error is None
    assert not run.finished.truncated.tensors
    assert [t.names for t in run.finished.tensors] == [("x",)]


def test_a_tensor_that_cannot_be_read_costs_no_other():
    run = see("""
class Hostile(torch.Tensor):
    @property
    def requires_grad(self): raise ValueError
    @property
    def grad_fn(self): raise ValueError
x = torch.ones(1, requires_grad=True)
h = torch.ones(2).as_subclass(Hostile)
y = x * 2
""")
    assert run.finished.error is None
    assert {"x", "y"} <= {name for t in run.finished.tensors for name in t.names}
    assert [graph.kind for graph in run.graphs] == ["live"]


def test_a_non_leaf_has_a_gradient_only_when_it_retains_it():
    run = see("x = torch.ones(1, requires_grad=True)\na = x * 2\nb = a * 3\nb.retain_grad()\nb.sum().backward()")
    assert run.tensor("a").grad is None
    assert (run.tensor("b").grad.preview, run.tensor("b").retains_grad) == ((1.0,), True)
    assert ("retain_grad", 5) in what(run.tensor("b"))


def test_history_tells_flags_clearings_and_changes():
    run = see("""
x = torch.ones(2)
x.requires_grad_()
(x * x).sum().backward()
x.grad = None
(x * x).sum().backward()
x.grad.zero_()
with torch.no_grad():
    x.add_(1)
x.requires_grad = False
""")
    assert what(run.tensor("x")) == [
        ("made", 3), ("requires_grad_on", 4), ("grad_cleared", 6), ("grad_cleared", 8), ("modified_in_place", 10),
        ("requires_grad_off", 11),
    ]  # fmt: skip
    assert [h.calls for h in run.tensor("x").history if h.what == "grad_cleared"] == [1, 2]


def test_clearing_what_was_not_there_is_not_told():
    run = see(
        "m = nn.Linear(1, 1)\no = torch.optim.SGD(m.parameters(), 0.1)\no.zero_grad()\nm(torch.ones(1)).backward()\no.zero_grad()"
    )
    assert [line for kind, line in what(run.tensor("m.weight")) if kind == "grad_cleared"] == [6]


def test_a_name_given_to_another_tensor_is_told_on_the_first():
    run = see("x = torch.ones(1, requires_grad=True)\nx = x * 2\nx.backward()")
    leaf = next(t for t in run.finished.tensors if t.is_leaf)
    assert ("rebound", 3) in what(leaf)
    assert leaf.names == ("x",)


def test_the_root_of_a_call_keeps_its_value_though_it_is_gone():
    run = see("x = torch.ones(3, requires_grad=True)\n(x * 2).sum().backward()")
    root = next(t for t in run.finished.tensors if not t.alive)
    assert root.values.preview == (6.0,)


def test_special_tensors_are_described_as_far_as_they_can_be():
    run = see("""
meta = torch.ones(2, device='meta')
sparse = torch.eye(3).to_sparse()
z = torch.tensor([1+2j])
empty = torch.ones(0, 3)
lazy = nn.LazyLinear(2)
whole = torch.tensor([1, 2**62])
yes = torch.tensor([True, False])
with torch.inference_mode():
    i = torch.ones(1)
q = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
""")
    assert run.faults == []
    assert (run.tensor("meta").device, run.tensor("meta").values.norm) == ("meta", None)
    assert run.tensor("sparse").layout == "sparse_coo"
    assert run.tensor("z").values.preview == ((1.0, 2.0),)
    assert run.tensor("empty").values.numel == 0
    assert run.tensor("whole").values.preview == (1, 2**62)
    assert run.tensor("yes").values.preview == (True, False)
    assert run.tensor("i").version is None


def test_a_view_that_lost_its_graph_does_no_harm():
    run = see("x = torch.ones(4, requires_grad=True).clone()\nwith torch.no_grad():\n    v = x[0]\nx.mul_(2)")
    assert run.faults == []
    assert run.tensor("v").names == ("v",)


def test_no_more_tensors_than_the_limit():
    run = see(
        "ws = [torch.ones(1, requires_grad=True) for _ in range(60)]\nsum(w.sum() for w in ws).backward()", tensors=20
    )
    assert len(run.finished.tensors) == 20
    assert run.finished.truncated.tensors
    known = {t.id for t in run.finished.tensors}
    assert all(t in known for n in run.graphs[0].nodes for t in n.tensors)
