"""Shared messages between server, supervisor and worker, their frame codec, and the limits of a run.

Three channels, all described here and nowhere else:

  web -> supervisor        unix stream socket, one connection per run (closing it cancels the run)
      web sends one `Request`; the supervisor answers with records, the last of which is `Refused` or `Ended`
  supervisor -> child      a pipe: one frame with a `Job`, then end of file (which the snippet reads as its stdin)
  child -> supervisor      a pipe of frames: `Confined` first, any number of `Progress` and `GraphCaptured`, `Finished`;
      a second pipe carries stdout and stderr as raw bytes

The child is presumed hostile from the moment it has read its job. The supervisor never parses what it sends after
`Confined`: it only checks the frame header, counts bytes, and hands the payload on; the web side decodes it strictly.
"""

from __future__ import annotations

import struct
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from app.errors import ProtocolViolation
from app.run import (
    Graph,
    GraphAddition,
    Line,
    Milliseconds,
    Name,
    SnippetError,
    Tensor,
    Truncated,
    Value,
    Versions,
)


class Limits(Value, frozen=True):
    """What one run may use. Seconds and bytes as the names say; the last five bound what capture keeps."""

    wall_seconds: float = 10.0
    cpu_seconds: float = 10.0
    memory_bytes: int = 2 * 2**30
    output_bytes: int = 256 * 2**10
    result_bytes: int = 64 * 2**20
    scratch_bytes: int = 16 * 2**20
    stack_bytes: int = 512 * 2**20
    open_files: int = 64
    threads: int = 32
    graphs: int = 50
    nodes: int = 100_000
    tensors: int = 2_000
    events: int = 200_000
    preview_elements: int = 100


# --- server -> supervisor -----------------------------------------------------------------------------------------


class Request(Value, frozen=True, tag="run"):
    """Evaluate `code` (at most the supervisor's own limit of bytes) with every random generator seeded by `seed`."""

    code: str
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class StatusQuestion(Value, frozen=True, tag="status"):
    """Ask for `SandboxStatus`; answered at once, also when nothing can run."""


ToSupervisor = Request | StatusQuestion


class Layer(Value, frozen=True):
    """One layer of confinement. `stands` was seen to hold in a real child by the boot self-test, not assumed."""

    name: Name
    required: bool
    stands: bool
    detail: Name = ""


class SandboxStatus(Value, frozen=True, tag="sandbox"):
    """Whether runs are accepted, and what stands between a snippet and the machine."""

    ready: bool
    detail: Name
    layers: tuple[Layer, ...]
    running: int
    waiting: int
    spares: int
    concurrency: int
    queue: int
    versions: Versions = Versions()


class Refused(Value, frozen=True, tag="refused"):
    """The run did not start. `busy` passes by itself; `unavailable` names the missing layer or the broken part."""

    why: Literal["busy", "unavailable", "too_long"]
    detail: str
    retry_after_seconds: float | None = None


class Started(Value, frozen=True, tag="started"):
    """A child took the job."""

    queued_ms: Milliseconds
    layers: tuple[Name, ...]
    limits: Limits


Outcome = Literal["finished", "wall", "cpu", "memory", "output", "result", "exited", "signal", "protocol", "cancelled"]


class Ended(Value, frozen=True, tag="ended"):
    """The supervisor's own verdict on the child; nothing in it was said by the child.

    outcome: "finished" a complete final frame came · "wall", "cpu", "memory", "output", "result" the limit of that name
    was reached · "exited" it ended without a final frame, `exit_code` says how · "signal" it died of `signal` ·
    "protocol" its frames were malformed · "cancelled" the asker went away. `limit_value` is in the limit's unit.
    `output_truncated` says that more was written than `Limits.output_bytes`, and the rest dropped.
    """

    outcome: Outcome
    wall_ms: Milliseconds
    exit_code: int | None = None
    signal: int | None = None
    limit_name: Name | None = None
    limit_value: float | None = None
    detail: Name = ""
    output_truncated: bool = False


# Records on the web <-> supervisor socket: kind byte, little-endian length, payload.
RECORD: Final = struct.Struct("<BI")
RECORD_MESSAGE: Final = 0  # JSON of one of the structs above
RECORD_OUTPUT: Final = 1  # raw bytes of stdout/stderr
RECORD_FRAME: Final = 2  # payload of one frame of the child, unparsed
MAX_REQUEST_BYTES: Final = 4 * 2**20

FromSupervisor = SandboxStatus | Refused | Started | Ended

# --- supervisor -> child ------------------------------------------------------------------------------------------


class Job(Value, frozen=True, tag="job"):
    code: str
    seed: int
    limits: Limits


# --- child -> supervisor ------------------------------------------------------------------------------------------


class Confined(Value, frozen=True, tag="confined"):
    """Sent before the job is read, so while the child still runs only our code: these layers are in place."""

    layers: tuple[Name, ...]


class Progress(Value, frozen=True, tag="progress"):
    """The line that the snippet is on; sent seldom (at most every 100 ms)."""

    line: Line | None
    phase: Literal["running", "backward", "capturing"] = "running"


class GraphCaptured(Value, frozen=True, tag="graph"):
    """A graph, sent as soon as its call has ended, so that it survives whatever happens next."""

    graph: Graph


class Finished(Value, frozen=True, tag="finished"):
    """The last frame. `stopped` says that the child was asked to stop and tells what it had so far."""

    error: SnippetError | None = None
    tensors: tuple[Tensor, ...] = ()
    additions: tuple[GraphAddition, ...] = ()
    truncated: Truncated = Truncated()
    versions: Versions = Versions()
    run_ms: Milliseconds = 0.0
    capture_ms: Milliseconds = 0.0
    stopped: bool = False
    last_line: Line | None = None
    memory_exhausted: bool = False


FromChild = Confined | Progress | GraphCaptured | Finished

# Frames on the pipes of a child: magic, little-endian length, payload (JSON).
FRAME: Final = struct.Struct("<4sI")
FRAME_MAGIC: Final = b"AGX1"
MAX_FRAMES: Final = 10_000

# --- the layers of confinement, by name ------------------------------------------------------------------------------

REQUIRED_LAYERS: Final = ("environment", "descriptors", "rlimits", "uid", "capabilities", "no_new_privs", "seccomp")
FILE_LAYERS: Final = ("landlock", "no_paths")  # exactly one of them is required: paths are ruled, or there are none
OPTIONAL_LAYERS: Final = (
    "parent_death_signal",
    "not_dumpable",
    "oom_first",
    "namespaces:user",
    "namespaces:mount",
    "namespaces:net",
    "namespaces:ipc",
    "namespaces:uts",
    "namespaces:pid",
    "scratch",
    "huge_pages",
)

# --- supervisor -> jail (`python -m app.worker.jail JSON`, control socket as descriptor 3) ----------------------------


class JailOptions(Value, frozen=True, tag="jail"):
    """The one argument of the jail. The limits stand here as well as in each `Job`, because a child confines itself
    before it reads one. `without` leaves out optional layers, for tests and measurements. `trusted_local` lets a child
    go on where a required layer cannot be had; its `Confined` then names only those that stand."""

    limits: Limits = Limits()
    namespaces: bool = True
    without: tuple[Literal["landlock", "scratch", "huge_pages"], ...] = ()
    trusted_local: bool = False


# --- the control socket of the zygote (SOCK_SEQPACKET; the zygote never sees a job) ---------------------------------

FORK: Final = b"fork"  # supervisor -> zygote, with three descriptors: job (read), output (write), result (write)


class ZygoteReady(Value, frozen=True, tag="ready"):
    """Sent once, after warm-up. `pid` is the zygote as the supervisor's own process table shows it, unlike those of the
    children below, which are names within the zygote's namespace. `namespaces` says what the jail around it could
    give, `uid` is the first user that children run as, `detail` names optional layers that could not be had."""

    pid: int
    boot_ms: Milliseconds
    versions: Versions
    namespaces: tuple[Name, ...] = ()
    uid: int = 0
    detail: Name = ""


class ZygoteForked(Value, frozen=True, tag="forked"):
    """Answer to FORK, with one descriptor: the pidfd of the child."""

    pid: int


class ZygoteReaped(Value, frozen=True, tag="reaped"):
    """A child is gone. `status` is the raw wait status; `peak_bytes` its largest resident size."""

    pid: int
    status: int
    peak_bytes: int = 0
    cpu_seconds: float = 0.0


class ZygoteFailed(Value, frozen=True, tag="failed"):
    """The zygote cannot serve (a fork failed, a required layer is missing); `detail` names it."""

    detail: Name


FromZygote = ZygoteReady | ZygoteForked | ZygoteReaped | ZygoteFailed

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_decode_supervisor_input: msgspec.json.Decoder[ToSupervisor] = msgspec.json.Decoder(ToSupervisor)
_decode_supervisor_output: msgspec.json.Decoder[FromSupervisor] = msgspec.json.Decoder(FromSupervisor)
_decode_job = msgspec.json.Decoder(Job)
_decode_child: msgspec.json.Decoder[FromChild] = msgspec.json.Decoder(FromChild)
_decode_zygote: msgspec.json.Decoder[FromZygote] = msgspec.json.Decoder(FromZygote)


def encode(message: Value) -> bytes:
    """The JSON of `message`, without a header."""
    return _encoder.encode(message)


def frame(message: Value) -> bytes:
    """`message` as one frame of a child's pipe."""
    payload = _encoder.encode(message)
    return FRAME.pack(FRAME_MAGIC, len(payload)) + payload


def record(message: Value) -> bytes:
    """`message` as one record of the supervisor's socket."""
    payload = _encoder.encode(message)
    return RECORD.pack(RECORD_MESSAGE, len(payload)) + payload


def decode_to_supervisor(payload: bytes) -> ToSupervisor:
    return _strict(_decode_supervisor_input, payload)


def decode_from_supervisor(payload: bytes) -> FromSupervisor:
    return _strict(_decode_supervisor_output, payload)


def decode_job(payload: bytes) -> Job:
    return _strict(_decode_job, payload)


def decode_from_child(payload: bytes | memoryview) -> FromChild:
    """What a child said, if it has exactly the declared shape and bounds. Raises ProtocolViolation otherwise."""
    return _strict(_decode_child, payload)


def decode_from_zygote(payload: bytes) -> FromZygote:
    return _strict(_decode_zygote, payload)


def _strict(decoder: msgspec.json.Decoder[T], payload: bytes | memoryview) -> T:
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as exc:
        raise ProtocolViolation(str(exc)[:200]) from exc
