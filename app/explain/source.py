"""The snippet as text: its logical lines, and one statement of it at a time. Pure; nothing is run.

A snippet is never parsed whole: nesting deep enough to exhaust the C stack of a parser is easily written. Logical
lines come from the tokenizer, which does not recurse, and only short ones are parsed.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from functools import cached_property

PARSED_CHARACTERS = 400
_NEWLINE = re.compile(r"\r\n|\r|\n")
_SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}


@dataclass(frozen=True)
class LogicalLine:
    """A statement, or the header of a block. `first` to `last` are its physical lines, `word` its first token."""

    first: int
    last: int
    indent: int
    word: str


@dataclass(frozen=True)
class Source:
    """A snippet by physical lines; read further only when a rule asks, since most runs need no fix."""

    lines: tuple[str, ...]

    @cached_property
    def logical(self) -> tuple[LogicalLine, ...]:
        return _logical("\n".join(self.lines))

    def line_at(self, line: int) -> LogicalLine | None:
        return next((item for item in self.logical if item.first <= line <= item.last), None)

    def statement(self, line: int | None) -> ast.stmt | None:
        """The one simple statement that stands on `line` all by itself; None when it is anything else."""
        found = self.line_at(line) if line is not None else None
        if found is None or found.first != found.last:
            return None
        text = self.lines[found.first - 1].strip()
        body = _parse(text)
        return body[0] if len(body) == 1 and not hasattr(body[0], "body") else None

    def indentation(self, line: int) -> str:
        text = self.lines[line - 1]
        return text[: len(text) - len(text.lstrip())]


def source(code: str) -> Source:
    """Never raises; the logical lines end where the code can no longer be read."""
    return Source(tuple(_NEWLINE.split(code)))


def _parse(text: str) -> list[ast.stmt]:
    if len(text) > PARSED_CHARACTERS:
        return []
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _logical(text: str) -> tuple[LogicalLine, ...]:
    found: list[LogicalLine] = []
    start: tokenize.TokenInfo | None = None
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NEWLINE:
                if start is not None:
                    found.append(LogicalLine(start.start[0], token.start[0], start.start[1], start.string))
                start = None
            elif start is None and token.type not in _SKIPPED:
                start = token
    except (tokenize.TokenError, SyntaxError):
        pass
    return tuple(found)
