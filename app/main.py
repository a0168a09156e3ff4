"""The composition root: the only place that builds things and puts them together. Server side."""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import msgspec
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from app import __version__
from app.errors import AppError
from app.explorer import Explorer
from app.picture import Painter
from app.sandbox import Runner, open_runner
from app.settings import Settings
from app.store import RunStore
from app.web import api, explorer_page, health, reference
from app.web.examples import load_examples
from app.web.files import page_folder
from app.web.middleware import Envelope, SameSite, WholeBody
from app.web.pages import Pages
from app.web.problems import handle_problems
from app.web.schemas import ExampleAnswer, describe
from app.web.showcase import Showcase

log = logging.getLogger("app")

_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".map": "application/json",
    ".woff2": "font/woff2",
}


def create_app(
    settings: Settings | None = None,
    *,
    runner: Runner | None = None,
    painter: Painter | None = None,
    welcome: bool = True,
) -> FastAPI:
    """The whole service. It answers as soon as its lifespan has begun; the sandbox boots meanwhile.

    `welcome` runs the first example as soon as that is possible, so that the first visit finds it ready.
    """
    settings = settings or Settings()
    runner = runner or open_runner(settings)
    painter = painter or Painter(settings)
    store = RunStore(settings)
    explorer = Explorer(settings, runner, painter, store)
    pages = Pages(settings, load_examples(page_folder("examples")))
    showcase = Showcase(explorer, pages.examples)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await store.start()
        await _start("sandbox", runner.start)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_warm_up, painter, showcase if welcome else None)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await runner.close()
                    await painter.close()
                    await store.close()

    app = FastAPI(
        title="Autograd Explorer",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        swagger_ui_oauth2_redirect_url=None,
    )
    handle_problems(app)
    explorer_page.handle_page_problems(app, pages)
    app.include_router(api.router(explorer, pages, _example_answers(pages)))
    app.include_router(health.router(explorer))
    app.include_router(reference.router())
    app.include_router(explorer_page.router(explorer, pages, showcase))
    app.mount("/static", Files(directory=page_folder("static")), name="static")
    describe(app)
    _surround(app, settings)
    return app


async def _start(name: str, start: Callable[[], Awaitable[None]]) -> None:
    """A failure is told by `/readyz` and by each run that it concerns; the service answers all the same."""
    try:
        await start()
    except (AppError, OSError) as error:
        log.error("the %s did not start: %s", name, error)


async def _warm_up(painter: Painter, showcase: Showcase | None) -> None:
    """What may take its time, while requests are already answered."""
    await _start("painter", painter.start)
    if showcase is not None:
        await _start("first example", showcase.welcome)


def _surround(app: FastAPI, settings: Settings) -> None:
    """The middleware, innermost first."""
    app.add_middleware(
        WholeBody,
        # JSON may spell a byte as \\u00XX, a form as %XX; and a form that is too long is still shown again.
        limit_bytes=6 * settings.code_bytes + 16 * 2**10,
        forms={"/": max(2 * 2**20, 12 * settings.code_bytes)},
    )
    app.add_middleware(SameSite, loopback_only=settings.trusted_local)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(Envelope)


def _example_answers(pages: Pages) -> bytes:
    answers = [msgspec.convert(msgspec.to_builtins(one), ExampleAnswer) for one in pages.examples]
    return msgspec.json.encode(answers)


class Files(StaticFiles):
    """Static files with the types that modules need, checked for changes at each use (ETag, 304)."""

    def __init__(self, **options: object) -> None:
        for suffix, name in _TYPES.items():
            mimetypes.add_type(name, suffix)
        super().__init__(**options)  # type: ignore[arg-type]

    def file_response(self, *args: object, **options: object) -> Response:
        response = super().file_response(*args, **options)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, no-cache"
        return response
