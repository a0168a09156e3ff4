"""How wide a text is, without a font: advance widths of DejaVu Sans, the widest of the fonts the page may fall back
to, so that text fits its box whatever font the reader has. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

NAME_SIZE: Final = 13.0
NOTE_SIZE: Final = 11.0
LABEL_SIZE: Final = 10.5
LINE_HEIGHT: Final = 16.0
PADDING_X: Final = 12.0
PADDING_Y: Final = 7.0
_BOLD: Final = 1.13

_GROUPS: Final = {
    0.28: "ijl'",
    0.32: " ,.·",
    0.36: "f-:;|/\\`",
    0.41: "tr()[]!J",
    0.46: '"',
    0.53: "zs?*I_",
    0.61: "kcvxyaegLFTYZ",
    0.65: "0123456789bdhnopquE$S{}PXVCKAB",
    0.70: "RU",
    0.79: "wDGHNOQ&",
    0.84: "+=<>~^#",
    0.99: "mMW%@—…×",
}
_WIDTHS: Final = {char: width for width, chars in _GROUPS.items() for char in chars}


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Points that `text` takes at most in any of the fonts of graph.css."""
    ems = sum(_WIDTHS.get(char) or _other(char) for char in text)
    return ems * size * (_BOLD if bold else 1.0)


def _other(char: str) -> float:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0.0
    return 1.05 if unicodedata.east_asian_width(char) in {"W", "F"} or ord(char) > 0x2000 else 0.9
