"""Text that can be sent: bounded, and made of characters that UTF-8 can carry. Inside the sandbox."""

from __future__ import annotations

_NAME = 256


def sendable(text: str, limit: int = _NAME) -> str:
    """The first `limit` characters of `text`; lone surrogates as escapes."""
    text = text[:limit]
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")[:limit]
