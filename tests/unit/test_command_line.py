"""The command line: its answers and exit codes, on a stub sandbox where one is needed."""

from __future__ import annotations

import io
import json
import socket
import sys
from pathlib import Path

import pytest

from app import __main__ as command_line
from app.errors import SandboxUnavailable
from app.protocol import Ended, Finished
from app.run import SnippetError
from tests.stub_runner import ENDED, STARTED, StubRunner


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> StubRunner:
    stub = StubRunner()
    monkeypatch.setattr(command_line, "open_runner", lambda settings: stub)
    return stub


@pytest.fixture
def snippet(tmp_path: Path) -> str:
    path = tmp_path / "snippet.py"
    path.write_text("w = 'é'\n", encoding="utf-8")
    return str(path)


def test_a_summary_is_printed(runner: StubRunner, snippet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["run", snippet, "--seed", "5"]) == 0
    assert capsys.readouterr().out.startswith("ok in")
    assert [(one.code, one.seed) for one in runner.requests] == [("w = 'é'\n", 5)]
    assert runner.closed


def test_json_and_a_picture_on_request(
    runner: StubRunner, snippet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["run", snippet, "--json", "--svg", str(tmp_path / "out.svg")]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "ok"
    assert (tmp_path / "out.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_a_dash_reads_standard_input(runner: StubRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x = 1")))
    assert command_line.main(["run", "-"]) == 0
    assert runner.requests[0].code == "x = 1"


def test_the_exit_code_tells_the_status(runner: StubRunner, snippet: str) -> None:
    runner.events = (STARTED, Finished(error=SnippetError(type="E", message="")), ENDED)
    assert command_line.main(["run", snippet]) == 1
    runner.events = (STARTED, Ended(outcome="wall", wall_ms=1.0))
    assert command_line.main(["run", snippet]) == 2
    runner.refuses = SandboxUnavailable("layer seccomp is missing")
    assert command_line.main(["run", snippet]) == 3


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.py"
    if content is not None:
        path.write_bytes(content)
    assert command_line.main(["run", str(path)]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_a_busy_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert command_line.main(["serve", "--port", str(taken.getsockname()[1])]) == 1
    told = capsys.readouterr().err
    assert "cannot listen on 127.0.0.1" in told
    assert told.count("\n") == 1


def test_without_a_sandbox_only_loopback_is_served(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTOGRAD_EXPLORER_TRUSTED_LOCAL", "1")
    assert command_line.main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 1
    assert "loopback only" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["http", "-1", "65536", ""])
def test_an_odd_port_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(SystemExit) as ended:
        command_line.main(["serve"])
    assert ended.value.code == 2
