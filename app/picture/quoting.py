"""Makes strings of a snippet harmless: clean text for the eye, DOT strings, XML text. Pure.

A name may be anything an attacker likes: markup, DOT escapes, control characters, right-to-left overrides, a megabyte.
`visible` is applied to every one of them, once, before it enters a drawing.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import Final

ELLIPSIS: Final = "…"
REPLACEMENT: Final = "\ufffd"
_MARKS_IN_A_ROW: Final = 2
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ENTITY: Final = re.compile(r"&(?=#?\w+;)")
_XML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_PLAIN: Final = re.compile(r"[ -~]*\Z")


def visible(text: str, limit: int = 48) -> str:
    """`text` as one line of printable characters, at most `limit` of them, cut with "…".

    Control characters become their pictures (␀, ␊), everything else that is invisible or changes the direction of
    the text becomes "\ufffd", and more than two combining marks in a row are dropped.
    """
    if len(text) <= limit and _PLAIN.match(text):
        return text
    shown = list(islice(_printable(text[: 4 * limit + 16]), limit + 1))
    if len(shown) > limit or len(text) > 4 * limit + 16:
        shown = [*shown[: limit - 1], ELLIPSIS]
    return "".join(shown)


def _printable(text: str) -> list[str]:
    shown: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks > _MARKS_IN_A_ROW:
            continue
        shown.append(_shown(char, category))
    return shown


def _shown(char: str, category: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if category == "Zs":
        return " "
    return REPLACEMENT if category in _HIDDEN else char


def dot_text(text: str) -> str:
    """Clean text as Graphviz shows it unchanged: what looks like an HTML entity is kept from being read as one."""
    return _ENTITY.sub("＆", text)


def dot_string(*lines: str) -> str:
    """Clean lines as one quoted DOT string that is never an HTML label and holds no escape but the line breaks."""
    escaped = (dot_text(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def xml(text: str) -> str:
    """Clean text for an XML text node or a double-quoted attribute."""
    return text.translate(_XML)
