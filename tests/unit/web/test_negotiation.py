"""The Accept header by the rules of RFC 9110."""

from __future__ import annotations

import pytest

from app.web.negotiation import choose, parse_media_type
from app.web.problems import Refusal

OFFERED = ("application/json", "image/svg+xml", "text/plain")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "text/plain"),
        ("TEXT/PLAIN", "text/plain"),
        ("image/svg+xml;q=0.9, text/plain", "text/plain"),
        ("text/plain, image/svg+xml", "image/svg+xml"),
        ("*/*, application/json;q=0", "image/svg+xml"),
        ("text/plain;q=0.5, */*;q=0.1", "text/plain"),
        ("text/html, image/*;q=0.3", "image/svg+xml"),
        ("text/plain;q=1.000;level=1", "text/plain"),
    ],
)
def test_the_best_liked_type_is_chosen(accept: str, chosen: str) -> None:
    assert choose(accept, OFFERED) == chosen


@pytest.mark.parametrize(
    "accept", ["image/png", "*/*;q=0", "text/plain;q=2", "text/plain;q=nan", "text/plain;q=", ",;,"]
)
def test_when_nothing_is_liked_the_types_are_told(accept: str) -> None:
    with pytest.raises(Refusal, match="application/json, image/svg") as refused:
        choose(accept, OFFERED)
    assert refused.value.code == "not_acceptable"


def test_a_media_type_is_read_with_its_parameters() -> None:
    assert parse_media_type(' Text/Plain ; Charset="UTF-8";odd') == ("text/plain", {"charset": "UTF-8"})
