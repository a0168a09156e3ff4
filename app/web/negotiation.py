"""Which of our types the `Accept` header wants, and which charset a body has (RFC 9110). Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from app.web.problems import Refusal

_MOST_RANGES: Final = 50


class MediaType(NamedTuple):
    """The type in lower case, with its parameters."""

    name: str
    params: dict[str, str]


def parse_media_type(text: str) -> MediaType:
    """`text/plain; Charset="UTF-8"` as its parts; anything odd comes out as a name that nobody takes."""
    name, *rest = text.split(";")
    params = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if equals:
            params[key.strip().lower()] = value.strip().strip('"')
    return MediaType(name.strip().lower(), params)


def choose(accept: str, offered: tuple[str, ...]) -> str:
    """The offered type that `accept` likes best, the first of ours among equals. Raises Refusal when it likes none.

    The most specific range that matches a type decides its weight, whatever the order of the ranges.
    """
    if not accept.strip():
        return offered[0]
    ranges = [(kind.name, _weight(kind)) for kind in map(parse_media_type, accept.split(",")[:_MOST_RANGES])]
    weights = [_weight_of(name, ranges) for name in offered]
    best = max(weights)
    if best <= 0:
        raise Refusal("not_acceptable", "This address can answer with: " + ", ".join(offered))
    return offered[weights.index(best)]


def _weight(kind: MediaType) -> float:
    try:
        q = float(kind.params.get("q", "1"))
    except ValueError:
        return 0.0
    return q if 0 <= q <= 1 else 0.0


def _weight_of(name: str, ranges: list[tuple[str, float]]) -> float:
    family = name.partition("/")[0] + "/*"
    for wanted in (name, family, "*/*"):
        found = [weight for range_name, weight in ranges if range_name == wanted]
        if found:
            return max(found)
    return 0.0
