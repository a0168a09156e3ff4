"""The supervisor's socket: private, replaces what a dead one left, and nothing else."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from app.sandbox.supervisor import BadSocketPath, listen


def test_only_its_user_may_connect(tmp_path: Path) -> None:
    with listen(tmp_path / "s"):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


def test_a_group_may_be_let_in(tmp_path: Path) -> None:
    group = tmp_path.stat().st_gid
    with listen(tmp_path / "s", str(group)):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660


def test_a_socket_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    listen(tmp_path / "s").close()
    with listen(tmp_path / "s"), socket.socket(socket.AF_UNIX) as asker:
        asker.connect(str(tmp_path / "s"))


def test_a_living_supervisor_is_not_replaced(tmp_path: Path) -> None:
    with listen(tmp_path / "s"), pytest.raises(BadSocketPath, match="another supervisor"):
        listen(tmp_path / "s")


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(BadSocketPath, match="not a socket"):
        listen(tmp_path / "s")
    assert (tmp_path / "s").read_text() == "precious"


@pytest.mark.parametrize("name", ["x" * 200, "no/such/folder/s"])
def test_an_impossible_path_is_explained(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSocketPath, match=r"longer than|cannot listen"):
        listen(tmp_path / name)
