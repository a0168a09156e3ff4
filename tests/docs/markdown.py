"""What the documentation's tests read out of Markdown. Pure."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")


def pages() -> list[Path]:
    """README and its siblings at the top, and everything under docs/."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def prose(text: str) -> str:
    """The page without its code."""
    return re.sub(r"`[^`\n]+`", "", _FENCE.sub("", text))


def fences(text: str, language: str) -> list[str]:
    return [code for kind, code in _FENCE.findall(text) if kind == language]


def links(text: str) -> list[str]:
    return [first or second for first, second in _LINK.findall(prose(text))]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, headers and rules left out of nothing but the rules."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("|")]
    split = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [cells for cells in split if not all(set(cell) <= set("-: ") for cell in cells)]


def first_code(cell: str) -> str | None:
    """The first thing in backticks."""
    match = re.search(r"`([^`]+)`", cell)
    return match[1] if match else None
