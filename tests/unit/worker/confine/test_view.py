"""What a child may read is named, resolved and free of this program's server side."""

from __future__ import annotations

from pathlib import Path

from app.worker.confine.view import worker_view


def test_the_server_is_not_in_view():
    view = worker_view()
    names = {Path(path).name for path in view.app_files}
    assert names == {"__init__.py", "run.py", "protocol.py", "errors.py", "worker"}


def test_no_path_lies_beneath_another():
    paths = worker_view().folders_and_files
    assert not [(a, b) for a in paths for b in paths if a != b and b.startswith(a + "/")]


def test_everything_in_view_exists_and_neither_homes_nor_system_settings_are_shown_whole():
    view = worker_view()
    assert all(Path(path).exists() for path in view.folders_and_files)
    assert not {"/", "/root", "/home", "/etc", "/usr", "/proc", "/dev", "/tmp", "/var"} & set(view.folders_and_files)
