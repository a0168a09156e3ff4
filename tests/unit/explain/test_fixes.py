"""Fixes change exactly one statement, or are not offered."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.explain import fixes
from app.explain.source import source


def text(fix):
    return fix.text if fix is not None else None


REQUIRE = [
    ("x = torch.ones(5)", "x = torch.ones(5, requires_grad=True)"),
    ("x = torch.ones(5, requires_grad=False)", "x = torch.ones(5, requires_grad=True)"),
    ("    x = torch.zeros(2, 3)  # note", "    x = torch.zeros(2, 3, requires_grad=True)  # note"),
    ("\tx = torch.zeros(2,)", "\tx = torch.zeros(2, requires_grad=True)"),
    ("重 = torch.randn(3)  # 权重", "重 = torch.randn(3, requires_grad=True)  # 权重"),
    ("x = torch.tensor([1.0, 2.0])", "x = torch.tensor([1.0, 2.0], requires_grad=True)"),
    ("x = torch.ones(5, requires_grad=True)", None),
    ("x = torch.ones(5, requires_grad=flag)", None),
    ("x = torch.ones(5).double()", None),
    ("x = load(5)", None),
    ("x = torch.ones(*shape)", None),
    ("x = torch.ones(5, **options)", None),
    ("if a: x = torch.ones(5)", None),
    ("x = torch.ones(5", None),
    ("x = 'torch.ones(5)'", None),
]


@pytest.mark.parametrize(("line", "fixed"), REQUIRE)
def test_requires_grad_is_added_to_a_plain_factory_call(line, fixed):
    code = "if 1:\n" + line if line[0] in " \t" else "pass\n" + line
    assert text(fixes.require_grad(source(code), 2)) == (None if fixed is None else fixed)


def test_a_trailing_comma_stays_valid_python():
    fix = fixes.require_grad(source("x = torch.zeros(2,)"), 1)
    assert fix is not None
    ast.parse(fix.text)


def test_no_fix_inside_a_statement_of_several_lines():
    code = "y = f(\n    a=torch.ones(5),\n    b=torch.ones(5)\n)\n"
    assert fixes.require_grad(source(code), 3) is None


def test_no_fix_inside_a_string():
    assert fixes.require_grad(source('"""\nx = torch.ones(5)\n"""\n'), 2) is None


def test_lines_are_counted_as_python_counts_them():
    code = "a = 1\r\nb = '\x0c\x0b'\r\nx = torch.ones(5)\r\n"
    assert text(fixes.require_grad(source(code), 3)) == "x = torch.ones(5, requires_grad=True)"


IN_PLACE = [
    ("y += 1", "y = y + 1"),
    ("y *= a + b", "y = y * (a + b)"),
    ("y.mul_(2)", "y = y.mul(2)"),
    ("  y.relu_()", "  y = y.relu()"),
    ("y[0] += 1", None),
    ("y.copy_(x)", None),
    ("self.y += 1", None),
    ("y = f(y.mul_(2))", None),
]


@pytest.mark.parametrize(("line", "fixed"), IN_PLACE)
def test_in_place_is_spelled_out(line, fixed):
    assert text(fixes.out_of_place(source("if 1:\n" + line if line[0] == " " else "pass\n" + line), 2)) == fixed


def test_an_update_moves_into_no_grad():
    code = "for i in r:\n    w -= 0.1 * w.grad"
    expected = "    with torch.no_grad():\n        w -= 0.1 * w.grad"
    assert text(fixes.update_without_recording(source(code), 2)) == expected
    assert fixes.update_without_recording(source("w += 1"), 1) is None


def test_a_call_goes_right_after_the_line_that_binds_the_name():
    fix = fixes.call_after(source("if 1:\n    y = x * 2\n"), 2, "y", "retain_grad")
    assert fix is not None
    assert (fix.line, fix.kind, fix.text) == (3, "insert", "    y.retain_grad()")
    assert fixes.call_after(source("y, z = f(x)"), 1, "y", "retain_grad") is None
    assert fixes.call_after(source("y = x * 2"), 1, "model.y", "retain_grad") is None


def test_backward_is_only_added_outside_of_blocks():
    assert fixes.call_after(source("def f():\n    y = x.sum()\n"), 2, "y", "backward", outermost=True) is None


def test_values_for_numpy_are_detached_first():
    assert text(fixes.detach_before_numpy(source("plot(y.numpy(), 3)"), 1)) == "plot(y.detach().numpy(), 3)"
    assert fixes.detach_before_numpy(source("plot(x.numpy(), y.numpy())"), 1) is None


def test_the_usual_import_goes_before_the_first_one():
    fix = fixes.import_name(source("# a snippet\nimport torch\nmodel = nn.Linear(1, 1)\n"), "nn")
    assert fix is not None
    assert (fix.line, fix.text) == (2, "from torch import nn")
    assert fixes.import_name(source("import torch"), "pandas") is None
    assert fixes.import_name(source("from __future__ import annotations\n"), "nn") is None


def test_integers_get_a_floating_dtype():
    line = "n = torch.tensor([1, 2], requires_grad=True)"
    assert text(fixes.floating_dtype(source(line), 1)) == line[:-1] + ", dtype=torch.float32)"


@given(st.text(max_size=200), st.integers(-1, 8))
def test_no_text_makes_any_fix_raise(code, line):
    read = source(code)
    for offer in (fixes.require_grad, fixes.floating_dtype, fixes.allow_unused, fixes.reduce_root):
        offer(read, line)
    for offer in (fixes.detach_before_numpy, fixes.out_of_place, fixes.update_without_recording):
        offer(read, line)
    fixes.import_name(read, "nn")
    fixes.changed_name(read, line)
    fixes.differentiated_name(read, line, 0)


@pytest.mark.parametrize("line", ["x = " + "-" * 390 + "1", "x = " + "(" * 390, "x = a" + ".a" * 30_000, "[" * 60_000])
def test_deep_nesting_is_no_fix_and_no_crash(line):
    assert fixes.require_grad(source(line), 1) is None
