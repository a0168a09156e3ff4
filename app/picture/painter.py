"""The one door of this room: a run in, a picture out. Runs in the server; the layout in a limited child."""

from __future__ import annotations

import asyncio

from app.errors import PictureError, PictureTooLarge
from app.picture import dot
from app.picture.engine import Engine, find_engine
from app.picture.fold import fold
from app.picture.layout import Graphviz
from app.picture.plain import plain_layout
from app.picture.svg import render
from app.picture.view import Drawing, Layout, View
from app.run import Picture, Run
from app.settings import Settings

_EDGES_PER_NODE = 10
_READABLE_NODES = 1500


def dot_source(run: Run, view: View | None = None, drawn_nodes: int = _READABLE_NODES) -> str:
    """The picture as DOT text. Raises NoGraph, PictureTooLarge."""
    return dot.readable(_fold(run, view or View(), drawn_nodes))


class Painter:
    """Draws runs. `engine` is found at `start` unless one is given; without any, drawings are plain."""

    def __init__(self, settings: Settings, engine: Engine | None = None) -> None:
        self._settings = settings
        self._engine = engine
        self._graphviz: Graphviz | None = None

    @property
    def engine(self) -> Engine | None:
        """The Graphviz in use, None when there is none."""
        return None if self._graphviz is None else self._graphviz.engine

    async def start(self) -> None:
        """Find Graphviz and have a first child waiting."""
        engine = self._engine or await asyncio.to_thread(find_engine)
        if engine is not None:
            settings = self._settings
            self._graphviz = Graphviz(engine, settings.layout_seconds, settings.layout_memory_bytes)
            await self._graphviz.start()

    async def draw(self, run: Run, view: View | None = None) -> Picture:
        """The picture of one graph of `run`. Raises NoGraph and PictureTooLarge.

        When Graphviz is missing, fails or takes too long, the drawing is a plain one and its `note` says so.
        """
        drawing = await asyncio.to_thread(_fold, run, view or View(), self._settings.drawn_nodes)
        layout, trouble = await self._layout(drawing)
        svg = await asyncio.to_thread(render, drawing, layout)
        return Picture(
            graph=drawing.graph,
            svg=svg,
            drawn=drawing.drawn,
            total=drawing.total,
            simplified=trouble is not None,
            note=drawing.note or trouble,
        )

    async def close(self) -> None:
        if self._graphviz is not None:
            await self._graphviz.close()

    async def _layout(self, drawing: Drawing) -> tuple[Layout, str | None]:
        if self._graphviz is None:
            return await asyncio.to_thread(plain_layout, drawing), "graphviz_missing"
        try:
            return await self._graphviz.layout(drawing), None
        except PictureError as error:
            trouble = "layout_failed" if type(error) is PictureError else error.code
            return await asyncio.to_thread(plain_layout, drawing), trouble


def _fold(run: Run, view: View, drawn_nodes: int) -> Drawing:
    drawing = fold(run, view, drawn_nodes)
    most = _EDGES_PER_NODE * drawn_nodes
    if len(drawing.edges) > most:
        raise PictureTooLarge(f"the picture would have {len(drawing.edges)} edges", limit=most)
    return drawing
