"""The situations of the source document, over REST, in the real sandbox."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import httpx
import pytest

from tests.source_document import SITUATIONS, Situation

pytestmark = pytest.mark.sandbox


def boxes(svg: str) -> list[str]:
    nodes = ET.fromstring(svg).iterfind(".//{*}g[@data-node]")
    return [" ".join("".join(text.itertext()) for text in node.iterfind(".//{*}text")) for node in nodes]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.example)
def test_a_situation_of_the_source_document(real_server: str, situation: Situation) -> None:
    body = {"code": situation.code, "options": {"picture": True}}
    run = httpx.post(f"{real_server}/api/v1/runs", json=body, timeout=60).json()
    assert run["status"] == situation.status
    drawn = boxes(run["picture"]["svg"])
    assert [text for text in situation.drawn if not any(text in box for box in drawn)] == []
    tensors = {name: tensor for tensor in run["tensors"] for name in tensor["names"]}
    for name, told in situation.told.items():
        assert (tensors[name]["grad"] is not None) == told.startswith("norm")
        assert (tensors[name]["grad"] is None) == (tensors[name]["grad_reason"] is not None)


def test_without_requires_grad_the_cause_its_line_and_a_fix_are_told(real_server: str) -> None:
    (default, *_) = SITUATIONS
    run = httpx.post(f"{real_server}/api/v1/runs", json={"code": default.code}, timeout=60).json()
    assert (run["error"]["type"], run["error"]["line"]) == ("RuntimeError", 9)
    finding = run["findings"][0]
    assert (finding["code"], finding["fix"]["line"]) == ("root_has_no_graph", 5)
    assert "requires_grad=True" in finding["fix"]["text"]


def test_a_dot_with_itself_has_two_edges_and_each_carries_its_share(real_server: str) -> None:
    situation = next(one for one in SITUATIONS if one.example == "requires_grad_true")
    run = httpx.post(f"{real_server}/api/v1/runs", json={"code": situation.code}, timeout=60).json()
    (graph,) = run["graphs"]
    names = {node["id"]: node["name"] for node in graph["nodes"]}
    shares = [edge["gradient"]["preview"] for edge in graph["edges"] if names[edge["source"]] == "DotBackward0"]
    assert shares == [[1.5, 2.0], [1.5, 2.0]]
