"""What a child says is admitted only if it holds together and stays within the run's limits."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app.errors import ProtocolViolation
from app.protocol import Confined, Finished, FromChild, GraphCaptured, Limits, Progress, encode
from app.run import Edge, Graph, GraphAddition, Node, Tensor
from app.sandbox.check import Examiner

NODES = (Node(id=1, kind="op", name="MulBackward0"), Node(id=2, kind="accumulate_grad", name="AccumulateGrad"))
GRAPH = Graph(id=0, kind="backward", nodes=NODES, edges=(Edge(source=1, target=2),), roots=(1,), order=(1, 2))
NEW = Node(id=3, kind="unrecorded", name="mul")
ADDITION = GraphAddition(graph=0, nodes=(NEW,), edges=(Edge(source=3, target=2, kind="cut"),))
LIMITS = Limits(graphs=2, nodes=6, tensors=2)


def admit(*messages: FromChild, limits: Limits = LIMITS) -> list[FromChild]:
    examiner = Examiner(limits)
    return [examiner.admit(encode(message)) for message in messages]


def test_an_honest_run_is_admitted_unchanged() -> None:
    honest = [Progress(line=1), GraphCaptured(GRAPH), Finished(additions=(ADDITION,))]
    assert admit(*honest) == honest


def tensors(*ids: int) -> Finished:
    return Finished(tensors=tuple(Tensor(id=each, shape=(), dtype="float32") for each in ids))


DISHONEST = {
    "confined twice": [Confined(())],
    "a word after the last": [Finished(), Progress(line=1)],
    "finished twice": [Finished(), Finished()],
    "two graphs with one id": [GraphCaptured(GRAPH), GraphCaptured(GRAPH)],
    "too many graphs": [GraphCaptured(Graph(id=each, kind="backward", nodes=(), edges=())) for each in range(4)],
    "too many nodes": [GraphCaptured(replace(GRAPH, id=each)) for each in range(3)] + [Finished(additions=(ADDITION,))],
    "too many tensors": [tensors(1, 2, 3)],
    "two tensors with one id": [tensors(1, 1)],
    "two nodes with one id": [GraphCaptured(replace(GRAPH, nodes=(*NODES, NODES[0])))],
    "an edge to nowhere": [GraphCaptured(replace(GRAPH, edges=(Edge(source=1, target=9),)))],
    "an edge from nowhere": [GraphCaptured(replace(GRAPH, edges=(Edge(source=9, target=1),)))],
    "a root that is no node": [GraphCaptured(replace(GRAPH, roots=(9,)))],
    "an order of others": [GraphCaptured(replace(GRAPH, order=(9,)))],
    "an addition to no graph": [Finished(additions=(ADDITION,))],
    "an addition of a known node": [
        GraphCaptured(GRAPH),
        Finished(additions=(replace(ADDITION, nodes=(NODES[0],)),)),
    ],
    "an added edge to nowhere": [
        GraphCaptured(GRAPH),
        Finished(additions=(replace(ADDITION, edges=(Edge(source=3, target=9),)),)),
    ],
}


@pytest.mark.parametrize("messages", DISHONEST.values(), ids=DISHONEST.keys())
def test_a_run_that_does_not_hold_together_is_refused(messages: list[FromChild]) -> None:
    with pytest.raises(ProtocolViolation):
        admit(*messages)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'{"type":"finished","run_ms":NaN}',
        b'{"type":"x"}',
        b'{"type":"finished","more":1}',
        b"\xff",
    ],
)
def test_what_has_not_the_declared_shape_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        Examiner(LIMITS).admit(payload)
