"""Where Graphviz would put things: a child process with little memory, little time and no environment. In the server.

One child is kept started and waiting, so that starting a program is not on the way of a request. A child is used once
and killed whole. Its input holds no text of a snippet, its output is read up to a bound and only numbers are taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import signal
import sys
from pathlib import Path
from typing import Final

from app.errors import LayoutTimeout, PictureError, PictureTooLarge
from app.picture.dot import bare
from app.picture.engine import Engine
from app.picture.view import Drawing, Layout, Point

_OUTPUT_BYTES: Final = 32 * 2**20
_CHUNK: Final = 2**16
_NODE: Final = re.compile(r'<g id="n(\d+)" class="node">\s*<title>[^<]*</title>\s*<polygon[^>]*? points="([^"<]*)"')
_EDGE: Final = re.compile(r'<g id="e(\d+)" class="edge">\s*<title>[^<]*</title>\s*<path[^>]*? d="([^"<]*)"')
_POINT: Final = re.compile(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)")
_LAUNCHER: Final = Path(__file__).with_name("limited.py")


class Child:
    """One layout program, waiting for its one graph. `kill` must be awaited in the end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, engine: Engine, seconds: float, memory_bytes: int) -> Child:
        """Raises PictureError when the program cannot be started."""
        limits = (str(math.ceil(seconds) + 1), str(memory_bytes))
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_LAUNCHER), *limits, *engine.command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as exc:
            raise PictureError(f"Graphviz did not start: {exc.strerror}") from exc
        return cls(process)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def answer(self, text: str, seconds: float) -> str:
        """What the program makes of `text`. Raises LayoutTimeout, PictureTooLarge or PictureError."""
        try:
            async with asyncio.timeout(seconds):
                output = await self._exchange(text.encode())
                status = await self._process.wait()
        except TimeoutError as exc:
            raise LayoutTimeout("Graphviz took too long", limit=seconds) from exc
        if status == -signal.SIGXCPU:
            raise LayoutTimeout("Graphviz took too long", limit=seconds)
        if status != 0:
            raise PictureError(f"Graphviz ended with status {status}")
        return output.decode(errors="replace")

    async def _exchange(self, text: bytes) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: PT018
        with contextlib.suppress(ConnectionError):
            stdin.write(text)
            await stdin.drain()
        stdin.close()
        output = bytearray()
        while chunk := await stdout.read(_CHUNK):
            output += chunk
            if len(output) > _OUTPUT_BYTES:
                raise PictureTooLarge("Graphviz wrote too much", limit=_OUTPUT_BYTES)
        return bytes(output)

    async def kill(self) -> None:
        """End the program and whatever it started; returns when it is gone."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


class Graphviz:
    """Layouts by `engine`, each in its own limited child, the next of which is already waiting."""

    def __init__(self, engine: Engine, seconds: float, memory_bytes: int) -> None:
        self.engine = engine
        self._seconds, self._memory_bytes = seconds, memory_bytes
        self._spare: asyncio.Task[Child] | None = None

    async def start(self) -> None:
        """Start the first spare; returns when its process exists."""
        self._refill()
        if self._spare is not None:
            await asyncio.wait({self._spare})

    async def layout(self, drawing: Drawing) -> Layout:
        """Raises LayoutTimeout, PictureTooLarge or PictureError; the child is gone in every case."""
        text = bare(drawing)
        child = await self._take()
        try:
            svg = await child.answer(text, self._seconds)
        finally:
            self._refill()
            await asyncio.shield(child.kill())
        return parse(svg, len(drawing.nodes), len(drawing.edges))

    async def close(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            with contextlib.suppress(PictureError):
                await (await spare).kill()

    async def _take(self) -> Child:
        spare, self._spare = self._spare, None
        if spare is not None:
            with contextlib.suppress(PictureError):
                child = await spare
                if child.alive:
                    return child
                await child.kill()
        return await self._new()

    def _refill(self) -> None:
        if self._spare is None:
            self._spare = asyncio.create_task(self._new())

    async def _new(self) -> Child:
        return await Child.start(self.engine, self._seconds, self._memory_bytes)


def parse(svg: str, nodes: int, edges: int) -> Layout:
    """The numbers in Graphviz's SVG. Raises PictureError when a box is missing from it."""
    centres: list[Point | None] = [None] * nodes
    for index, points in _NODE.findall(svg):
        if int(index) < nodes:
            centres[int(index)] = _centre(_points(points))
    curves: list[tuple[Point, ...]] = [()] * edges
    for index, path in _EDGE.findall(svg):
        points = _points(path)
        if int(index) < edges and len(points) % 3 == 1:
            curves[int(index)] = points
    placed = tuple(centre for centre in centres if centre is not None)
    if len(placed) != nodes:
        raise PictureError(f"Graphviz placed {len(placed)} of {nodes} nodes")
    return Layout(placed, tuple(curves))


def _points(text: str) -> tuple[Point, ...]:
    return tuple((float(x), float(y)) for x, y in _POINT.findall(text))


def _centre(points: tuple[Point, ...]) -> Point | None:
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
