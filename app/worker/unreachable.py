"""A clear answer to an import that a child can no longer make. Inside the sandbox, in the child."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class UnreachableFinder(MetaPathFinder):
    """Stands last, so it is asked only for what nobody else found."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        raise ModuleNotFoundError(
            f"No module named {fullname!r} within reach: this sandbox has only what was imported before the run",
            name=fullname,
        )


def explain_failing_imports() -> None:
    """Where the interpreter's own library cannot be read from here on, say so in the error of every failing import."""
    if not os.access(os.__file__, os.R_OK):
        sys.meta_path.append(UnreachableFinder())
