"""Answers what servers ask of the sandbox: one connection, one question. Runs in the supervisor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from app.errors import Overloaded, ProtocolViolation, SandboxUnavailable
from app.protocol import (
    RECORD_FRAME,
    RECORD_MESSAGE,
    RECORD_OUTPUT,
    Job,
    Refused,
    Request,
    SandboxStatus,
    Started,
    StatusQuestion,
    ToSupervisor,
    decode_to_supervisor,
)
from app.sandbox.admission import Admission
from app.sandbox.capacity import affordable, memory_bytes
from app.sandbox.child import Child
from app.sandbox.exchange import Exchange
from app.sandbox.options import SupervisorOptions
from app.sandbox.pool import Generation, Pool
from app.sandbox.records import read_record, write_bytes, write_message

_QUESTION_SECONDS = 10.0
_DELIVERY_SECONDS = 60.0


class _Delivery:
    """Sends a run's bytes to the asker as they come. What he is slow to read is bounded by the run's own limits."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def output(self, data: bytes) -> None:
        write_bytes(self._writer, RECORD_OUTPUT, data)

    def frame(self, payload: bytes) -> None:
        write_bytes(self._writer, RECORD_FRAME, payload)


class Service:
    """Admission, children and answers, put together."""

    def __init__(self, options: SupervisorOptions) -> None:
        places, self._capacity_note = affordable(options.concurrency, options.limits.memory_bytes, memory_bytes())
        self._options = options
        self._admission = Admission(places, options.queue)
        self._pool = Pool(options)
        self._connections: set[asyncio.Task[None]] = set()
        self._burials: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._pool.start()

    async def close(self) -> None:
        """Cancel every run; return when no process of ours is left."""
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.gather(*self._burials, return_exceptions=True)
        await self._pool.close()

    def status(self) -> SandboxStatus:
        """As things are now."""
        return SandboxStatus(
            ready=self._pool.ready,
            detail="; ".join(filter(None, (self._pool.detail, self._capacity_note)))[:256],
            layers=self._pool.layers,
            running=self._admission.taken,
            waiting=self._admission.waiting,
            spares=self._pool.spares,
            concurrency=self._admission.places,
            queue=self._admission.queue,
            versions=self._pool.versions,
        )

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection in a task of its own."""
        _keep(self._connections, self._converse(reader, writer))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        delivered = False
        try:
            match await _question(reader):
                case StatusQuestion():
                    write_message(writer, self.status())
                case Request() as request:
                    await self._run_while_asked_for(request, reader, writer)
            async with asyncio.timeout(_DELIVERY_SECONDS):
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            delivered = True
        except (ProtocolViolation, TimeoutError, ConnectionError):
            pass  # an asker that we cannot understand, or that went away, gets no answer
        finally:
            if not delivered:  # asyncio cannot abort what has closed by itself
                writer.transport.abort()

    async def _run_while_asked_for(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The run, cancelled as soon as the asker closes the connection (or says anything more)."""
        run = asyncio.ensure_future(self._run(request, writer))
        hung_up = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((run, hung_up), return_when=asyncio.FIRST_COMPLETED)
            if not run.done():
                raise ConnectionResetError
            run.result()
        finally:
            run.cancel()
            hung_up.cancel()
            await asyncio.gather(run, hung_up, return_exceptions=True)

    async def _run(self, request: Request, writer: asyncio.StreamWriter) -> None:
        asked = time.monotonic()
        if len(request.code.encode(errors="surrogatepass")) > self._options.code_bytes:
            write_message(writer, Refused("too_long", f"at most {self._options.code_bytes} bytes"))
            return
        try:
            await self._admission.enter()
        except Overloaded as exc:
            write_message(writer, Refused("busy", exc.detail, exc.retry_after_seconds))
            return
        placed = time.monotonic()
        try:
            generation, child = await self._pool.take()
        except BaseException as exc:
            self._admission.ending()
            self._admission.leave(time.monotonic() - placed)
            if not isinstance(exc, SandboxUnavailable):
                raise
            write_message(writer, Refused("unavailable", exc.detail))
            return
        try:
            await self._exchange(request, child, writer, asked)
        finally:
            self._admission.ending()
            _keep(self._burials, self._free(generation, child, placed))

    async def _exchange(self, request: Request, child: Child, writer: asyncio.StreamWriter, asked: float) -> None:
        limits = self._options.limits
        queued_ms = (time.monotonic() - asked) * 1000.0
        write_message(writer, Started(queued_ms, child.layers, limits))
        job = Job(request.code, request.seed, limits)
        exchange = Exchange(child, job, _Delivery(writer), self._options.stop_grace_seconds)
        write_message(writer, await exchange.run())

    async def _free(self, generation: Generation, child: Child, placed: float) -> None:
        """A place is free again when its child is certainly dead."""
        try:
            await self._pool.give_back(generation, child)
        finally:
            self._admission.leave(time.monotonic() - placed)


async def _question(reader: asyncio.StreamReader) -> ToSupervisor | None:
    async with asyncio.timeout(_QUESTION_SECONDS):
        record = await read_record(reader)
    if record is None:
        return None
    if record[0] != RECORD_MESSAGE:
        raise ProtocolViolation("a question was expected")
    return decode_to_supervisor(record[1])


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
