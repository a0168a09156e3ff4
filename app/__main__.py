"""The command line: `serve` the page and the API, or `run` one file and tell what autograd did."""

from __future__ import annotations

import argparse
import importlib.util
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import msgspec

from app import __version__
from app.errors import AppError
from app.explain import summary_text
from app.explorer import Explorer
from app.picture import Painter, standalone_svg
from app.run import Run
from app.sandbox import open_runner
from app.settings import Settings
from app.store import RunStore
from app.web.files import page_folder
from app.web.languages import load_catalogues

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

EXIT_OF_STATUS: Final = {"ok": 0, "error": 1, "killed": 2}
EXIT_OURS: Final = 3
_LOGGING: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "app": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code (of `run`: 0 ok, 1 the snippet failed, 2 it was killed, 3 ours)."""
    asked = _parser().parse_args(arguments)
    try:
        return _serve(asked.host, asked.port) if asked.command == "serve" else anyio.run(_run, asked)
    except AppError as error:
        print(f"autograd-explorer: {error.detail or error.code}", file=sys.stderr)
        return EXIT_OURS
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="autograd-explorer", description="See what autograd did.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the page and the API")
    serve.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"), help="default 127.0.0.1, or $HOST")
    serve.add_argument(
        "--port", type=_port, default=os.environ.get("PORT", "8000"), help="default 8000, or $PORT; 0 takes a free one"
    )
    run = commands.add_parser("run", help="run one file in the sandbox and tell what autograd did")
    run.add_argument("file", metavar="FILE", help="a Python file, or - for standard input")
    run.add_argument("--seed", type=int, default=0, help="seed of every random generator (default 0)")
    run.add_argument("--svg", metavar="OUT", type=Path, help="write the picture there")
    run.add_argument("--json", action="store_true", help="print the whole run as JSON instead of the summary")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a port")
    return int(text)


def _serve(host: str, port: int) -> int:
    # Only `serve` needs the web server; `run` starts faster without it.
    import uvicorn

    from app.main import create_app

    settings = Settings()
    if settings.trusted_local and host not in ("127.0.0.1", "localhost", "::1"):
        print("autograd-explorer: without a sandbox this serves loopback only (see trusted_local)", file=sys.stderr)
        return 1
    try:
        listener = _listen(host, port)
    except OSError as error:
        print(f"autograd-explorer: cannot listen on {host} port {port}: {error.strerror or error}", file=sys.stderr)
        return 1
    name = f"[{host}]" if ":" in host else host
    print(f"Autograd Explorer: http://{name}:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(server_config(create_app(settings))).run(sockets=[listener])
    return 0


def server_config(app: ASGIApp) -> uvicorn.Config:
    """How `app` is served. h11 and no other parser: it bounds the header of a request, and a client that leaves is
    noticed even where it has sent its next request already."""
    import uvicorn

    return uvicorn.Config(
        app,
        loop="uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
        http="h11",
        ws="none",
        access_log=False,
        log_config=_LOGGING,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        limit_concurrency=1000,
        h11_max_incomplete_event_size=32 * 2**10,
    )


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


async def _run(asked: argparse.Namespace) -> int:
    code = _read(asked.file)
    run = await _evaluate(code, asked.seed, picture=asked.svg is not None)
    if asked.svg is not None and run.picture is not None:
        asked.svg.write_text(standalone_svg(run.picture.svg), encoding="utf-8")
    elif asked.svg is not None:
        print(f"autograd-explorer: no picture: {run.picture_problem}", file=sys.stderr)
    sys.stdout.write(msgspec.json.encode(run).decode() + "\n" if asked.json else summary_text(run, _sentences()))
    return EXIT_OF_STATUS[run.status]


async def _evaluate(code: str, seed: int, *, picture: bool) -> Run:
    settings = Settings().model_copy(update={"concurrency": 1, "spare_children": 1, "data_dir": None})
    runner, painter, store = open_runner(settings), Painter(settings), RunStore(settings)
    await store.start()
    try:
        await runner.start()
        return await Explorer(settings, runner, painter, store).run(code, seed, picture=picture)
    finally:
        with anyio.CancelScope(shield=True):
            await runner.close()
            await painter.close()
            await store.close()


def _sentences() -> dict[str, str]:
    return load_catalogues(page_folder("static") / "i18n")["en"].sentences


def _read(name: str) -> str:
    try:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise AppError(f"cannot read {name}: {error.strerror}") from error
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise AppError(f"{name} is not UTF-8") from error


if __name__ == "__main__":
    sys.exit(main())
