"""The error tree. Knows nothing of HTTP: `app.web.problems` maps it once.

AppError
├─ BadSnippet            the user can fix it, before anything runs
│  ├─ CodeTooLong        more bytes than `limit` allows
│  └─ CodeNotText        not UTF-8, null bytes, lone surrogates
├─ Overloaded            try again after `retry_after_seconds`
├─ SandboxUnavailable    runs are refused: a required layer is missing or the worker cannot start; `detail` names it
├─ WorkerError           ours: the run is lost, the next one works
│  ├─ WorkerDied         the supervisor or its connection went away
│  └─ ProtocolViolation  a message that has not the declared shape
├─ PictureError          ours: the run is still delivered, with its table and JSON
│  ├─ GraphvizMissing
│  ├─ NoGraph            nothing to draw, or not a graph of this run
│  ├─ LayoutTimeout      took longer than `limit` seconds, or more memory than allowed
│  └─ PictureTooLarge
└─ NotKept               no such run, or no longer kept

A snippet that fails, or is killed at a limit, is not an error of ours: it is a Run with that status.
"""

from __future__ import annotations


class AppError(Exception):
    """Base of everything this program raises on purpose. `code` is stable and public."""

    code = "internal"

    def __init__(
        self, detail: str = "", *, limit: float | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


class BadSnippet(AppError):
    code = "bad_snippet"


class CodeTooLong(BadSnippet):
    code = "code_too_long"


class CodeNotText(BadSnippet):
    code = "code_not_text"


class Overloaded(AppError):
    code = "busy"


class SandboxUnavailable(AppError):
    code = "sandbox_unavailable"


class WorkerError(AppError):
    code = "worker_error"


class WorkerDied(WorkerError):
    code = "worker_died"


class ProtocolViolation(WorkerError):
    code = "protocol_violation"


class PictureError(AppError):
    code = "picture_error"


class GraphvizMissing(PictureError):
    code = "graphviz_missing"


class NoGraph(PictureError):
    code = "no_graph"


class LayoutTimeout(PictureError):
    code = "layout_timeout"


class PictureTooLarge(PictureError):
    code = "picture_too_large"


class NotKept(AppError):
    code = "not_found"
