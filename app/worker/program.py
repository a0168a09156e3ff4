"""From the text of a snippet to code that runs, inside the sandbox.

After every assignment a probe tells capture which tensor a name was bound to. The probes are statements of their own on
the line of the assignment: they change no value, no line and no column of the snippet.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

FILENAME = "<snippet>"
PROBE = "__autograd_explorer_bound__"
"""Name in `builtins` under which the probe is reached."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = ("body", "orelse", "finalbody")


@dataclass(frozen=True, slots=True)
class Binding:
    """A place where a name is bound. `how` ranks it: what is assigned says more than what is passed or looped over."""

    name: str
    line: int
    scope: int
    how: str  # "assigned" | "passed" | "looped"


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled snippet; `bindings[i]` describes the probe of number i."""

    code: CodeType
    lines: tuple[str, ...]
    bindings: tuple[Binding, ...]


def split_lines(code: str) -> tuple[str, ...]:
    """The lines of `code` as Python counts them (form feeds and Unicode separators do not end a line)."""
    return tuple(re.split(r"\r\n|\r|\n", code))


def compile_program(code: str) -> Program:
    """Compile `code` with probes. Raises what plain `compile` raises for it, and warns what it warns."""
    code = code.removeprefix("\ufeff")  # the mark that some editors put before the first line
    plain = compile(code, FILENAME, "exec", dont_inherit=True)
    lines = split_lines(code)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code, FILENAME)
            bindings = _insert_probes(tree)
            return Program(compile(tree, FILENAME, "exec", dont_inherit=True), lines, bindings)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Program(plain, lines, ())


def _insert_probes(tree: ast.Module) -> tuple[Binding, ...]:
    """Put a probe after each binding, without recursion, however deep the snippet nests."""
    bindings: list[Binding] = []
    pending: list[tuple[ast.AST, int]] = [(tree, 0)]
    scopes = 0

    def probes(targets: list[ast.expr], line: int, scope: int, how: str) -> list[ast.stmt]:
        return [_probe(name, line, scope, how, bindings) for target in targets for name in _names(target)]

    while pending:
        node, scope = pending.pop()
        if isinstance(node, _FUNCTIONS):
            scopes += 1
            scope = scopes
        for block in _blocks(node):
            rewritten: list[ast.stmt] = []
            for statement in block:
                pending.append((statement, scope))
                rewritten.append(statement)
                if not isinstance(node, ast.ClassDef):
                    rewritten += probes(_assigned(statement), statement.lineno, scope, "assigned")
            block[:] = rewritten
        if isinstance(node, ast.For | ast.AsyncFor):
            node.body[:0] = probes([node.target], node.lineno, scope, "looped")
        elif isinstance(node, ast.With | ast.AsyncWith):
            held = [item.optional_vars for item in node.items if item.optional_vars is not None]
            node.body[:0] = probes(held, node.lineno, scope, "assigned")
        elif isinstance(node, _FUNCTIONS):
            _probe_arguments(node, scope, bindings)
    return tuple(bindings)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for field in _BLOCKS:
        block = getattr(node, field, None)
        if isinstance(block, list):
            yield block
    for part in [*getattr(node, "handlers", ()), *getattr(node, "cases", ())]:
        yield part.body


def _assigned(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    if isinstance(statement, ast.AugAssign) or (isinstance(statement, ast.AnnAssign) and statement.value is not None):
        return [statement.target]
    return []


def _names(target: ast.expr) -> Iterator[str]:
    pending = [target]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Tuple | ast.List):
            pending.extend(reversed(part.elts))
        elif isinstance(part, ast.Starred):
            pending.append(part.value)


def _probe_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef, scope: int, bindings: list[Binding]) -> None:
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    probes = [
        _probe(name, function.lineno, scope, "passed", bindings) for name in names if name not in ("self", "cls", "ctx")
    ]
    after = 1 if ast.get_docstring(function, clean=False) is not None else 0
    function.body[after:after] = probes


def _probe(name: str, line: int, scope: int, how: str, bindings: list[Binding]) -> ast.stmt:
    """The statement `PROBE(number, name)`. It has the line of the binding and no width."""
    number = len(bindings)
    bindings.append(Binding(name, line, scope, how))
    call = ast.Call(ast.Name(PROBE, ast.Load()), [ast.Constant(number), ast.Name(name, ast.Load())], [])
    statement = ast.Expr(call)
    for part in ast.walk(statement):
        if isinstance(part, ast.expr | ast.stmt):
            part.lineno = part.end_lineno = line
            part.col_offset = part.end_col_offset = 0
    return statement
