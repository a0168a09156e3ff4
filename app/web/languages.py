"""The sentences of the page: two catalogues, and the choice between them. Server side."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from markupsafe import Markup

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
_PLACE = re.compile(r"\{(\w+)\}")
_ACCEPTED = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[\w-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*$")


_SCRIPT_ESCAPES: Final = {
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def script_json(value: object) -> Markup:
    """`value` as JSON that may stand inside `<script type="application/json">`, whatever text it holds."""
    return Markup(msgspec.json.encode(value).decode().translate(_SCRIPT_ESCAPES))  # noqa: S704


class Catalogue:
    """Sentences of one language by key; what it lacks comes from `fallback`, at last the key itself."""

    def __init__(self, sentences: Mapping[str, str], fallback: Mapping[str, str]) -> None:
        self.sentences: dict[str, str] = {**fallback, **sentences}
        self.as_json = script_json(self.sentences)

    def __contains__(self, key: str) -> bool:
        return key in self.sentences

    def __call__(self, key: str, /, **params: object) -> str:
        """The sentence as plain text, its `{places}` filled; a place without a parameter stays as it is."""
        sentence = self.sentences.get(key, key)
        return _PLACE.sub(lambda found: _told(params[found[1]]) if found[1] in params else found[0], sentence)


def load_catalogues(folder: Path) -> dict[str, Catalogue]:
    """Both catalogues from `folder`."""
    sentences = {name: _flat(folder / f"{name}.json") for name in LANGUAGES}
    return {name: Catalogue(sentences[name], sentences["en"]) for name in LANGUAGES}


def _told(value: object) -> str:
    """A parameter inside a sentence."""
    if isinstance(value, tuple | list):
        return ", ".join(map(_told, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _flat(path: Path) -> dict[str, str]:
    """Nested groups become dotted keys."""
    flat: dict[str, str] = {}
    waiting = [("", json.loads(path.read_text(encoding="utf-8")))]
    while waiting:
        prefix, group = waiting.pop()
        for key, value in group.items():
            if isinstance(value, dict):
                waiting.append((f"{prefix}{key}.", value))
            else:
                flat[prefix + key] = str(value)
    return flat


def choose_language(asked: str | None, cookie: str | None, accept_language: str) -> Language:
    """`?lang=` first, then the cookie, then the browser's preference; English when none of them is ours."""
    for wish in (asked, cookie):
        if wish in LANGUAGES:
            return LANGUAGES[LANGUAGES.index(wish)]
    return _preferred(accept_language[:500])


def _preferred(header: str) -> Language:
    best: Language = "en"
    best_q = 0.0
    for part in header.split(","):
        if found := _ACCEPTED.match(part):
            name, q = found[1].lower(), float(found[2] or 1)
            if q > best_q and name in LANGUAGES:
                best, best_q = LANGUAGES[LANGUAGES.index(name)], q
    return best
