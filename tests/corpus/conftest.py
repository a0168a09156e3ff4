"""All snippets of the corpus and all examples, evaluated once for the session and explained."""

import json
from pathlib import Path

import pytest

from app.explain import explain
from tests.corpus.situations import ERRORS, ORDINARY, REASONS, TOLD, WARNINGS
from tests.evaluate_plain import evaluate_snippets

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def catalogue():
    return json.loads((EXAMPLES / "index.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def runs(catalogue):
    snippets = {f"example:{entry['id']}": (EXAMPLES / f"{entry['id']}.py").read_text("utf-8") for entry in catalogue}
    for kind, table in (("reason", REASONS), ("error", ERRORS), ("warning", WARNINGS), ("told", TOLD)):
        snippets |= {f"{kind}:{name}": case[0] for name, case in table.items()}
    snippets |= {f"ordinary:{name}": code for name, code in ORDINARY.items()}
    return {name: explain(run) for name, run in evaluate_snippets(snippets).items()}
