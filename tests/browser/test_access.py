"""The page for those who cannot see it, or see it otherwise: axe-core finds nothing serious in any state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_stories import SMALL

pytestmark = pytest.mark.browser
AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# A box of the picture is text in two lines; its accessible name says the same as a sentence.
SERIOUS = """async () => (await axe.run()).violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`))
  .filter((told) => !told.startsWith("label-content-name-mismatch: <g "))"""


def serious(here: Visit) -> list[str]:
    here.page.evaluate(AXE.read_text("utf-8"))
    return here.page.evaluate(SERIOUS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_finished_run_has_no_serious_finding(visit: Callable[..., Visit], scheme: str, language: str) -> None:
    here = visit(f"/?lang={language}", color_scheme=scheme)
    here.is_in("done")
    assert serious(here) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_failed_run_has_no_serious_finding(visit: Callable[..., Visit], scheme: str) -> None:
    here = visit(color_scheme=scheme)
    here.run("import torch\nx = torch.ones(5)\ny = 2 * torch.dot(x, x)\ny.backward()\n", "error")
    assert serious(here) == []
    here.tab("Explain")
    here.page.get_by_text("Show fix").first.click()
    assert serious(here) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_node_table_and_shortcuts_have_no_serious_finding(visit: Callable[..., Visit], scheme: str) -> None:
    here = visit(color_scheme=scheme)
    here.run(SMALL)
    here.node("MulBackward0").click()
    assert serious(here) == []
    here.page.get_by_role("button", name="Table").click()
    assert serious(here) == []
    here.page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(here.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert serious(here) == []


def test_regions_and_graph_have_their_names(visit: Callable[..., Visit]) -> None:
    here = visit()
    here.run(SMALL)
    for region in ("Code", "Graph", "Details"):
        expect(here.page.get_by_role("region", name=region, exact=True)).to_be_visible()
    expect(here.page.get_by_role("group", name="Computation graph: 3 nodes, 2 edges")).to_be_visible()
    expect(here.page.get_by_role("button", name="MulBackward0, line 3, 1 input, gradient norm 1.73")).to_be_visible()
    expect(here.page.get_by_role("table", name="Gradients")).to_be_visible()
    expect(here.page.get_by_role("rowheader", name="w", exact=True)).to_be_visible()
