"""Frames leave a child whole, whoever sends them and whatever interrupts."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from app.protocol import FRAME, Progress, decode_from_child, frame
from app.worker.outbox import Outbox


class Ended(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def ending(descriptor: int) -> Outbox:
    outbox = Outbox(descriptor)

    def leave(code: int) -> None:
        raise Ended(code)

    outbox._exit = leave  # type: ignore[assignment]
    return outbox


def read_frames(descriptor: int, size: int) -> list[object]:
    data, found = b"", []
    while len(data) < size:
        data += os.read(descriptor, size - len(data))
    while data:
        length = FRAME.unpack(data[: FRAME.size])[1]
        found.append(decode_from_child(data[FRAME.size : FRAME.size + length]))
        data = data[FRAME.size + length :]
    return found


def test_frames_of_many_threads_do_not_mix(pipe):
    outbox, message = Outbox(pipe[1]), Progress(7)
    threads = [threading.Thread(target=outbox.send, args=(message,)) for _ in range(50)]
    for thread in threads:
        thread.start()
    assert read_frames(pipe[0], 50 * len(frame(message))) == [message] * 50
    for thread in threads:
        thread.join()


def test_a_request_to_stop_waits_until_the_frame_is_out(pipe):
    outbox, first, last = ending(pipe[1]), Progress(1), Progress(2)
    before = signal.getsignal(signal.SIGUSR1)
    outbox.stop_on((signal.SIGUSR1,), lambda _frame: outbox.send(last))
    write = os.write

    def write_in_pieces(descriptor: int, data: memoryview) -> int:
        if bytes(data[:4]) == b"AGX1" and b'"line":1' in bytes(data):
            signal.raise_signal(signal.SIGUSR1)
        return write(descriptor, data[:5])

    outbox._write = write_in_pieces  # type: ignore[assignment]
    try:
        with pytest.raises(Ended):
            outbox.send(first)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert read_frames(pipe[0], len(frame(first)) + len(frame(last))) == [first, last]


def test_a_child_that_nobody_reads_ends():
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(Ended):
        ending(writing).send(Progress(1))
    os.close(writing)
