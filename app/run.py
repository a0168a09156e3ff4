"""Shared vocabulary: what one evaluation of a snippet is, and all that it showed.

Used on both sides of the wall. Values only: frozen, no behaviour, no torch, no I/O. The worker builds them, the
strict decoder of `app.protocol` admits them, `app.explain` adds findings, `app.picture` draws them, the API sends them.
The bounds in the annotations are enforced whenever one is decoded, so they hold for whatever an attacker sends.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Id = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Line = Annotated[int, Meta(ge=1, le=10_000_000)]
Column = Annotated[int, Meta(ge=0, le=10_000_000)]
Milliseconds = Annotated[float, Meta(ge=0, le=1e9)]
Name = Annotated[str, Meta(max_length=256)]
Text = Annotated[str, Meta(max_length=8192)]
Shape = Annotated[tuple[Count, ...], Meta(max_length=64)]

NonFinite = Literal["NaN", "Infinity", "-Infinity"]
Number = float | NonFinite
"""A JSON number, or the three that JSON lacks, as strings."""
Scalar = bool | int | float | NonFinite | tuple[Number, Number]
"""One element of a tensor; a complex one is its (real, imaginary) pair."""


class Value(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False, gc=False):
    """Base of all values here: immutable, compared by content, unknown fields refused when decoded.

    Values hold values, never one another in a circle, so the garbage collector need not look at them (`gc=False`).
    """


class Histogram(Value, frozen=True):
    """Counts of the finite elements in equal-width bins; `edges` is one longer than `counts`."""

    edges: Annotated[tuple[float, ...], Meta(max_length=65)]
    counts: Annotated[tuple[Count, ...], Meta(max_length=64)]


class TensorSummary(Value, frozen=True):
    """The numbers of one tensor (its values, or a gradient) that are worth showing.

    `norm` is the 2-norm over all elements, `std` the population standard deviation; `norm`, `min`, `max`, `mean` and
    `std` are None where they mean nothing (no elements, complex `min`) or were not computed (edges of large graphs).
    `preview` holds, in row-major order, the leading corner of shape `preview_shape`; `truncated` says that the corner
    is not the whole. `sampled` says that the statistics were taken over an even sample, not over every element.
    """

    shape: Shape
    dtype: Name
    numel: Count
    norm: Number | None = None
    min: Number | None = None
    max: Number | None = None
    mean: Number | None = None
    std: Number | None = None
    zeros: Count | None = None
    nans: Count | None = None
    infs: Count | None = None
    histogram: Histogram | None = None
    preview: Annotated[tuple[Scalar, ...], Meta(max_length=4096)] = ()
    preview_shape: Shape = ()
    truncated: bool = False
    sampled: bool = False


class NodeRef(Value, frozen=True):
    """A node of one graph."""

    graph: Id
    node: Id


class TensorMeta(Value, frozen=True):
    """Shape and dtype of one output of a node."""

    shape: Shape
    dtype: Name


class SavedTensor(Value, frozen=True):
    """What a node keeps for its backward formula, under PyTorch's own attribute name (`self`, `result`, `weight`).

    `bytes` is the size of its elements; `tensor` names it when the snippet's variables or the run's tensors do.
    `state` is "freed" once backward released it and "hooked" when saved-tensor hooks hold it packed.
    """

    name: Name
    shape: Shape | None
    dtype: Name | None
    bytes: Count = 0
    tensor: Id | None = None
    state: Literal["held", "freed", "hooked"] = "held"


NodeKind = Literal["op", "accumulate_grad", "custom", "unrecorded", "leaf"]
Attribute = bool | int | float | Name | None


class Node(Value, frozen=True):
    """One node of an autograd graph, or an operation that autograd did not record.

    kind: "op" a C++ node · "accumulate_grad" where a leaf's gradient is written · "custom" the node of a user's
    `autograd.Function` · "unrecorded" an operation that ran without being recorded (named after the called function:
    `mul`, `detach`) · "leaf" a tensor that only unrecorded operations use, so that there is no AccumulateGrad for it.
    Ids are unique within the run: a node that two calls walked has one id in both graphs. `call` is the function as the
    snippet called it (`torch.nn.functional.relu`), `line`/`column`/`end_column` where it stands. `saved_bytes` counts
    each storage once. `micros` is the time of its backward in this call, microseconds.
    """

    id: Id
    kind: NodeKind
    name: Name
    line: Line | None = None
    column: Column | None = None
    end_column: Column | None = None
    call: Name | None = None
    module: Name | None = None
    tensors: Annotated[tuple[Id, ...], Meta(max_length=64)] = ()
    outputs: Annotated[tuple[TensorMeta, ...], Meta(max_length=256)] = ()
    saved: Annotated[tuple[SavedTensor, ...], Meta(max_length=64)] = ()
    saved_bytes: Count = 0
    attributes: dict[Name, Attribute] = {}
    sequence_nr: Count | None = None
    executed: bool = False
    micros: Annotated[float, Meta(ge=0, le=1e12)] | None = None


CutReason = Literal[
    "detach",
    "no_grad",
    "inference_mode",
    "data",
    "item",
    "numpy",
    "rewrapped",
    "integer",
    "not_differentiable",
    "frozen",
    "none_required",
]


class Edge(Value, frozen=True):
    """From the node nearer the loss to the node nearer the leaves: `source.next_functions[source_position]` is
    `(target, target_position)`. A multigraph: `dot(x, x)` has two.

    `gradient` is what flowed along it in this call (None: the call did not take it, or an undefined gradient).
    A "cut" edge joins an unrecorded operation to what it would have sent its gradient to; `reason` and `line` say why
    and where the gradient stops.
    """

    source: Id
    target: Id
    source_position: Count = 0
    target_position: Count = 0
    kind: Literal["gradient", "cut"] = "gradient"
    reason: CutReason | None = None
    line: Line | None = None
    gradient: TensorSummary | None = None


class Graph(Value, frozen=True):
    """One call of `backward()` or `autograd.grad()`, or ("live") what hangs on live tensors that no call reached.

    `order` is the order in which the engine ran the nodes; `accumulates` the tensors whose `.grad` this call wrote.
    `error` is the class name of the exception that stopped the call, if one did.
    """

    id: Id
    kind: Literal["backward", "grad", "live"]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    roots: tuple[Id, ...] = ()
    line: Line | None = None
    call: Text | None = None
    order: tuple[Id, ...] = ()
    accumulates: tuple[Id, ...] = ()
    retained: bool = False
    create_graph: bool = False
    error: Name | None = None
    total_nodes: Count | None = None
    total_edges: Count | None = None


class GraphAddition(Value, frozen=True):
    """Unrecorded operations found after the call that belong to a graph already sent."""

    graph: Id
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


HistoryKind = Literal[
    "made",
    "requires_grad_on",
    "requires_grad_off",
    "retain_grad",
    "grad_cleared",
    "modified_in_place",
    "rebound",
]


class HistoryEntry(Value, frozen=True):
    """Something that happened to a tensor at a line of the snippet, when `calls` calls had begun.

    So two calls wrote a gradient without clearing it between when no "grad_cleared" entry lies between their counts.
    """

    what: HistoryKind
    line: Line
    calls: Count = 0


Param = bool | int | float | Text | None | Annotated[tuple[int | Name, ...], Meta(max_length=64)]


class Reason(Value, frozen=True):
    """Why something is missing: a code of `docs/findings.md` and the parameters of its sentence."""

    code: Name
    params: dict[Name, Param] = {}


class Tensor(Value, frozen=True):
    """A tensor that a name of the snippet is bound to (parameters by dotted names), or that a graph mentions.

    State is as at the end of the run. `line` is where it was made. `grad_fn_name` is None for a leaf. `alive` is False
    for a tensor that no longer existed at the end (only its names, line and shape are then known). Exactly one of
    `grad` and `grad_reason` is None once `app.explain` has seen the run.
    """

    id: Id
    shape: Shape
    dtype: Name
    names: Annotated[tuple[Name, ...], Meta(max_length=64)] = ()
    line: Line | None = None
    device: Name = "cpu"
    layout: Name = "strided"
    requires_grad: bool = False
    is_leaf: bool = True
    is_parameter: bool = False
    retains_grad: bool = False
    alive: bool = True
    version: Count | None = None
    grad_fn: NodeRef | None = None
    grad_fn_name: Name | None = None
    values: TensorSummary | None = None
    grad: TensorSummary | None = None
    grad_reason: Reason | None = None
    history: Annotated[tuple[HistoryEntry, ...], Meta(max_length=64)] = ()


class TraceLine(Value, frozen=True):
    """One frame of the snippet's own traceback."""

    line: Line
    function: Name
    text: Text


class SnippetError(Value, frozen=True):
    """The exception that ended the snippet. `message` is cut at its bound; lines are the snippet's only.

    `operands` are the tensors that the operation which raised it was given, when one did.
    """

    type: Name
    message: Text
    line: Line | None = None
    column: Column | None = None
    end_column: Column | None = None
    traceback: Annotated[tuple[TraceLine, ...], Meta(max_length=64)] = ()
    operands: Annotated[tuple[TensorMeta, ...], Meta(max_length=8)] = ()


class LimitReached(Value, frozen=True):
    """The limit that cut the run short, in the unit its name ends with."""

    name: Name
    value: float


class Output(Value, frozen=True):
    """stdout and stderr as written, in one text."""

    text: str = ""
    truncated: bool = False


class Truncated(Value, frozen=True):
    """What the run has more of than is told here."""

    nodes: bool = False
    edges: bool = False
    tensors: bool = False
    events: bool = False
    graphs: bool = False


class Versions(Value, frozen=True):
    torch: Name = ""
    python: Name = ""


class Timings(Value, frozen=True):
    """Milliseconds: waiting for a place · the snippet · what capture did after it · findings · picture."""

    queued_ms: Milliseconds = 0.0
    run_ms: Milliseconds = 0.0
    capture_ms: Milliseconds = 0.0
    explain_ms: Milliseconds = 0.0
    picture_ms: Milliseconds = 0.0


class Fix(Value, frozen=True):
    """A change of one line of the snippet: insert `text` before `line`, or put it in place of `line`."""

    line: Line
    kind: Literal["insert", "replace"]
    text: Text


class Finding(Value, frozen=True):
    """One diagnosis: a code with parameters; sentences live in the catalogues. `line` is where to look first, `lines`
    names the role of each line. `params["certainty"]` is "certain" or "likely"."""

    code: Name
    severity: Literal["error", "warning", "info"]
    line: Line | None = None
    lines: dict[Name, Line] = {}
    nodes: tuple[NodeRef, ...] = ()
    tensors: tuple[Id, ...] = ()
    params: dict[Name, Param] = {}
    fix: Fix | None = None


class Picture(Value, frozen=True):
    """A graph as SVG. `drawn` of `total` nodes stand in it; `simplified` says that a plainer drawing had to do, and
    `note` is the code of the sentence that explains it."""

    graph: Id
    svg: str
    drawn: Count
    total: Count
    simplified: bool = False
    note: Name | None = None


class Run(Value, frozen=True):
    """One evaluation of a snippet and all that it showed. See `docs/api.md`.

    `picture_problem` is the code of the problem that kept an asked-for picture from being made.
    """

    id: str
    status: Literal["ok", "error", "killed"]
    code: str
    seed: int
    versions: Versions
    timings: Timings
    limits: dict[str, float]
    output: Output
    tensors: tuple[Tensor, ...] = ()
    graphs: tuple[Graph, ...] = ()
    findings: tuple[Finding, ...] = ()
    error: SnippetError | None = None
    limit: LimitReached | None = None
    last_line: Line | None = None
    truncated: Truncated = Truncated()
    sandbox: tuple[str, ...] = ()
    picture: Picture | None = None
    picture_problem: Name | None = None
