"""Every link of the documentation leads somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, anchors, links, pages

PAGES = pages()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_of_a_page_resolves(page: Path) -> None:
    broken = []
    for link in links(page.read_text()):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert broken == []


def test_a_broken_link_would_be_seen() -> None:
    assert links("see [this](nowhere.md#there) and `[code](x)`") == ["nowhere.md#there"]
    assert anchors("# Limits of a run\n```\n# not one\n```\n") == {"limits-of-a-run"}
