"""The runner translates whatever happens on the socket into events and errors of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.errors import AppError, Overloaded, SandboxUnavailable, WorkerDied
from app.protocol import (
    RECORD_FRAME,
    RECORD_OUTPUT,
    Ended,
    Finished,
    Limits,
    Progress,
    Refused,
    Request,
    SandboxStatus,
    Started,
    encode,
)
from app.sandbox import open_runner
from app.sandbox.client import SocketRunner
from app.sandbox.embedded import EmbeddedRunner
from app.sandbox.options import supervisor_options
from app.sandbox.records import read_record, write_bytes, write_message
from app.sandbox.runner import OutputChunk
from app.settings import Settings
from tests.sandbox.local import events_of

pytestmark = pytest.mark.anyio

STARTED = Started(queued_ms=1.0, layers=("seccomp",), limits=Limits())
ENDED = Ended(outcome="finished", wall_ms=5.0)
Answer = Callable[[asyncio.StreamWriter], None]


@asynccontextmanager
async def supervisor(folder: Path, answer: Answer) -> AsyncIterator[SocketRunner]:
    """A runner whose supervisor answers every question in one way and hangs up."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_record(reader)
        answer(writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(converse, folder / "s")
    async with server:
        yield SocketRunner(folder / "s")


async def test_events_come_in_order_and_decoded(tmp_path: Path) -> None:
    def answer(writer: asyncio.StreamWriter) -> None:
        write_message(writer, STARTED)
        write_bytes(writer, RECORD_OUTPUT, b"h\xc3")
        write_bytes(writer, RECORD_FRAME, encode(Progress(line=1)))
        write_bytes(writer, RECORD_OUTPUT, b"\xb6\x00\xff")
        write_bytes(writer, RECORD_FRAME, encode(Finished(last_line=2)))
        write_message(writer, ENDED)

    async with supervisor(tmp_path, answer) as runner:
        assert await events_of(runner, "pass") == [
            STARTED,
            OutputChunk("h"),
            Progress(line=1),
            OutputChunk("\u00f6\ufffd\ufffd"),
            Finished(last_line=2),
            ENDED,
        ]


async def test_a_character_that_the_end_cuts_in_half_is_still_shown(tmp_path: Path) -> None:
    def answer(writer: asyncio.StreamWriter) -> None:
        write_message(writer, STARTED)
        write_bytes(writer, RECORD_OUTPUT, b"\xc3")
        write_message(writer, ENDED)

    async with supervisor(tmp_path, answer) as runner:
        assert (await events_of(runner, "pass"))[1:] == [OutputChunk("\ufffd"), ENDED]


async def test_a_child_that_breaks_the_protocol_ends_its_run(tmp_path: Path) -> None:
    def answer(writer: asyncio.StreamWriter) -> None:
        write_message(writer, STARTED)
        write_bytes(writer, RECORD_FRAME, b'{"type":"finished","surprise":1}')

    async with supervisor(tmp_path, answer) as runner:
        *_, ended = await events_of(runner, "pass")
        assert isinstance(ended, Ended)
        assert ended.outcome == "protocol"


REFUSALS: dict[str, tuple[Refused, type[AppError]]] = {
    "busy": (Refused("busy", "full", 3.0), Overloaded),
    "unavailable": (Refused("unavailable", "seccomp"), SandboxUnavailable),
}


@pytest.mark.parametrize(("refused", "error"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refusal_is_raised(tmp_path: Path, refused: Refused, error: type[AppError]) -> None:
    async with supervisor(tmp_path, lambda writer: write_message(writer, refused)) as runner:
        with pytest.raises(error, match=refused.detail) as raised:
            await events_of(runner, "pass")
        assert raised.value.retry_after_seconds == refused.retry_after_seconds


@pytest.mark.parametrize("said", [None, STARTED], ids=["at once", "half-way"])
async def test_a_supervisor_that_goes_away_is_told(tmp_path: Path, said: Started | None) -> None:
    async with supervisor(tmp_path, lambda writer: write_message(writer, said) if said else None) as runner:
        with pytest.raises(WorkerDied):
            await events_of(runner, "pass")
        assert not (await runner.status()).ready


async def test_without_a_supervisor_runs_are_refused_and_the_status_says_why(tmp_path: Path) -> None:
    runner = SocketRunner(tmp_path / "nobody")
    with pytest.raises(SandboxUnavailable, match="nobody"):
        await events_of(runner, "pass")
    assert "nobody" in (await runner.status()).detail


async def test_the_status_comes_through(tmp_path: Path) -> None:
    status = SandboxStatus(True, "ready", (), 1, 2, 3, 4, 5)
    async with supervisor(tmp_path, lambda writer: write_message(writer, status)) as runner:
        assert await runner.status() == status


async def test_a_runner_that_was_not_started_refuses(tmp_path: Path) -> None:
    runner = open_runner(Settings(sandbox_socket=None))
    assert isinstance(runner, EmbeddedRunner)
    with pytest.raises(SandboxUnavailable):
        await anext(runner.run(Request("pass")))
    assert isinstance(open_runner(Settings(sandbox_socket=tmp_path / "s")), SocketRunner)


def test_the_supervisor_gets_the_servers_own_settings() -> None:
    settings = Settings(wall_seconds=3.5, queue=7, nodes=99, namespaces=False, code_bytes=123)
    options = supervisor_options(settings)
    assert options.limits == settings.limits()
    assert (options.queue, options.namespaces, options.code_bytes) == (7, False, 123)
