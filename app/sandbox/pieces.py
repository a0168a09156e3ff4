"""Decodes a large message of a child piece by piece, as strictly as `app.protocol` decodes it whole.

Runs in the server, in a thread. One call of the decoder holds the interpreter for as long as it takes, and meanwhile
the server answers nobody. So the first pass only finds where each node, edge and tensor begins and ends; their number
is checked before any of them is built; then each is decoded by itself.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from app.errors import ProtocolViolation
from app.protocol import Finished, FromChild, GraphCaptured, Limits, decode_from_child
from app.run import Edge, Graph, GraphAddition, Node, Tensor

T = TypeVar("T")
Container = TypeVar("Container", Graph, GraphAddition)
Fields = dict[str, Raw]

EDGES_PER_NODE: Final = 64
"""More edges than this for every allowed node are no graph that capture would report."""
_ID_BYTES: Final = 12
_SMALL_BYTES: Final = 2**20
_NONE: Final = Raw(b"[]")

_fields_of = msgspec.json.Decoder(Fields)
_items_of: msgspec.json.Decoder[list[Raw]] = msgspec.json.Decoder(list[Raw])
_node = msgspec.json.Decoder(Node)
_edge = msgspec.json.Decoder(Edge)
_tensor = msgspec.json.Decoder(Tensor)
_addition = msgspec.json.Decoder(GraphAddition)


def decode_in_pieces(payload: bytes, limits: Limits) -> FromChild:
    """What `decode_from_child` would return, within `limits`. Raises ProtocolViolation."""
    try:
        fields = _fields_of.decode(payload)
        match bytes(fields.get("type", b"")):
            case b'"graph"':
                return _graph_captured(fields, limits)
            case b'"finished"':
                return _finished(fields, limits)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as exc:
        raise ProtocolViolation(str(exc)[:200]) from exc
    raise ProtocolViolation("a large message of a kind that is small")


def _graph_captured(fields: Fields, limits: Limits) -> FromChild:
    inner = _fields_of.decode(fields.get("graph", b""))
    nodes, edges = _taken(inner, "nodes", limits.nodes), _taken(inner, "edges", limits.nodes * EDGES_PER_NODE)
    message = _rest({**fields, "graph": Raw(_joined(inner))}, limits)
    if not isinstance(message, GraphCaptured):
        raise ProtocolViolation("a graph was expected")
    return GraphCaptured(graph=_filled(message.graph, nodes, edges))


def _finished(fields: Fields, limits: Limits) -> FromChild:
    tensors = _taken(fields, "tensors", limits.tensors)
    additions = _taken(fields, "additions", limits.graphs + 1)
    message = _rest(fields, limits)
    if not isinstance(message, Finished):
        raise ProtocolViolation("a final message was expected")
    return msgspec.structs.replace(
        message,
        tensors=_each(_tensor, tensors),
        additions=tuple(_one_addition(_fields_of.decode(addition), limits) for addition in additions),
    )


def _one_addition(fields: Fields, limits: Limits) -> GraphAddition:
    nodes, edges = _taken(fields, "nodes", limits.nodes), _taken(fields, "edges", limits.nodes * EDGES_PER_NODE)
    return _filled(_addition.decode(_joined(fields)), nodes, edges)


def _filled(of: Container, nodes: list[Raw], edges: list[Raw]) -> Container:
    return msgspec.structs.replace(of, nodes=_each(_node, nodes), edges=_each(_edge, edges))


def _taken(fields: Fields, name: str, most: int) -> list[Raw]:
    """The items of one field, which is left empty; a field that is missing stays so, for the strict decoder to see."""
    if name not in fields:
        return []
    items = _items_of.decode(fields[name])
    if len(items) > most:
        raise ProtocolViolation(f"more {name} than the limits allow")
    fields[name] = _NONE
    return items


def _each(decoder: msgspec.json.Decoder[T], items: list[Raw]) -> tuple[T, ...]:
    return tuple([decoder.decode(item) for item in items])


def _rest(fields: Fields, limits: Limits) -> FromChild:
    """The message without its long parts, decoded whole; what remains may list ids, but not much more."""
    small = _joined(fields)
    if len(small) > _SMALL_BYTES + 3 * _ID_BYTES * limits.nodes:
        raise ProtocolViolation("a field is longer than the limits allow")
    return decode_from_child(small)


def _joined(fields: Fields) -> bytes:
    return msgspec.json.encode(fields)
