"""Capture changes nothing that a snippet computes or prints, and counts what plain PyTorch counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oracle.situations import SITUATIONS

ROOT = Path(__file__).parents[2]
EXAMPLES = {path.name: path.read_text() for path in sorted((ROOT / "examples").glob("*.py"))}
SNIPPETS = {**EXAMPLES, **SITUATIONS}


def _start(how, folder):
    command = [sys.executable, "-m", "tests.oracle.execute", how, folder / "snippets.json", folder / f"{how}.json"]
    return subprocess.Popen([str(part) for part in command], cwd=ROOT, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oracle")
    (folder / "snippets.json").write_text(json.dumps(SNIPPETS))
    processes = [_start(how, folder) for how in ("plain", "captured")]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    return tuple(json.loads((folder / f"{how}.json").read_text()) for how in ("plain", "captured"))


@pytest.mark.parametrize("name", SNIPPETS)
def test_prints_the_same(both, name):
    plain, captured = both
    assert captured[name]["output"] == plain[name]["output"]


@pytest.mark.parametrize("name", SNIPPETS)
def test_computes_the_same_bit_for_bit(both, name):
    plain, captured = both
    assert captured[name]["state"] == plain[name]["state"]


@pytest.mark.parametrize("name", SNIPPETS)
def test_ends_with_the_same_exception(both, name):
    plain, captured = both
    assert captured[name]["error"] == plain[name]["error"]


@pytest.mark.parametrize("name", SNIPPETS)
def test_graphs_have_the_nodes_and_edges_of_an_independent_walk(both, name):
    plain, captured = both
    expected = [g and {"nodes": g["nodes"], "edges": g["edges"]} for g in plain[name]["graphs"]]
    got = captured[name]["graphs"][: len(expected)]
    assert [g for g, e in zip(got, expected, strict=True) if e] == [e for e in expected if e]


@pytest.mark.parametrize("name", SNIPPETS)
def test_graphs_have_the_nodes_and_edges_that_torchviz_draws(both, name):
    plain, captured = both
    drawn = [(i, g["torchviz"]) for i, g in enumerate(plain[name]["graphs"]) if g and "torchviz" in g]
    for index, (nodes, edges) in drawn:
        assert captured[name]["graphs"][index] == {"nodes": nodes, "edges": edges}


@pytest.mark.parametrize("name", SNIPPETS)
def test_capture_itself_fails_nowhere(both, name):
    assert not both[1][name].get("faults")


@pytest.mark.parametrize("name", SNIPPETS)
def test_everything_referred_to_is_told(both, name):
    assert both[1][name]["broken"] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_node_of_the_examples_has_its_line(both, name):
    assert both[1][name]["unattributed"] == 0
