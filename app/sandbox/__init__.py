"""The trusted side of the wall: whoever wants a snippet run asks the `Runner` that `open_runner` makes.

`client` and `embedded` run in the server; `supervisor` is a process of its own, and what it imports runs there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.sandbox.client import SocketRunner
from app.sandbox.embedded import EmbeddedRunner
from app.sandbox.options import supervisor_options
from app.sandbox.runner import OutputChunk, Runner, RunnerEvent

if TYPE_CHECKING:
    from app.settings import Settings

__all__ = ["OutputChunk", "Runner", "RunnerEvent", "open_runner"]


def open_runner(settings: Settings) -> Runner:
    """The runner that the settings ask for, not yet started: a sandbox service's socket, or a supervisor of our own."""
    if settings.sandbox_socket is not None:
        return SocketRunner(settings.sandbox_socket)
    return EmbeddedRunner(supervisor_options(settings))
