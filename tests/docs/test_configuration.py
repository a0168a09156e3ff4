"""docs/configuration.md and `Settings` tell the same: every setting, its default, its meaning."""

from __future__ import annotations

from pydantic_core import PydanticUndefined

from app.settings import Settings
from tests.docs.markdown import ROOT, first_code, rows

TEXT = (ROOT / "docs" / "configuration.md").read_text()
ROWS = {first_code(cells[0]): cells for cells in rows(TEXT) if "AUTOGRAD_EXPLORER_" in cells[0]}


def variable(field: str) -> str:
    return f"AUTOGRAD_EXPLORER_{field.upper()}"


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    assert set(ROWS) == {variable(field) for field in Settings.model_fields}


def test_every_row_tells_the_default() -> None:
    told = {name: first_code(cells[1]) for name, cells in ROWS.items()}
    fixed = {
        name: info.default for name, info in Settings.model_fields.items() if info.default is not PydanticUndefined
    }
    wrong = {name: told[variable(name)] for name, value in fixed.items() if told[variable(name)] != written(value)}
    assert wrong == {}


def test_every_row_tells_what_the_field_itself_says() -> None:
    described = {name: info.description for name, info in Settings.model_fields.items()}
    assert {name for name, text in described.items() if not text or text not in ROWS[variable(name)][2]} == set()


def written(value: object) -> str:
    """A default as an operator would type it."""
    return "unset" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
