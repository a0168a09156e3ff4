"""Gigabytes of CUDA are never installed by accident (docs/adr/0005)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import install


class Pip:
    """Stands for pip: knows where which build can be had, and keeps what was installed."""

    def __init__(self, *, cpu: bool = False, index: bool = False, requires: tuple[str, ...] | None = None) -> None:
        self.cpu, self.index, self.requires = cpu, index, requires
        self.installed: list[str] = []

    def __call__(self, *args: str, quiet: bool = False) -> bool:
        if args[0] == "index":
            return self.index
        wanted = args[-1]
        if "--dry-run" in args:
            return self._report(Path(args[args.index("--report") + 1]))
        found = (self.cpu or install.CPU_INDEX in args) if wanted.endswith("+cpu") else self.requires is not None
        if found and wanted != "pip":
            self.installed.append(wanted)
        return found

    def _report(self, path: Path) -> bool:
        if self.requires is not None:
            path.write_text(json.dumps({"install": [{"metadata": {"requires_dist": list(self.requires)}}]}))
        return self.requires is not None


def install_torch(
    monkeypatch: pytest.MonkeyPatch, pip: Pip, *, platform: str = "linux", gpu: bool = False
) -> list[str]:
    monkeypatch.setattr(install, "pip", pip)
    monkeypatch.setattr(install, "torch_installed", lambda version: False)
    monkeypatch.setattr(install, "has_gpu", lambda: gpu)
    monkeypatch.setattr(install.sys, "platform", platform)
    install.install_torch("9.9.9")
    return pip.installed


CUDA = ("filelock", "nvidia-cublas==13.1; platform_system == 'Linux'", "triton==3.7; platform_system == 'Linux'")


def test_the_users_own_pip_is_asked_for_the_cpu_build_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert install_torch(monkeypatch, Pip(cpu=True, index=True, requires=CUDA)) == ["torch==9.9.9+cpu"]


def test_pytorchs_cpu_index_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    assert install_torch(monkeypatch, Pip(index=True, requires=CUDA)) == ["torch==9.9.9+cpu"]


def test_a_cuda_build_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip(requires=CUDA)
    with pytest.raises(SystemExit, match="TORCH=any"):
        install_torch(monkeypatch, pip)
    assert pip.installed == []


def test_a_plain_build_without_cuda_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert install_torch(monkeypatch, Pip(requires=("filelock",))) == ["torch==9.9.9"]


def test_nothing_to_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"No CPU build of torch 9\.9\.9"):
        install_torch(monkeypatch, Pip())


@pytest.mark.parametrize("how", ["gpu", "any", "darwin"])
def test_the_default_build_is_taken_where_it_is_meant(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setenv("TORCH", how)
    platform = "darwin" if how == "darwin" else "linux"
    assert install_torch(monkeypatch, Pip(requires=CUDA), platform=platform, gpu=how == "gpu") == ["torch==9.9.9"]
