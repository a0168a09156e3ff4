"""The threat model names a test for each claim; here each of them is made to exist."""

from __future__ import annotations

import ast
import re

from tests.docs.markdown import ROOT, rows

TEXT = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_named_test_exists() -> None:
    named = NAMED.findall(TEXT)
    assert len(named) > 20
    missing = [
        (path, name) for path, name in named if not (ROOT / path).is_file() or (name and name not in functions(path))
    ]
    assert missing == []


def test_every_threat_names_a_test() -> None:
    threats = [cells for cells in rows(TEXT) if re.fullmatch(r"T\d+", cells[0])]
    assert len(threats) > 10
    assert [cells[0] for cells in threats if not NAMED.search(" ".join(cells))] == []
