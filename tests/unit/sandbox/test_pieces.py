"""Decoding a message piece by piece gives what decoding it whole gives, and refuses what that refuses."""

from __future__ import annotations

import msgspec
import pytest

from app.errors import ProtocolViolation
from app.protocol import Confined, Finished, FromChild, GraphCaptured, Limits, decode_from_child, encode
from app.run import Edge, Graph, GraphAddition, Node, SnippetError, Tensor, TensorMeta
from app.sandbox.pieces import decode_in_pieces

NODES = tuple(
    Node(id=each, kind="op", name="AddBackward0", outputs=(TensorMeta(shape=(2, 3), dtype="float32"),))
    for each in range(5)
)
EDGES = tuple(Edge(source=each, target=each + 1) for each in range(4))
GRAPH = Graph(id=3, kind="backward", nodes=NODES, edges=EDGES, roots=(0,), line=7, order=(0, 1), retained=True)
LIMITS = Limits(nodes=5, tensors=2, graphs=1)

HONEST: list[FromChild] = [
    GraphCaptured(GRAPH),
    GraphCaptured(Graph(id=0, kind="live", nodes=(), edges=())),
    Finished(),
    Finished(
        error=SnippetError(type="ValueError", message="no"),
        tensors=(Tensor(id=1, shape=(), dtype="float32"), Tensor(id=2, shape=(4,), dtype="int64", names=("x",))),
        additions=(GraphAddition(graph=3, nodes=NODES, edges=EDGES), GraphAddition(graph=4, nodes=(), edges=())),
        last_line=9,
    ),
]


@pytest.mark.parametrize("message", HONEST)
def test_the_message_comes_out_as_if_decoded_whole(message: FromChild) -> None:
    assert decode_in_pieces(encode(message), LIMITS) == message


@pytest.mark.parametrize("message", HONEST)
def test_whatever_is_broken_in_it_is_refused_as_it_is_whole(message: FromChild) -> None:
    paths = list(broken_variants(msgspec.json.decode(encode(message))))
    assert paths
    for variant in paths:
        data = msgspec.json.encode(variant)
        with pytest.raises(ProtocolViolation):
            decode_from_child(data)
        with pytest.raises(ProtocolViolation):
            decode_in_pieces(data, LIMITS)


def broken_variants(value: object, wrap=lambda changed: changed):
    """The same JSON with one unknown field in one object, at every depth."""
    if isinstance(value, dict):
        if "code" not in value and value:
            yield wrap({**value, "surprise": 1})
        for key, inner in value.items():
            if key != "attributes":  # free names are allowed there
                yield from broken_variants(inner, lambda changed, key=key: wrap({**value, key: changed}))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from broken_variants(inner, lambda changed, at=at: wrap([*value[:at], changed, *value[at + 1 :]]))


@pytest.mark.parametrize(
    "message",
    [
        GraphCaptured(msgspec.structs.replace(GRAPH, nodes=(*NODES, NODES[0]))),
        GraphCaptured(msgspec.structs.replace(GRAPH, edges=EDGES * 100)),
        GraphCaptured(msgspec.structs.replace(GRAPH, order=(2**31 - 1,) * 200_000)),
        Finished(tensors=(Tensor(id=1, shape=(), dtype="float32"),) * 3),
        Finished(additions=(GraphAddition(graph=3, nodes=(), edges=()),) * 3),
        Confined(()),
    ],
    ids=["nodes", "edges", "order", "tensors", "additions", "kind"],
)
def test_more_than_the_limits_allow_is_refused_before_it_is_built(message: FromChild) -> None:
    with pytest.raises(ProtocolViolation, match=r"limits allow|kind"):
        decode_in_pieces(encode(message), LIMITS)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"\xff", b"[" * 10**6, b'{"type":"graph","graph":' + b"[" * 10**6, b'{"type":"graph"}'],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        decode_in_pieces(data, LIMITS)
