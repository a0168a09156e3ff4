"""Records on the socket between server and supervisor: kind byte, length, payload. Runs at both ends."""

from __future__ import annotations

import asyncio
import socket

from app.errors import ProtocolViolation
from app.protocol import MAX_REQUEST_BYTES, RECORD, RECORD_FRAME, RECORD_MESSAGE, RECORD_OUTPUT, encode
from app.run import Value

STREAM_BUFFER_BYTES = 2**20
CLOSE_ON_EXEC: int = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
"""Flag for receiving descriptors that our own children must not inherit; macOS lacks it."""
_KINDS = (RECORD_MESSAGE, RECORD_OUTPUT, RECORD_FRAME)


async def read_record(reader: asyncio.StreamReader, max_bytes: int = MAX_REQUEST_BYTES) -> tuple[int, bytes] | None:
    """The next record as (kind, payload); None at the end of the stream, also in the middle of a record."""
    try:
        kind, length = RECORD.unpack(await reader.readexactly(RECORD.size))
        if kind not in _KINDS or length > max_bytes:
            raise ProtocolViolation("a malformed record")
        return kind, await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def write_bytes(writer: asyncio.StreamWriter, kind: int, payload: bytes) -> None:
    """Queue one record; what the peer is slow to read is kept."""
    writer.write(RECORD.pack(kind, len(payload)))
    writer.write(payload)


def write_message(writer: asyncio.StreamWriter, message: Value) -> None:
    """Queue one of the protocol's messages."""
    write_bytes(writer, RECORD_MESSAGE, encode(message))
