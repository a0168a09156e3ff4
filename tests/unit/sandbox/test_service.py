"""How the supervisor answers an asker."""

from __future__ import annotations

import asyncio
import gc
import socket
from pathlib import Path
from typing import Any

import pytest

from app.protocol import SandboxStatus, StatusQuestion
from app.sandbox.options import SupervisorOptions
from app.sandbox.records import write_message
from app.sandbox.service import Service

pytestmark = pytest.mark.anyio


class Talkative(Service):
    """Has more to say than fits into its sockets at once."""

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        super().accept(reader, writer)

    def status(self) -> SandboxStatus:
        return SandboxStatus(False, "x" * 2**15, (), 0, 0, 0, 0, 0)


async def test_a_long_answer_is_delivered_whole_and_leaves_no_failed_task(tmp_path: Path) -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    service = Talkative(SupervisorOptions())
    server = await asyncio.start_unix_server(service.accept, tmp_path / "s")
    reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
    write_message(writer, StatusQuestion())
    async with asyncio.timeout(10):
        assert len(await reader.read()) > 2**15
        while service._connections:
            await asyncio.sleep(0)
    await service.close()
    writer.close()
    server.close()
    gc.collect()
    assert failures == []
