"""Installs what pyproject.toml lists into the running environment.

Usage: python scripts/install.py serve|dev|web|torch|sandbox
serve: all that one machine needs · dev: with the tools · web: the server without torch · torch: only that ·
sandbox: what the supervisor and the worker need besides torch

torch is the delicate one (docs/adr/0005): plain `pip install torch` brings gigabytes of CUDA on Linux, and no run ever
sees a GPU. So a CPU build is looked for, and a CUDA build is only taken where there is a GPU or TORCH=any asks for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CPU_INDEX_ARGS = ["--extra-index-url", CPU_INDEX]
SANDBOX_NEEDS = ("msgspec", "pydantic", "pydantic-settings")
NO_CPU_BUILD = """\
No CPU build of torch {version} was found: your pip knows none, and {index} cannot be reached or has none for
Python {python}. What your pip would install brings CUDA, several gigabytes; to have it all the same:
  TORCH=any make serve
Or point pip at an index that has torch {version}+cpu:  PIP_EXTRA_INDEX_URL=... make serve"""


def pip(*args: str, quiet: bool = False) -> bool:
    """Runs pip; True when it succeeded."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *args]
    return subprocess.run(command, capture_output=quiet, stdin=subprocess.DEVNULL, check=False).returncode == 0


def install(requirements: list[str], *args: str) -> None:
    if not pip("install", "-qq", *args, *requirements):
        sys.exit(f"pip could not install: {' '.join(requirements)}")


def torch_installed(version: str) -> bool:
    try:
        return metadata.version("torch").split("+")[0] == version
    except metadata.PackageNotFoundError:
        return False


def cpu_index_answers() -> bool:
    """An index that cannot be reached costs seconds here, instead of minutes in every later step."""
    return pip("index", "versions", "torch", "--index-url", CPU_INDEX, "--retries", "1", "--timeout", "5", quiet=True)


def brings_cuda(version: str) -> bool:
    """Would the build that the user's own pip finds need CUDA packages? True also when there is none."""
    pip("install", "-qq", "--upgrade", "pip", quiet=True)  # newer ones read the metadata without the whole wheel
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        args = ["--dry-run", "--no-deps", "--ignore-installed", "--report", str(report), f"torch=={version}"]
        if not pip("install", "-qq", *args, quiet=True):
            return True
        (torch,) = json.loads(report.read_text())["install"]
    requires = torch["metadata"].get("requires_dist", [])
    return any(name.startswith(("nvidia-", "cuda-", "triton")) for name in requires)


def has_gpu() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/kfd").exists()


def install_torch(version: str) -> None:
    """The CPU build of torch; the default build on macOS, on request, and as the last choice where there is a GPU."""
    if torch_installed(version):
        return
    print(f"Installing torch {version} (about 200 MB, once)", flush=True)
    if sys.platform == "linux" and os.environ.get("TORCH") != "any":
        cpu_build = f"torch=={version}+cpu"
        if pip("install", "-qq", cpu_build, quiet=True):
            return
        if cpu_index_answers() and pip("install", "-qq", *CPU_INDEX_ARGS, cpu_build):
            return
        if not has_gpu() and brings_cuda(version):
            python = ".".join(map(str, sys.version_info[:2]))
            sys.exit(NO_CPU_BUILD.format(version=version, index=CPU_INDEX, python=python))
    install([f"torch=={version}"])


def install_drawing(requirements: list[str]) -> None:
    """Wheels only: the source would need Graphviz's own headers. Without it, a `dot` on PATH draws."""
    if not pip("install", "-qq", "--only-binary", ":all:", *requirements, quiet=True):
        print("No pygraphviz wheel for this machine: pictures need Graphviz itself (apt-get install graphviz)")


def main(what: str) -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    server, extras = project["dependencies"], project["optional-dependencies"]
    torch, *worker = extras["worker"]
    if what in ("serve", "dev", "torch"):
        install_torch(torch.removeprefix("torch=="))
    requirements = {
        "serve": [torch, *worker, *server],
        "dev": [torch, *worker, *server, *extras["dev"]],
        "web": server,
        "sandbox": [*worker, *(line for line in server if line.split(">")[0] in SANDBOX_NEEDS)],
    }
    if what in requirements:
        install(requirements[what])
    if what in ("serve", "dev", "web"):
        install_drawing(extras["drawing"])


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("serve", "dev", "web", "torch", "sandbox"):
        sys.exit(__doc__)
    main(sys.argv[1])
