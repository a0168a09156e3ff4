"""What the jail hands to the zygote it starts: the options, and what the kernel really gave. Inside the sandbox."""

from __future__ import annotations

from app.protocol import JailOptions
from app.run import Name, Value


class Facts(Value, frozen=True):
    """`pid` is the zygote in the supervisor's process table; children become the `users` users from `first_uid` on (one
    each, in turn), or stay who they are where `users` is 0; `detail` says what was refused."""

    options: JailOptions
    pid: int
    first_uid: int
    users: int = 0
    namespaces: tuple[Name, ...] = ()
    detail: str = ""
