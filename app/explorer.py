"""The use case: a snippet goes in, a Run comes out, with its findings and, when asked for, its picture.

Server side; the only door between HTTP (or the command line) and everything below it.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncGenerator
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from app.errors import AppError, CodeNotText, CodeTooLong, NoGraph, NotKept, SandboxUnavailable
from app.explain import explain
from app.folding import Folding
from app.picture import Painter, View, dot_source
from app.protocol import Request, SandboxStatus
from app.run import Picture, Run
from app.sandbox import Runner, RunnerEvent
from app.settings import Settings
from app.store import RunStore

log = logging.getLogger("app.explorer")

BOOT_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 5.0
_MANY_NODES: Final = 2_000


class Explorer:
    """Runs snippets, keeps the runs, draws them. Built and closed by `app.main`."""

    def __init__(self, settings: Settings, runner: Runner, painter: Painter, store: RunStore) -> None:
        self.settings = settings
        self._runner = runner
        self._painter = painter
        self._store = store
        self._pinned: dict[str, Run] = {}
        self._was_ready = False

    async def run(self, code: str, seed: int = 0, *, picture: bool = False, view: View | None = None) -> Run:
        """One evaluation of `code`; a snippet that fails or is killed is still a Run. Cancelling it kills the child.

        Raises BadSnippet, Overloaded, SandboxUnavailable, WorkerError. A picture that cannot be made is told in
        `picture_problem`.
        """
        code = checked_code(code, self.settings.code_bytes)
        folding = Folding(code, seed, self.settings)
        await self._follow(Request(code=code, seed=seed), folding)
        run = await _explained(folding.run(secrets.token_urlsafe(16)))
        if picture:
            run = await self._with_picture(run, view or View())
        await self._store.put(run)
        return run

    async def picture(self, run: Run, view: View) -> Picture:
        """A drawing of a graph of `run`. Raises PictureError, NoGraph among them."""
        _check_graph(run, view)
        return await self._painter.draw(run, view)

    async def dot(self, run: Run, view: View) -> str:
        """The same graph as DOT text. Raises PictureError."""
        _check_graph(run, view)
        if _node_count(run) < _MANY_NODES:
            return dot_source(run, view)
        return await anyio.to_thread.run_sync(dot_source, run, view)

    async def kept(self, run_id: str) -> Run:
        """A finished run. Raises NotKept."""
        return self._pinned.get(run_id) or await self._store.get(run_id)

    def pin(self, run: Run) -> None:
        """Keeps `run` for as long as this process lives, whoever asks to forget it: it is one of ours."""
        self._pinned[run.id] = run

    async def forget(self, run_id: str) -> None:
        """Raises NotKept when there was nothing to forget, or when the run is pinned."""
        if run_id in self._pinned:
            raise NotKept("This run shows an example to everyone; it is not yours to forget.")
        await self._store.forget(run_id)

    async def status(self) -> SandboxStatus:
        return await self._runner.status()

    async def _follow(self, request: Request, folding: Folding) -> None:
        events = self._runner.run(request)
        try:
            first = await self._first(events)
            folding.take(first)
            async for event in events:
                folding.take(event)
        finally:
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await events.aclose()

    async def _first(self, events: AsyncGenerator[RunnerEvent, None]) -> RunnerEvent:
        """The first event; while the sandbox boots, waits a bounded time for it."""
        with anyio.move_on_after(None if self._was_ready else BOOT_SECONDS):
            async for event in events:
                self._was_ready = True
                return event
            raise SandboxUnavailable("the sandbox ended the run before it began")
        detail = (await self._runner.status()).detail
        raise SandboxUnavailable(detail or "the sandbox is still starting", retry_after_seconds=5)

    async def _with_picture(self, run: Run, view: View) -> Run:
        started = time.perf_counter()
        try:
            drawn, trouble = await self.picture(run, view), None
        except AppError as error:
            drawn, trouble = None, error.code
        timings = msgspec.structs.replace(run.timings, picture_ms=_ms_since(started))
        return msgspec.structs.replace(run, picture=drawn, picture_problem=trouble, timings=timings)


def checked_code(code: str, limit_bytes: int) -> str:
    """`code` without a byte order mark. Raises CodeTooLong, counted in bytes of UTF-8, and CodeNotText."""
    code = code.removeprefix("\ufeff")
    if len(code) > limit_bytes:
        raise CodeTooLong(limit=limit_bytes)
    try:
        size = len(code.encode())
    except UnicodeEncodeError as exc:
        raise CodeNotText(
            f"Half of a character (a lone surrogate) stands on line {_line_of(code, exc.start)}."
        ) from exc
    if size > limit_bytes:
        raise CodeTooLong(limit=limit_bytes)
    if "\0" in code:
        raise CodeNotText(f"A null byte stands on line {_line_of(code, code.index(chr(0)))}.")
    return code


async def _explained(run: Run) -> Run:
    started = time.perf_counter()
    try:
        explained = await anyio.to_thread.run_sync(explain, run) if _node_count(run) > _MANY_NODES else explain(run)
    except Exception:
        # A run holds whatever a hostile child made up; a rule that trips over it must not lose the run.
        log.exception("run %s could not be explained", run.id)
        explained = run
    timings = msgspec.structs.replace(explained.timings, explain_ms=_ms_since(started))
    return msgspec.structs.replace(explained, timings=timings)


def _check_graph(run: Run, view: View) -> None:
    if not run.graphs:
        raise NoGraph("The run built no graph." if run.error is None else f"The run ended with {run.error.type}.")
    if view.graph is not None and all(graph.id != view.graph for graph in run.graphs):
        raise NoGraph(f"The run has no graph {view.graph}.")


def _node_count(run: Run) -> int:
    return sum(len(graph.nodes) for graph in run.graphs)


def _line_of(code: str, position: int) -> int:
    return code.count("\n", 0, position) + 1


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
