"""The server's end of the sandbox: asks a supervisor, decodes strictly what comes back. Runs in the server."""

from __future__ import annotations

import asyncio
import codecs
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.errors import AppError, CodeTooLong, Overloaded, ProtocolViolation, SandboxUnavailable, WorkerDied
from app.protocol import (
    RECORD_FRAME,
    RECORD_MESSAGE,
    RECORD_OUTPUT,
    Ended,
    Finished,
    FromSupervisor,
    GraphCaptured,
    Progress,
    Refused,
    Request,
    SandboxStatus,
    Started,
    StatusQuestion,
    decode_from_supervisor,
)
from app.sandbox.check import Examiner, is_large
from app.sandbox.records import STREAM_BUFFER_BYTES, read_record, write_message
from app.sandbox.runner import OutputChunk, RunnerEvent

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_STATUS_SECONDS = 5.0
_SILENCE_SECONDS = 60.0  # beyond the run's own wall clock
_RECORD_BYTES = 2**32 - 1
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class SupervisedRunner(ABC):
    """All of a Runner but how the supervisor is reached."""

    @abstractmethod
    async def _connect(self) -> Streams:
        """A fresh conversation. Raises SandboxUnavailable."""

    async def run(self, request: Request) -> AsyncGenerator[RunnerEvent, None]:
        """See `Runner.run`."""
        async with self._conversation() as (reader, writer):
            write_message(writer, request)
            started = await self._admitted(reader)
            yield started
            async for event in _events(reader, started):
                yield event

    async def _admitted(self, reader: asyncio.StreamReader) -> Started:
        match await _message(reader):
            case Started() as started:
                return started
            case Refused() as refused:
                raise _refusal(refused)
            case _:
                raise WorkerDied("the supervisor answered out of turn")

    async def status(self) -> SandboxStatus:
        """See `Runner.status`."""
        try:
            async with asyncio.timeout(_STATUS_SECONDS), self._conversation() as (reader, writer):
                write_message(writer, StatusQuestion())
                answer = await _message(reader)
        except (AppError, TimeoutError) as exc:
            return _unknown_status(getattr(exc, "detail", "") or "the supervisor does not answer")
        if isinstance(answer, SandboxStatus):
            return answer
        return _unknown_status("the supervisor answered out of turn")

    @asynccontextmanager
    async def _conversation(self) -> AsyncIterator[Streams]:
        """Leaving it hangs up, which is how a run is cancelled."""
        reader, writer = await self._connect()
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


class SocketRunner(SupervisedRunner):
    """Asks a supervisor that runs on its own and listens on a unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def start(self) -> None:
        """Nothing to do: the supervisor runs on its own."""

    async def close(self) -> None:
        """Nothing to end: the supervisor runs on its own."""

    async def _connect(self) -> Streams:
        try:
            return await asyncio.open_unix_connection(self._path, limit=STREAM_BUFFER_BYTES)
        except OSError as exc:
            raise SandboxUnavailable(f"no supervisor at {self._path}: {exc.strerror or exc}") from exc


async def _events(reader: asyncio.StreamReader, started: Started) -> AsyncIterator[RunnerEvent]:
    """What comes after `Started`, up to and including `Ended`."""
    examiner = Examiner(started.limits)
    text = _OutputText()
    began = time.monotonic()
    while True:
        kind, payload = await _record(reader, started.limits.wall_seconds + _SILENCE_SECONDS)
        if kind == RECORD_OUTPUT:
            if chunk := text.decode(payload):
                yield OutputChunk(chunk)
        elif kind == RECORD_FRAME:
            try:
                yield await _admit(examiner, payload)
            except ProtocolViolation as exc:
                wall_ms = (time.monotonic() - began) * 1000.0
                yield Ended(outcome="protocol", wall_ms=wall_ms, detail=exc.detail[:256])
                return
        else:
            if chunk := text.decode(b"", final=True):
                yield OutputChunk(chunk)
            yield _last(decode_from_supervisor(payload))
            return


async def _admit(examiner: Examiner, payload: bytes) -> Progress | GraphCaptured | Finished:
    """Large results are decoded beside the event loop, so that one run cannot hold up all others."""
    if is_large(payload):
        return await asyncio.to_thread(examiner.admit, payload)
    return examiner.admit(payload)


class _OutputText:
    """Turns raw output into text piece by piece. What is no text becomes U+FFFD; control characters stay."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def decode(self, data: bytes, final: bool = False) -> str:
        return _NOT_TEXT.sub("\ufffd", self._decoder.decode(data, final))


def _last(message: FromSupervisor) -> Ended:
    if not isinstance(message, Ended):
        raise WorkerDied("the supervisor answered out of turn")
    return message


async def _message(reader: asyncio.StreamReader) -> FromSupervisor:
    """The next record, which must be a message of the supervisor."""
    kind, payload = await _record(reader, None)
    if kind != RECORD_MESSAGE:
        raise WorkerDied("the supervisor answered out of turn")
    return decode_from_supervisor(payload)


async def _record(reader: asyncio.StreamReader, seconds: float | None) -> tuple[int, bytes]:
    """Raises WorkerDied when the supervisor goes away or falls silent."""
    try:
        async with asyncio.timeout(seconds):
            record = await read_record(reader, _RECORD_BYTES)
    except TimeoutError:
        raise WorkerDied("the supervisor fell silent") from None
    if record is None:
        raise WorkerDied("the supervisor went away")
    return record


def _refusal(refused: Refused) -> AppError:
    match refused.why:
        case "busy":
            return Overloaded(refused.detail, retry_after_seconds=refused.retry_after_seconds)
        case "too_long":
            return CodeTooLong(refused.detail)
        case "unavailable":
            return SandboxUnavailable(refused.detail)


def _unknown_status(detail: str) -> SandboxStatus:
    return SandboxStatus(
        ready=False, detail=detail[:256], layers=(), running=0, waiting=0, spares=0, concurrency=0, queue=0
    )
