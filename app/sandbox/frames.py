"""Cuts what a child writes into frames. Pure; runs in the supervisor, which looks at headers and sizes only."""

from __future__ import annotations

from collections.abc import Iterator

from app.protocol import FRAME, FRAME_MAGIC, MAX_FRAMES, Outcome

FINAL_PREFIX = b'{"type":"finished"'


class FrameFault(Exception):
    """The child's bytes are no frames, or too many."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome: Outcome = outcome
        self.detail = detail


class FrameSplitter:
    """Bytes in, whole payloads out, never more than `max_bytes` in all."""

    def __init__(self, max_bytes: int, max_frames: int = MAX_FRAMES) -> None:
        self._max_bytes = max_bytes
        self._frames_left = max_frames
        self._bytes_left = max_bytes
        self._buffer = bytearray()
        self._needed: int | None = None

    @property
    def inside_frame(self) -> bool:
        """Whether bytes of an unfinished frame have come."""
        return bool(self._buffer) or self._needed is not None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that `data` completes. Raises FrameFault."""
        self._buffer += data
        while (needed := self._next_length()) is not None and len(self._buffer) >= needed:
            with memoryview(self._buffer) as view:
                payload = bytes(view[:needed])
            del self._buffer[:needed]
            self._needed = None
            yield payload

    def _next_length(self) -> int | None:
        if self._needed is None and len(self._buffer) >= FRAME.size:
            self._needed = self._admit_header()
            del self._buffer[: FRAME.size]
        return self._needed

    def _admit_header(self) -> int:
        magic, length = FRAME.unpack_from(self._buffer)
        if magic != FRAME_MAGIC:
            raise FrameFault("protocol", "a frame with a wrong magic number")
        if self._frames_left == 0:
            raise FrameFault("protocol", "too many frames")
        if length > self._bytes_left:
            raise FrameFault("result", f"more than {self._max_bytes} bytes of result")
        self._frames_left -= 1
        self._bytes_left -= length
        return int(length)


def is_final(payload: bytes) -> bool:
    """Whether this is a child's last frame. Only the tag is looked at; the server decodes the rest."""
    return payload.startswith(FINAL_PREFIX)
