"""Changes of one line of a snippet, offered only where they are sure to be what they say. Pure.

Each function returns a `Fix`, or None where the line is not a plain statement of the expected form. The rest of the
line (indentation, comments) stays as it is.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from app.explain.source import Source
from app.run import Fix, Id

FACTORIES = re.compile(r"(empty|ones|rand|randn|zeros)(_like)?|eye|full|linspace|logspace|tensor")
INTEGER_FACTORIES = re.compile(r"tensor|arange|full|randint")
OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
}
IN_PLACE_METHODS = re.compile(r"(abs|add|clamp|cos|div|exp|log|mul|neg|pow|relu|sigmoid|sin|sqrt|sub|tanh)_")
COMMON_IMPORTS = {
    "torch": "import torch",
    "nn": "from torch import nn",
    "F": "import torch.nn.functional as F",
    "np": "import numpy as np",
    "numpy": "import numpy",
    "math": "import math",
    "random": "import random",
    "optim": "from torch import optim",
}


@dataclass(frozen=True)
class _Line:
    """One line that holds one simple statement. Columns of its tree count UTF-8 bytes from the indentation on."""

    number: int
    indentation: str
    text: bytes
    statement: ast.stmt

    def of(self, node: ast.AST) -> str:
        return self.text[node.col_offset : node.end_col_offset].decode()  # type: ignore[attr-defined]

    def replaced(self, start: int, end: int, text: str) -> Fix:
        changed = self.text[:start] + text.encode() + self.text[end:]
        return Fix(self.number, "replace", self.indentation + changed.decode())


def require_grad(source: Source, line: int | None) -> Fix | None:
    """`x = torch.ones(5)` becomes `x = torch.ones(5, requires_grad=True)`; False becomes True."""
    here = _line(source, line)
    call = _assigned_call(here)
    if here is None or call is None or not FACTORIES.fullmatch(_torch_function(call)):
        return None
    given = next((keyword for keyword in call.keywords if keyword.arg == "requires_grad"), None)
    if given is None:
        return _with_argument(here, call, "requires_grad=True")
    if not isinstance(given.value, ast.Constant) or given.value.value is not False:
        return None
    return here.replaced(given.value.col_offset, given.value.end_col_offset or 0, "True")


def floating_dtype(source: Source, line: int | None) -> Fix | None:
    """`torch.tensor([1, 2], requires_grad=True)` gets `dtype=torch.float32`."""
    here = _line(source, line)
    call = _assigned_call(here)
    if here is None or call is None or not INTEGER_FACTORIES.fullmatch(_torch_function(call)):
        return None
    return None if any(k.arg == "dtype" for k in call.keywords) else _with_argument(here, call, "dtype=torch.float32")


def allow_unused(source: Source, line: int | None) -> Fix | None:
    here = _line(source, line)
    calls = _calls(here, "grad")
    if here is None or len(calls) != 1 or any(k.arg in ("allow_unused", None) for k in calls[0].keywords):
        return None
    return _with_argument(here, calls[0], "allow_unused=True")


def reduce_root(source: Source, line: int | None) -> Fix | None:
    """`y.backward()` becomes `y.sum().backward()`."""
    here = _line(source, line)
    call = here.statement.value if here is not None and isinstance(here.statement, ast.Expr) else None
    if here is None or not isinstance(call, ast.Call) or call.args or call.keywords:
        return None
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "backward":
        return None
    root = call.func.value
    if not isinstance(root, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
        return None
    return here.replaced(root.end_col_offset or 0, root.end_col_offset or 0, ".sum()")


def detach_before_numpy(source: Source, line: int | None) -> Fix | None:
    """`y.numpy()` becomes `y.detach().numpy()`."""
    here = _line(source, line)
    calls = _calls(here, "numpy")
    if here is None or len(calls) != 1 or not isinstance(calls[0].func, ast.Attribute):
        return None
    end = calls[0].func.value.end_col_offset or 0
    return here.replaced(end, end, ".detach()")


def out_of_place(source: Source, line: int | None) -> Fix | None:
    """`y += 1` becomes `y = y + 1`, `y.mul_(2)` becomes `y = y.mul(2)`: a new tensor, the saved one stays."""
    here = _line(source, line)
    if here is None:
        return None
    statement = here.statement
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        return _spelled_out(here, statement, statement.target.id)
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    if not isinstance(call.func.value, ast.Name) or not IN_PLACE_METHODS.fullmatch(call.func.attr):
        return None
    name, method = call.func.value.id, call.func.attr[:-1]
    arguments = here.text[call.func.end_col_offset : call.end_col_offset].decode()
    return here.replaced(call.col_offset, call.end_col_offset or 0, f"{name} = {name}.{method}{arguments}")


def update_without_recording(source: Source, line: int | None) -> Fix | None:
    """`w -= 0.1 * w.grad` moves into `with torch.no_grad():`."""
    here = _line(source, line)
    if here is None or not isinstance(here.statement, ast.AugAssign | ast.Expr):
        return None
    reads_grad = any(isinstance(node, ast.Attribute) and node.attr == "grad" for node in ast.walk(here.statement))
    if not reads_grad or b";" in here.text:
        return None
    step = "\t" if here.indentation.endswith("\t") else "    "
    text = f"{here.indentation}with torch.no_grad():\n{here.indentation}{step}{here.text.decode()}"
    return Fix(here.number, "replace", text)


def call_after(source: Source, line: int | None, name: str, method: str, *, outermost: bool = False) -> Fix | None:
    """A new line `name.method()` after the one that binds `name`."""
    here = _line(source, line)
    if here is None or not name.isidentifier() or not isinstance(here.statement, ast.Assign | ast.AugAssign):
        return None
    targets = here.statement.targets if isinstance(here.statement, ast.Assign) else [here.statement.target]
    if not any(isinstance(target, ast.Name) and target.id == name for target in targets):
        return None
    if outermost and here.indentation:
        return None
    return Fix(here.number + 1, "insert", f"{here.indentation}{name}.{method}()")


def import_name(source: Source, name: str) -> Fix | None:
    """The import that everybody writes for `name`, before the snippet's first import or first statement."""
    text = COMMON_IMPORTS.get(name)
    first = source.logical[0] if source.logical else None
    if text is None or first is None or first.indent:
        return None
    place = next((item for item in source.logical if item.word in ("import", "from") and not item.indent), first)
    if "__future__" in source.lines[place.first - 1] or place.word[:1] in "\"'":
        return None
    return Fix(place.first, "insert", text)


def differentiated_name(source: Source, line: int | None, position: Id) -> str | None:
    """The text of element `position` of the inputs of the `autograd.grad` call on `line`."""
    here = _line(source, line)
    calls = _calls(here, "grad")
    if here is None or len(calls) != 1:
        return None
    given = [k.value for k in calls[0].keywords if k.arg == "inputs"] or calls[0].args[1:2]
    parts = given[0].elts if given and isinstance(given[0], ast.List | ast.Tuple) else given
    return here.of(parts[position])[:100] if position < len(parts) else None


def changed_name(source: Source, line: int | None) -> str | None:
    """The variable that the statement on `line` changes in place."""
    here = _line(source, line)
    node: ast.AST | None = None
    if here is not None and isinstance(here.statement, ast.AugAssign):
        node = here.statement.target
    elif here is not None and isinstance(here.statement, ast.Assign) and len(here.statement.targets) == 1:
        node = here.statement.targets[0]
    elif here is not None and isinstance(here.statement, ast.Expr) and isinstance(here.statement.value, ast.Call):
        node = here.statement.value.func
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _line(source: Source, line: int | None) -> _Line | None:
    statement = source.statement(line)
    if statement is None or line is None:
        return None
    indentation = source.indentation(line)
    return _Line(line, indentation, source.lines[line - 1][len(indentation) :].rstrip().encode(), statement)


def _assigned_call(here: _Line | None) -> ast.Call | None:
    value = here.statement.value if here is not None and isinstance(here.statement, ast.Assign) else None
    return value if isinstance(value, ast.Call) else None


def _torch_function(call: ast.Call) -> str:
    """`ones` of `torch.ones(…)`, and nothing of any other call."""
    func = call.func
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "torch":
        return func.attr
    return ""


def _calls(here: _Line | None, attribute: str) -> list[ast.Call]:
    if here is None:
        return []
    calls = [node for node in ast.walk(here.statement) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == attribute]


def _with_argument(here: _Line, call: ast.Call, argument: str) -> Fix | None:
    """The call with one more keyword argument, written before its closing bracket."""
    if any(isinstance(given, ast.Starred) for given in call.args) or any(k.arg is None for k in call.keywords):
        return None
    end = (call.end_col_offset or 0) - 1
    before = here.text[:end].rstrip()
    gap = b"" if before.endswith(b"(") else b" " if before.endswith(b",") else b", "
    changed = before + gap + argument.encode() + here.text[end:]
    return Fix(here.number, "replace", here.indentation + changed.decode())


def _spelled_out(here: _Line, statement: ast.AugAssign, name: str) -> Fix | None:
    operator = OPERATORS.get(type(statement.op))
    if operator is None:
        return None
    value = here.of(statement.value)
    simple = isinstance(statement.value, ast.Constant | ast.Name | ast.Call | ast.Attribute | ast.Subscript)
    text = f"{name} = {name} {operator} {value if simple else f'({value})'}"
    return here.replaced(statement.col_offset, statement.end_col_offset or 0, text)
