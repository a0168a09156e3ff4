"""The README's examples do what it says: each curl line runs against a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.main import create_app
from app.settings import Settings
from tests.docs.markdown import ROOT, fences, rows

TEXT = (ROOT / "README.md").read_text()
EXAMPLES = [code for code in fences(TEXT, "sh") if code.startswith("curl")]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.sandbox
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_curl_example_works(example: str, real_server: str, tmp_path: Path) -> None:
    assert shutil.which("curl"), "curl is missing: sudo apt-get install curl"
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    command = example.replace("http://127.0.0.1:8000", real_server).replace(
        "curl ", "curl --fail-with-body --max-time 30 "
    )
    done = subprocess.run(["sh", "-euc", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    written = "".join(path.read_text() for path in tmp_path.glob("*.*"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout + written


def test_every_address_in_the_table_is_served() -> None:
    served = set(create_app(Settings()).openapi()["paths"])
    told = {path for cells in rows(TEXT) for path in re.findall(r"`(?:GET|POST|DELETE) (/[^`\s]*)`", cells[0])}
    assert told
    assert told - served - {"/docs", "/openapi.json"} == set()
