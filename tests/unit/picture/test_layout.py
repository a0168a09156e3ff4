"""The Graphviz child: limited, timed, killed whole, its answer read with suspicion."""

import asyncio
import math
import sys

import pytest

from app.errors import LayoutTimeout, PictureError, PictureTooLarge
from app.picture import layout as layouts
from app.picture.engine import Engine, bundled_dot, find_engine, installed_dot
from app.picture.fold import fold
from app.picture.layout import Child, Graphviz, parse
from app.picture.plain import plain_layout
from app.picture.view import View
from tests.unit.picture import made_runs as made

pytestmark = pytest.mark.anyio
MEMORY_BYTES = 512 * 2**20


def script(code):
    """An engine that runs `code` instead of Graphviz."""
    return Engine("script", "0", (sys.executable, "-I", "-c", code))


def drawing(run=None, **view):
    return fold(run or made.everything(), View(**view), 1500)


async def answer(code, seconds=20.0):
    child = await Child.start(script(code), seconds, MEMORY_BYTES)
    try:
        return await child.answer("digraph{}", seconds)
    finally:
        await child.kill()
        assert not child.alive


@pytest.mark.parametrize("find", [installed_dot, bundled_dot], ids=["dot", "wheel"])
@pytest.mark.parametrize("direction", ["TB", "LR"])
async def test_both_graphvizes_place_every_box_and_route_every_edge(find, direction):
    engine = find()
    if engine is None:
        pytest.skip("this Graphviz is not installed")
    graphviz = Graphviz(engine, 20, MEMORY_BYTES)
    shown = drawing(direction=direction)
    try:
        placed = await graphviz.layout(shown)
    finally:
        await graphviz.close()
    assert_sound(shown, placed)
    along = 1 if direction == "TB" else 0
    for edge in shown.edges:
        assert placed.centres[edge.source][along] < placed.centres[edge.target][along]


@pytest.mark.parametrize("run", [made.everything(), made.recurrent(40), made.mlp(20), made.chain(300)])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_the_plain_layout_places_every_box_without_overlap(run, direction):
    shown = drawing(run, direction=direction)
    assert_sound(shown, plain_layout(shown))


def assert_sound(shown, placed):
    boxes = [
        (x - node.width / 2, y - node.height / 2, x + node.width / 2, y + node.height / 2)
        for node, (x, y) in zip(shown.nodes, placed.centres, strict=True)
    ]
    for at, a in enumerate(boxes):
        assert all(math.isfinite(side) for side in a)
        for b in boxes[:at]:
            assert a[0] >= b[2] - 1 or b[0] >= a[2] - 1 or a[1] >= b[3] - 1 or b[1] >= a[3] - 1
    assert len(placed.curves) == len(shown.edges)
    for edge, curve in zip(shown.edges, placed.curves, strict=True):
        assert len(curve) % 3 == 1
        for end, node in ((curve[0], edge.source), (curve[-1], edge.target)):
            left, top, right, bottom = boxes[node]
            assert left - 3 <= end[0] <= right + 3
            assert top - 3 <= end[1] <= bottom + 3


async def test_a_cycle_does_not_stop_the_plain_layout():
    nodes = [made.op(0, "A"), made.op(1, "B")]
    run = made.run_of(made.graph(nodes, [made.flow(0, 1), made.flow(1, 0)], 0))
    assert len(plain_layout(drawing(run)).centres) == 2


async def test_a_layout_that_takes_too_long_is_killed():
    with pytest.raises(LayoutTimeout) as caught:
        await answer("while True: pass", seconds=0.2)
    assert caught.value.limit == 0.2


async def test_what_the_layout_program_started_is_killed_with_it():
    child = await Child.start(
        script("import os, signal; os.fork(); print('forked', flush=True); signal.pause()"), 20, MEMORY_BYTES
    )
    output = child._process.stdout
    assert await asyncio.wait_for(output.readline(), 20) == b"forked\n"
    await child.kill()
    assert (await asyncio.wait_for(output.read(), 20)).replace(
        b"forked\n", b""
    ) == b""  # nobody holds the pipe any more


async def test_memory_is_limited():
    with pytest.raises(PictureError, match="status"):
        await answer("x = bytearray(4 * 2**30)")


async def test_processor_time_is_limited():
    said = await answer("import resource; print(*resource.getrlimit(resource.RLIMIT_CPU))", seconds=7.0)
    assert said.split() == ["8", "8"]


async def test_no_file_can_be_written(tmp_path):
    file = tmp_path / "file"
    code = f"import os; os.write(os.open({str(file)!r}, os.O_CREAT | os.O_WRONLY), b'x')"
    with pytest.raises(PictureError):
        await answer(code)
    assert file.stat().st_size == 0


async def test_the_child_has_no_environment(monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    assert "SECRET" not in await answer("import os; print(dict(os.environ))")


async def test_too_much_output_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(layouts, "_OUTPUT_BYTES", 2**16)
    with pytest.raises(PictureTooLarge):
        await answer("import sys\nwhile True: sys.stdout.write('x' * 65536)")


async def test_a_program_that_reads_nothing_and_dies_is_an_error_of_ours():
    with pytest.raises(PictureError):
        await answer("import os; os.close(0); os._exit(3)")


async def test_a_spare_that_died_is_replaced():
    engine = installed_dot() or bundled_dot()
    graphviz = Graphviz(engine, 20, MEMORY_BYTES)
    await graphviz.start()
    try:
        await (await graphviz._spare).kill()
        assert_sound(drawing(), await graphviz.layout(drawing()))
    finally:
        await graphviz.close()


@pytest.mark.parametrize(
    "svg",
    [
        "",
        "<svg/>",
        '<g id="n0" class="node"><title>0</title><polygon points="nan,nan"/></g>',
        '<g id="n99" class="node"><title>0</title><polygon points="0,0 1,1"/></g>',
    ],
)
async def test_an_answer_without_every_box_is_refused(svg):
    with pytest.raises(PictureError, match="placed 0 of 1"):
        parse(svg, 1, 0)


def test_dot_on_path_is_preferred_then_the_wheel_then_none(monkeypatch, tmp_path):
    monkeypatch.setattr("app.picture.engine.installed_dot", lambda: script("1"))
    monkeypatch.setattr("app.picture.engine.bundled_dot", lambda: script("2"))
    assert find_engine() == script("1")
    monkeypatch.setattr("app.picture.engine.installed_dot", lambda: None)
    assert find_engine() == script("2")


def test_a_broken_dot_on_path_counts_as_none(monkeypatch, tmp_path):
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed_dot() is None
