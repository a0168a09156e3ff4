"""Compiling with name probes changes no line, no column and no meaning."""

from __future__ import annotations

import builtins

import pytest

from app.worker.program import PROBE, compile_program, split_lines

SNIPPET = '''"""doc"""
from __future__ import annotations
a = b = 1
(c, *d), e = (2, 3), 4
f: int = 5
g: int
a += 1
def fn(p, q=1, *, r=2):
    "inner"
    s = p
    for t in [1]:
        u = t
    return s
class K:
    v = 1
    def m(self, w):
        self.x = w
with open("/dev/null") as y:
    z = 0
'''


def bound(code):
    heard = []
    program = compile_program(code)
    setattr(builtins, PROBE, lambda number, value: heard.append((program.bindings[number].name, value)))
    try:
        namespace = {"__name__": "__main__"}
        exec(program.code, namespace)
    finally:
        delattr(builtins, PROBE)
    return heard, namespace


def test_every_binding_of_a_statement_is_heard_with_its_value():
    heard, namespace = bound(SNIPPET + "fn(7)\nK().m(8)")
    names = [name for name, _ in heard]
    assert names[:9] == ["a", "b", "c", "d", "e", "f", "a", "y", "z"]
    assert names[9:] == ["p", "q", "r", "s", "t", "u", "w"]
    assert dict(heard)["d"] == [3]
    assert (namespace["__doc__"], namespace["fn"].__doc__) == ("doc", "inner")


def test_bindings_know_their_line_scope_and_kind():
    bindings = {b.name: b for b in compile_program(SNIPPET).bindings}
    assert [(bindings[n].line, bindings[n].how) for n in "apst"] == [
        (7, "assigned"),
        (8, "passed"),
        (10, "assigned"),
        (11, "looped"),
    ]
    assert bindings["a"].scope == 0 != bindings["p"].scope == bindings["u"].scope != bindings["w"].scope


def test_positions_of_the_snippets_own_code_are_those_of_plain_compile():
    def positions(code):
        found = {p for p in code.co_positions() if None not in p and p[2] != p[3]}
        return found.union(*(positions(c) for c in code.co_consts if hasattr(c, "co_code")))

    assert positions(compile(SNIPPET, "<snippet>", "exec")) <= positions(compile_program(SNIPPET).code)


@pytest.mark.parametrize("code", ["x = (", "def", "return", "x\0"])
def test_what_python_refuses_is_refused_alike(code):
    with pytest.raises((SyntaxError, ValueError)) as plain:
        compile(code, "<snippet>", "exec")
    with pytest.raises((SyntaxError, ValueError)) as ours:
        compile_program(code)
    assert type(ours.value) is type(plain.value)
    assert str(ours.value) == str(plain.value)


def test_warnings_of_the_compiler_come_once():
    with pytest.warns(SyntaxWarning) as caught:
        compile_program("x = 1\nx is 1")
    assert len(caught) == 1


def test_thousands_of_branches_compile():
    def branches(count):
        return "x = 1\nif x == 0: pass\n" + "".join(f"elif x == {i}: y = {i}\n" for i in range(1, count))

    assert len(compile_program(branches(200)).bindings) == 200
    assert compile_program(branches(1500)).bindings == ()  # too deep for a syntax tree, not for Python itself


def test_lines_are_counted_as_python_counts_them():
    assert split_lines("a\r\nb\rc\n\x0cd\u2028e") == ("a", "b", "c", "\x0cd\u2028e")
