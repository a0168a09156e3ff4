"""Which Graphviz there is: a `dot` on PATH, else the one inside the pygraphviz wheel, else none. Runs in the server."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

import graphviz


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that reads DOT from stdin and writes SVG to stdout."""

    name: str
    version: str
    command: tuple[str, ...]


def installed_dot() -> Engine | None:
    """The `dot` on PATH, if it is one that works."""
    path = shutil.which("dot")
    if path is None:
        return None
    try:
        version = ".".join(map(str, graphviz.version()))
    except (graphviz.ExecutableNotFound, subprocess.CalledProcessError, RuntimeError, OSError):
        return None
    return Engine("dot", version, (str(Path(path).absolute()), "-Tsvg"))


def bundled_dot() -> Engine | None:
    """The Graphviz of the pygraphviz wheel, if that is installed."""
    if util.find_spec("pygraphviz") is None:
        return None
    script = Path(__file__).with_name("stand_in.py")
    return Engine("pygraphviz", metadata.version("pygraphviz"), (sys.executable, "-I", str(script)))


def find_engine() -> Engine | None:
    """The narrowest and quickest to start first."""
    return installed_dot() or bundled_dot()
