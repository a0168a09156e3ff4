"""The examples, already run: what a first visit shows at once. Server side.

Each example is run once, when it is first wanted, drawn once in each language, and kept for as long as the server is.
"""

from __future__ import annotations

import anyio
import msgspec

from app.errors import PictureError
from app.explorer import Explorer
from app.picture import View
from app.run import Run
from app.web.examples import Example
from app.web.languages import Language


class Showcase:
    """Runs of examples by example and language."""

    def __init__(self, explorer: Explorer, examples: tuple[Example, ...]) -> None:
        self._first = examples[0]
        self._explorer = explorer
        self._runs: dict[str, Run] = {}
        self._drawn: dict[tuple[str, str], Run] = {}
        self._lock = anyio.Lock()

    async def welcome(self) -> None:
        """Has the first example ready. Raises what `run_of` raises."""
        await self.run_of(self._first, "en")

    async def run_of(self, example: Example, language: Language) -> Run:
        """The run of `example`, with its picture. Raises what `Explorer.run` raises; the next call tries again."""
        async with self._lock:
            if (example.id, language) not in self._drawn:
                if example.id not in self._runs:
                    run = await self._explorer.run(example.code)
                    self._explorer.pin(run)
                    self._runs[example.id] = run
                self._drawn[example.id, language] = await self._with_picture(self._runs[example.id], language)
            return self._drawn[example.id, language]

    async def _with_picture(self, run: Run, language: Language) -> Run:
        try:
            picture = await self._explorer.picture(run, View(language=language))
        except PictureError as error:
            return msgspec.structs.replace(run, picture_problem=error.code)
        return msgspec.structs.replace(run, picture=picture)
