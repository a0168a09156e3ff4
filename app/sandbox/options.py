"""What a supervisor is told when it starts. A plain value, so that the server can hand its own settings over whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.protocol import JailOptions, Limits
from app.run import Value

if TYPE_CHECKING:
    from app.settings import Settings


class SupervisorOptions(Value, frozen=True):
    """The operator's choices that concern the sandbox, and the deadlines that nobody needs to choose.

    `jail_command` starts something else than the worker, for tests. `canary_seconds` is for all canaries together.
    """

    limits: Limits = Limits()
    code_bytes: int = 64 * 2**10
    concurrency: int = 2
    queue: int = 32
    spare_children: int = 3
    zygote_runs: int = 1000
    namespaces: bool = True
    trusted_local: bool = False
    zygote_seconds: float = 3600.0
    spare_seconds: float = 300.0
    boot_seconds: float = 90.0
    control_seconds: float = 5.0
    canary_seconds: float = 20.0
    stop_grace_seconds: float = 2.0
    retry_seconds: float = 1.0
    jail_command: tuple[str, ...] = ()

    def jail(self) -> JailOptions:
        """What the jail is told."""
        return JailOptions(limits=self.limits, namespaces=self.namespaces, trusted_local=self.trusted_local)


def supervisor_options(settings: Settings) -> SupervisorOptions:
    """The part of the server's settings that the supervisor needs."""
    return SupervisorOptions(
        limits=settings.limits(),
        code_bytes=settings.code_bytes,
        concurrency=settings.concurrency,
        queue=settings.queue,
        spare_children=settings.spare_children,
        zygote_runs=settings.zygote_runs,
        namespaces=settings.namespaces,
        trusted_local=settings.trusted_local,
    )
