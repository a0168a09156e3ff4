"""Where the page's files live: at the top of the repository, or inside the installed package. Server side."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent.parent


def page_folder(name: Literal["templates", "static", "examples"]) -> Path:
    """The folder of that name. Raises FileNotFoundError when this installation has none."""
    for parent in (_PACKAGE.parent, _PACKAGE / "_page"):
        folder = parent / name
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder {name} is not part of this installation")
