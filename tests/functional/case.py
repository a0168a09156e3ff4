"""One snippet of the functional corpus, and what its run must show. Pure."""

from __future__ import annotations

from typing import Literal

from app.run import Value


class Case(Value, frozen=True):
    """`prints` and `says` stand in the output, `node` is the name of a node of some graph, `finding` the code of the
    first finding of an error; without it, none must be told.

    A case that `writes` needs a scratch folder, one that `reads` needs a file system: elsewhere a file is refused.
    """

    name: str
    code: str
    prints: str = ""
    says: str = ""
    node: str = ""
    status: Literal["ok", "error", "killed"] = "ok"
    finding: str = ""
    writes: bool = False
    reads: bool = False
