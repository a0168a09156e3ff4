"""The situations of the source document, as a reader sees them on the page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.source_document import SITUATIONS, Situation

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.example)
def test_a_situation_of_the_source_document(visit: Callable[..., Visit], situation: Situation) -> None:
    here = visit(f"/?example={situation.example}")
    here.is_in("error" if situation.status == "error" else "done")
    for text in situation.drawn:
        expect(here.page.locator("#picture g.node", has_text=text).first).to_be_attached()
    here.tab("Gradients")
    for name, told in situation.told.items():
        expect(here.row(name)).to_contain_text(told)
