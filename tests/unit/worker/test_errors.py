"""However a snippet ends, its end is a value."""

# ruff: noqa: E501 - a snippet is easier to read whole

from __future__ import annotations

import pytest

from tests.unit.worker.seen import see, see_exactly


def test_an_exception_has_the_snippets_lines_only():
    error = see("def f(a):\n    return a @ torch.ones(3, 4)\n\nf(torch.ones(2))").finished.error
    assert (error.type, error.line, error.column, error.end_column) == ("RuntimeError", 3, 11, 31)
    assert [(t.line, t.function, t.text) for t in error.traceback] == [
        (5, "<module>", "f(torch.ones(2))"), (3, "f", "return a @ torch.ones(3, 4)"),
    ]  # fmt: skip


def test_a_syntax_error_has_its_place():
    error = see_exactly("x = 1\ny = = 2").finished.error
    assert (error.type, error.message, error.line, error.column) == ("SyntaxError", "invalid syntax", 2, 4)


@pytest.mark.parametrize(
    "code", ["x\0", "x = '\ud800'", "(" * 300, "-" * 200_000 + "1", "x = " + "[" * 150 + "]" * 150]
)
def test_text_that_cannot_be_compiled_is_an_error_of_the_snippet(code):
    error = see_exactly(code).finished.error
    assert error is None or error.type in (
        "SyntaxError",
        "ValueError",
        "UnicodeEncodeError",
        "MemoryError",
        "RecursionError",
    )


@pytest.mark.parametrize("code", ["", "\n\n", "# only a comment", '"""only a docstring"""', "\ufeffx = 1", "\f\nx = 1"])
def test_a_snippet_that_does_nothing_is_fine(code):
    assert see_exactly(code).finished.error is None


@pytest.mark.parametrize(
    ("code", "message"), [("import sys; sys.exit(3)", "exit code 3"), ("exit('no')", "exit code no")]
)
def test_an_exit_that_reports_failure_is_an_error(code, message):
    error = see(code).finished.error
    assert (error.type, error.message, error.line) == ("SystemExit", message, 2)


@pytest.mark.parametrize("code", ["raise SystemExit", "import sys; sys.exit(0)"])
def test_an_exit_that_reports_success_is_none(code):
    assert see(code).finished.error is None


def test_hostile_exceptions_are_cut_and_survived():
    assert see("class E(Exception):\n    def __str__(self): raise ValueError\nraise E").finished.error.message == (
        "<exception str() failed>"
    )
    assert len(see("raise ValueError('x' * 10**6)").finished.error.message) == 8192
    assert see("class E(BaseException): pass\nE.__name__ = 'q' * 999\nraise E").finished.error.type == "q" * 256
    assert see("raise ValueError('\\ud800')").finished.error.message == "\\ud800"


def test_endless_recursion_keeps_both_ends_of_its_traceback():
    error = see("def f(): f()\nf()").finished.error
    assert error.type == "RecursionError"
    assert len(error.traceback) == 64
    assert error.traceback[0].function == "<module>"


def test_running_out_of_memory_is_recognized():
    assert see("x = torch.empty(10**15)").finished.memory_exhausted
    assert see("raise MemoryError").finished.memory_exhausted
    assert not see("raise RuntimeError('other')").finished.memory_exhausted


def test_an_operation_that_failed_tells_what_it_was_given():
    error = see("a = torch.ones(2, 3)\na @ torch.ones(4, 5)").finished.error
    assert [o.shape for o in error.operands] == [(2, 3), (4, 5)]
    assert (
        see("try: torch.ones(2) + torch.ones(3)\nexcept RuntimeError: pass\nraise ValueError").finished.error.operands
        == ()
    )


def test_whatever_a_snippet_calls_itself_can_be_sent():
    run = see("""
bad = chr(0xd800)
F = type('Ü' * 300, (torch.autograd.Function,), dict(forward=staticmethod(lambda ctx, a: a * 2), backward=staticmethod(lambda ctx, g: g)))
M = type('<b>' * 300, (nn.Linear,), {})
m = nn.ModuleDict()
m._modules[bad] = M(2, 2)
x = torch.ones(2, requires_grad=True)
d = {bad: x}
F.apply(m[bad](x)).sum().backward()
huge = torch.empty(2**60, device='meta')
""")
    assert run.faults == []
    assert run.finished.error is None


def test_lines_that_no_file_has_are_left_out():
    run = see(
        "exec(compile('\\n' * 11_000_000 + 'y = torch.ones(1, requires_grad=True).exp(); y.backward(); 1 / 0', '<snippet>', 'exec'))"
    )
    assert run.finished.error.type == "ZeroDivisionError"
    assert run.node("ExpBackward0").line is None
