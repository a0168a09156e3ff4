"""docs/errors.md and the server's list of problems tell the same."""

from __future__ import annotations

from app.web.problems import PROBLEMS
from tests.docs.markdown import ROOT, first_code, rows

TEXT = (ROOT / "docs" / "errors.md").read_text()


def test_every_problem_has_a_row_and_every_row_a_problem() -> None:
    assert {first_code(cells[0]) for cells in rows(TEXT) if first_code(cells[0])} == set(PROBLEMS)


def test_every_row_tells_its_http_status() -> None:
    told = {first_code(cells[0]): cells[1] for cells in rows(TEXT)}
    assert {code for code, kind in PROBLEMS.items() if str(kind.status) not in told[code]} == set()
