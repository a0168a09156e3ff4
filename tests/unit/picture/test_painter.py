"""The door of the room: whatever happens to Graphviz, a run gets its picture."""

import asyncio
from xml.etree import ElementTree

import pytest

from app.errors import NoGraph, PictureTooLarge
from app.picture import Painter, View
from app.picture.engine import Engine, bundled_dot, installed_dot
from app.run import Edge
from app.settings import Settings
from tests.unit.picture import made_runs as made
from tests.unit.picture.test_layout import script

pytestmark = pytest.mark.anyio


async def painted(run, engine, view=None, **settings):
    painter = Painter(Settings(**settings), engine)
    await painter.start()
    try:
        return await painter.draw(run, view)
    finally:
        await painter.close()


def any_engine():
    engine = installed_dot() or bundled_dot()
    assert engine is not None
    return engine


async def test_a_run_becomes_a_picture():
    picture = await painted(made.detached(), any_engine())
    assert (picture.graph, picture.drawn, picture.total, picture.simplified, picture.note) == (0, 7, 7, False, None)
    assert picture.svg.startswith("<svg ")


async def test_equal_runs_give_equal_pictures():
    painter = Painter(Settings(), any_engine())
    await painter.start()
    try:
        pictures = [await painter.draw(made.everything()) for _ in range(3)]
    finally:
        await painter.close()
    assert pictures[0] == pictures[1] == pictures[2]


async def test_many_pictures_at_once():
    painter = Painter(Settings(), any_engine())
    await painter.start()
    try:
        pictures = await asyncio.gather(*(painter.draw(made.mlp(3), View(direction=way)) for way in ("TB", "LR") * 4))
    finally:
        await painter.close()
    assert len({picture.svg for picture in pictures}) == 2


@pytest.mark.parametrize(
    ("engine", "note"),
    [
        (script("while True: pass"), "layout_timeout"),
        (script("import sys; sys.exit(1)"), "layout_failed"),
        (script("print('<svg/>')"), "layout_failed"),
        (Engine("gone", "0", ("/nonexistent/dot",)), "layout_failed"),
    ],
    ids=["hangs", "fails", "says nothing", "is gone"],
)
async def test_when_graphviz_fails_a_plainer_drawing_has_to_do(engine, note):
    picture = await painted(made.everything(), engine, layout_seconds=1.0)
    assert (picture.simplified, picture.note) == (True, note)
    nodes = [each for each in ElementTree.fromstring(picture.svg).iter() if each.get("role") == "button"]
    assert len(nodes) == 11


async def test_without_any_graphviz_the_drawing_is_plain(monkeypatch):
    monkeypatch.setattr("app.picture.painter.find_engine", lambda: None)
    picture = await painted(made.everything(), None)
    assert (picture.simplified, picture.note) == (True, "graphviz_missing")


async def test_a_long_chain_is_cut_to_the_setting():
    picture = await painted(made.chain(10_000), any_engine(), drawn_nodes=50)
    assert (picture.drawn, picture.total, picture.simplified, picture.note) == (50, 10_000, False, "too_large")


async def test_nothing_to_draw_is_an_error_of_the_picture():
    with pytest.raises(NoGraph):
        await painted(made.run_of(), any_engine())


async def test_more_edges_than_anyone_could_see_are_refused():
    nodes = [made.op(index, "Mul") for index in range(40)]
    edges = [Edge(a, b) for a in range(40) for b in range(a)]
    with pytest.raises(PictureTooLarge):
        await painted(made.run_of(made.graph(nodes, edges, 39)), any_engine(), drawn_nodes=30)


async def test_a_cancelled_drawing_leaves_no_process_behind():
    painter = Painter(Settings(), script("while True: pass"))
    await painter.start()
    child = await painter._graphviz._spare
    drawing = asyncio.create_task(painter.draw(made.everything()))
    while painter._graphviz._spare is not None:
        await asyncio.sleep(0)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    await asyncio.wait_for(child._process.wait(), 10)
    await painter.close()
