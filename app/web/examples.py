"""The examples of the page: read once from `examples/index.json` and the snippets beside it. Server side."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Example(msgspec.Struct, frozen=True):
    """One snippet of ours. `title`, `topic` and `point` are texts by language."""

    id: str
    title: dict[str, str]
    topic: dict[str, str] = {}
    point: dict[str, str] = {}
    order: int = 0
    code: str = ""


def load_examples(folder: Path) -> tuple[Example, ...]:
    """All examples in their order, with code; the first one is what a first visit shows."""
    listed = msgspec.json.decode((folder / "index.json").read_bytes(), type=list[Example])
    whole = [msgspec.structs.replace(one, code=(folder / f"{one.id}.py").read_text(encoding="utf-8")) for one in listed]
    return tuple(sorted(whole, key=lambda one: one.order))
