"""The use case on a stub sandbox: what each way of ending comes to, and what a hostile worker cannot do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from app.errors import CodeNotText, CodeTooLong, SandboxUnavailable
from app.explorer import Explorer, checked_code
from app.folding import Folding
from app.picture import Painter
from app.protocol import Ended, Finished, GraphCaptured, Outcome, Progress
from app.run import Edge, Graph, GraphAddition, Node, NodeRef, Run, SnippetError, Tensor
from app.sandbox import OutputChunk, RunnerEvent
from app.settings import Settings
from app.store import RunStore
from tests.stub_runner import ENDED, EVENTS, FINISHED, GRAPH, STARTED, StubRunner

ERROR = SnippetError(type="ValueError", message="no", line=3)


def folded(*events: RunnerEvent, settings: Settings | None = None) -> Run:
    folding = Folding("code", 0, settings or Settings())
    for event in events:
        folding.take(event)
    return folding.run("id")


def test_a_snippet_that_ends_well_is_ok() -> None:
    run = folded(*EVENTS)
    assert (run.status, run.error, run.limit) == ("ok", None, None)
    assert (run.sandbox, run.timings.queued_ms, run.timings.run_ms) == (("seccomp", "landlock"), 0.5, 1.0)


CRASH = 'Fatal Python error: Aborted\n\nStack (most recent call first):\n  File "<frozen os>", line 9 in f\n%s\nExtra\n'


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        ('  File "<snippet>", line 5 in g\n  File "<snippet>", line 8 in <module>\n', 5),
        ('  File "<snippet>", line 0 in g\n', None),
        ('  File "<snippet>", line 99999999 in g\n', None),
        ("  <no Python frame>\n", None),
    ],
)
def test_a_crash_tells_its_line_and_leaves_the_output_as_it_was(frame: str, line: int | None) -> None:
    run = folded(STARTED, OutputChunk("out\n" + CRASH % frame), Ended(outcome="signal", signal=6, wall_ms=1.0))
    assert (run.output.text, run.last_line) == ("out\n", line)
    assert run.error is not None
    assert run.error.line == line


def test_what_looks_like_a_crash_stays_in_the_output_of_a_run_that_ended_well() -> None:
    run = folded(STARTED, OutputChunk(CRASH % ""), FINISHED, ENDED)
    assert run.output.text == CRASH % ""


def test_a_snippet_that_was_stopped_is_not_ok_although_no_limit_is_known() -> None:
    run = folded(STARTED, Finished(stopped=True, last_line=3), ENDED)
    assert (run.status, run.limit) == ("killed", None)
    assert run.error is not None
    assert (run.error.type, run.error.line) == ("ProcessEnded", 3)


def test_a_snippet_that_raises_is_an_error() -> None:
    run = folded(STARTED, Finished(error=ERROR), ENDED)
    assert (run.status, run.error) == ("error", ERROR)


@pytest.mark.parametrize(
    ("outcome", "limit"),
    [
        ("wall", "wall_seconds"),
        ("cpu", "cpu_seconds"),
        ("memory", "memory_bytes"),
        ("output", "output_bytes"),
        ("result", "result_bytes"),
    ],
)
def test_a_limit_is_named_with_its_value(outcome: Outcome, limit: str) -> None:
    run = folded(STARTED, Ended(outcome=outcome, wall_ms=5.0, limit_value=7.0))
    assert run.status == "killed"
    assert run.limit is not None
    assert (run.limit.name, run.limit.value) == (limit, 7.0)


@pytest.mark.parametrize(
    ("ended", "says"),
    [
        (Ended(outcome="exited", wall_ms=1.0, exit_code=3), "exit code 3"),
        (Ended(outcome="signal", wall_ms=1.0, signal=6), "SIGABRT"),
        (Ended(outcome="signal", wall_ms=1.0, signal=4000), "signal 4000"),
        (Ended(outcome="protocol", wall_ms=1.0), "something else than a report"),
    ],
)
def test_a_process_that_ends_without_a_report_says_how(ended: Ended, says: str) -> None:
    run = folded(STARTED, Progress(line=4), ended)
    assert (run.status, run.last_line) == ("killed", 4)
    assert run.error is not None
    assert says in run.error.message
    assert run.error.line == 4


def test_memory_that_ran_out_inside_the_snippet_is_a_limit_too() -> None:
    run = folded(STARTED, Finished(error=ERROR, memory_exhausted=True), ENDED)
    assert (run.status, run.error) == ("killed", ERROR)
    assert run.limit is not None
    assert (run.limit.name, run.limit.value) == ("memory_bytes", float(STARTED.limits.memory_bytes))


def test_a_run_that_dies_half_way_delivers_what_it_had() -> None:
    run = folded(STARTED, OutputChunk("so far"), GraphCaptured(GRAPH), Progress(line=9), Ended("wall", 10.0))
    assert (run.output.text, run.graphs, run.last_line) == ("so far", (GRAPH,), 9)


def test_what_was_found_later_joins_its_graph() -> None:
    later = Node(id=7, kind="unrecorded", name="detach")
    cut = Edge(source=7, target=0, kind="cut", reason="detach")
    run = folded(STARTED, GraphCaptured(GRAPH), Finished(additions=(GraphAddition(0, (later,), (cut,)),)), ENDED)
    assert run.graphs[0].nodes == (*GRAPH.nodes, later)
    assert run.graphs[0].edges == (*GRAPH.edges, cut)


def test_ids_that_lead_nowhere_are_taken_out() -> None:
    node = Node(id=1, kind="op", name="A")
    graph = Graph(
        id=0,
        kind="live",
        nodes=(node, msgspec.structs.replace(node, name="B")),
        edges=(Edge(1, 2),),
        roots=(1, 9),
        order=(9,),
    )
    tensor = Tensor(id=0, shape=(), dtype="float32", grad_fn=NodeRef(5, 5))
    astray = GraphAddition(99, (node,), ())
    finished = Finished(tensors=(tensor, tensor), additions=(astray,))
    run = folded(STARTED, GraphCaptured(graph), GraphCaptured(graph), finished, ENDED)
    assert [(one.nodes, one.edges, one.roots, one.order) for one in run.graphs] == [((node,), (), (1,), ())]
    assert [one.grad_fn for one in run.tensors] == [None]


def test_only_the_first_report_counts() -> None:
    run = folded(STARTED, GraphCaptured(GRAPH), FINISHED, Finished(error=ERROR), ENDED)
    assert (run.status, run.tensors) == ("ok", FINISHED.tensors)


def test_output_is_cut_at_its_limit_between_characters() -> None:
    run = folded(STARTED, *[OutputChunk("é" * 300)] * 5, ENDED, settings=Settings(output_bytes=1025))
    assert (run.output.text, run.output.truncated) == ("é" * 512, True)


@pytest.mark.parametrize("truncated", [True, False])
def test_output_of_just_the_limit_is_called_cut_only_where_the_supervisor_dropped_some(truncated: bool) -> None:
    ended = msgspec.structs.replace(ENDED, output_truncated=truncated)
    run = folded(STARTED, OutputChunk("x" * 1024), FINISHED, ended, settings=Settings(output_bytes=1024))
    assert (len(run.output.text), run.output.truncated) == (1024, truncated)


@pytest.mark.parametrize("code", ["x" * 101, "é" * 51, "\ufeff" + "x" * 101])
def test_code_over_the_limit_is_refused_by_its_bytes(code: str) -> None:
    with pytest.raises(CodeTooLong) as refused:
        checked_code(code, 100)
    assert refused.value.limit == 100


@pytest.mark.parametrize("code", ["a\n\0", "a\n\ud800", "a\nb\udfff"])
def test_code_that_is_not_text_is_refused_with_its_line(code: str) -> None:
    with pytest.raises(CodeNotText, match="line 2"):
        checked_code(code, 100)


@pytest.mark.parametrize("code", ["", "\t\r\n", "a\r\nb", "é" * 50, "\ufeffx"])
def test_other_code_passes_unchanged_but_for_a_byte_order_mark(code: str) -> None:
    assert checked_code(code, 100) == code.removeprefix("\ufeff")


@pytest.fixture
async def explorer(settings: Settings, stub_runner: StubRunner) -> AsyncIterator[Explorer]:
    painter, store = Painter(settings), RunStore(settings)
    await store.start()
    yield Explorer(settings, stub_runner, painter, store)
    await painter.close()
    await store.close()


@pytest.mark.anyio
async def test_a_rule_that_trips_does_not_lose_the_run(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def trips(run: Run) -> Run:
        raise ValueError(run.id)

    monkeypatch.setattr("app.explorer.explain", trips)
    run = await explorer.run("w")
    assert run.status == "ok"
    assert "could not be explained" in caplog.text


@pytest.mark.anyio
@pytest.mark.parametrize("events", [(), (STARTED,)])
async def test_a_sandbox_that_says_too_little_is_an_answer_all_the_same(
    explorer: Explorer, stub_runner: StubRunner, events: Sequence[RunnerEvent]
) -> None:
    stub_runner.events = events
    if events:
        assert (await explorer.run("w")).status == "killed"
    else:
        with pytest.raises(SandboxUnavailable):
            await explorer.run("w")


@pytest.mark.anyio
async def test_a_sandbox_that_does_not_boot_is_waited_for_within_bounds(
    explorer: Explorer, stub_runner: StubRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.explorer.BOOT_SECONDS", 0.01)
    stub_runner.hangs, stub_runner.ready, stub_runner.events = True, False, (ENDED,)
    with pytest.raises(SandboxUnavailable, match="the zygote is starting") as refused:
        await explorer.run("w")
    assert refused.value.retry_after_seconds == 5
    assert stub_runner.cancelled.is_set()
