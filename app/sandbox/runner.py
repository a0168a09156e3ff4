"""What the use case sees of the sandbox: send code, receive events. Runs in the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from app.protocol import Ended, Finished, GraphCaptured, Progress, Request, SandboxStatus, Started
from app.run import Value


class OutputChunk(Value, frozen=True, tag="output"):
    """Text that the snippet wrote to stdout or stderr, in the order it wrote it. Hostile: escape before showing."""

    text: str


RunnerEvent = Started | OutputChunk | Progress | GraphCaptured | Finished | Ended


class Runner(Protocol):
    """A place where snippets are run."""

    async def start(self) -> None:
        """Make ready in the background; returns soon. Runs asked for meanwhile wait."""

    def run(self, request: Request) -> AsyncGenerator[RunnerEvent, None]:
        """Events of one run: `Started` first, `Ended` last. Closing the iterator cancels the run and kills its child.

        Raises Overloaded, SandboxUnavailable or CodeTooLong before the first event, WorkerDied when the supervisor goes
        away. A child that breaks the protocol ends its run with `Ended(outcome="protocol")`.
        """

    async def status(self) -> SandboxStatus:
        """What stands between a snippet and the machine; never raises."""

    async def close(self) -> None:
        """End every run and whatever `start` started."""
