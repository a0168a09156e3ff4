"""Bytes of a child become frames, or a fault with the right outcome; however they are cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol import FRAME, FRAME_MAGIC, Finished, Progress, encode, frame
from app.sandbox.frames import FrameFault, FrameSplitter, is_final


@given(payloads=st.lists(st.binary(max_size=40), max_size=6), cuts=st.lists(st.integers(1, 9), min_size=1))
def test_frames_come_out_whole_however_the_bytes_arrive(payloads: list[bytes], cuts: list[int]) -> None:
    data = b"".join(FRAME.pack(FRAME_MAGIC, len(payload)) + payload for payload in payloads)
    splitter, found, at, turn = FrameSplitter(1000), [], 0, 0
    while at < len(data):
        size = cuts[turn % len(cuts)]
        found += list(splitter.feed(data[at : at + size]))
        at, turn = at + size, turn + 1
    assert found == payloads
    assert not splitter.inside_frame


@pytest.mark.parametrize("data", [FRAME_MAGIC[:2], frame(Finished())[:-1]])
def test_an_unfinished_frame_is_noticed(data: bytes) -> None:
    splitter = FrameSplitter(1000)
    assert list(splitter.feed(data)) == []
    assert splitter.inside_frame


def test_a_wrong_magic_number_is_a_breach_of_protocol() -> None:
    with pytest.raises(FrameFault) as fault:
        list(FrameSplitter(1000).feed(b"HTTP/1.1"))
    assert fault.value.outcome == "protocol"


def test_all_payloads_together_may_be_as_large_as_the_limit_and_no_larger() -> None:
    splitter = FrameSplitter(10)
    assert len(list(splitter.feed(FRAME.pack(FRAME_MAGIC, 10) + bytes(10)))) == 1
    with pytest.raises(FrameFault) as fault:
        list(splitter.feed(FRAME.pack(FRAME_MAGIC, 1)))
    assert fault.value.outcome == "result"


def test_the_number_of_frames_is_limited() -> None:
    splitter = FrameSplitter(1000, max_frames=2)
    with pytest.raises(FrameFault) as fault:
        list(splitter.feed(FRAME.pack(FRAME_MAGIC, 0) * 3))
    assert fault.value.outcome == "protocol"


def test_the_final_frame_is_recognized_by_its_tag() -> None:
    assert is_final(encode(Finished()))
    assert not is_final(encode(Progress(line=1)))
