"""What the store promises: runs come back as they were, the oldest go first, damage is told."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from app.errors import NotKept
from app.run import Output, Picture, Run, Timings, Versions
from app.settings import Settings
from app.store import RunStore, StoreBroken

pytestmark = pytest.mark.anyio

Open = Callable[[Settings], Awaitable[RunStore]]


def run(name: str, text: str = "") -> Run:
    return Run(
        id=name,
        status="ok",
        code="x = '\u2028é'",
        seed=0,
        versions=Versions(),
        timings=Timings(),
        limits={"wall_seconds": 10.0},
        output=Output(text=text),
        picture=Picture(graph=0, svg="<svg/>", drawn=1, total=1),
    )


@pytest.fixture
async def opened(anyio_backend: str) -> AsyncIterator[Open]:
    async with AsyncExitStack() as closing:

        async def opened_store(settings: Settings) -> RunStore:
            store = RunStore(settings)
            await store.start()
            closing.push_async_callback(store.close)
            return store

        yield opened_store


@pytest.mark.parametrize("kept_in", ["memory", "file"])
async def test_a_run_comes_back_as_it_was(opened: Open, tmp_path: Path, kept_in: str) -> None:
    store = await opened(Settings(data_dir=tmp_path / "new" if kept_in == "file" else None))
    await store.put(run("a"))
    assert await store.get("a") == run("a")


@pytest.mark.parametrize("name", ["", "b", "a' OR 1=1", "\0", "x" * 10_000])
async def test_an_unknown_run_is_not_kept(opened: Open, name: str) -> None:
    store = await opened(Settings())
    await store.put(run("a"))
    with pytest.raises(NotKept):
        await store.get(name)
    with pytest.raises(NotKept):
        await store.forget(name)


async def test_a_forgotten_run_is_gone(opened: Open) -> None:
    store = await opened(Settings())
    await store.put(run("a"))
    await store.forget("a")
    with pytest.raises(NotKept):
        await store.get("a")


async def test_the_oldest_run_goes_when_there_are_too_many(opened: Open) -> None:
    store = await opened(Settings(keep_runs=2))
    for name in "abc":
        await store.put(run(name))
    assert [await kept(store, name) for name in "abc"] == [False, True, True]


async def test_the_oldest_runs_go_when_all_are_too_large(opened: Open) -> None:
    store = await opened(Settings(keep_bytes=2**20))
    for name in "abc":
        await store.put(run(name, incompressible(1_400_000)))
    assert [await kept(store, name) for name in "abc"] == [False, False, True]


async def test_a_run_larger_than_all_the_room_leaves_the_others_alone(opened: Open) -> None:
    store = await opened(Settings(keep_bytes=2**20))
    await store.put(run("small"))
    await store.put(run("huge", incompressible(3_000_000)))
    assert [await kept(store, name) for name in ("small", "huge")] == [True, False]


async def test_nothing_is_kept_when_the_setting_says_so(opened: Open) -> None:
    store = await opened(Settings(keep_runs=0))
    await store.put(run("a"))
    assert not await kept(store, "a")


async def test_a_file_outlives_the_process_that_wrote_it(opened: Open, tmp_path: Path) -> None:
    first = await opened(Settings(data_dir=tmp_path))
    await first.put(run("a"))
    await first.close()
    assert await kept(await opened(Settings(data_dir=tmp_path)), "a")


async def test_a_file_that_is_no_database_is_told_by_its_name(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "runs.sqlite3").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(StoreBroken, match=r"runs\.sqlite3.*Move the file away"):
        await opened(Settings(data_dir=tmp_path))


async def test_a_torn_file_is_told_by_its_name(opened: Open, tmp_path: Path) -> None:
    store = await opened(Settings(data_dir=tmp_path))
    for number in range(50):
        await store.put(run(str(number), incompressible(20_000)))
    await store.close()
    path = tmp_path / "runs.sqlite3"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(StoreBroken):
        await opened(Settings(data_dir=tmp_path))


async def test_a_folder_that_cannot_be_made_is_told(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreBroken):
        await opened(Settings(data_dir=tmp_path / "file"))


async def test_a_file_of_another_version_is_not_touched(opened: Open, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "runs.sqlite3") as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreBroken, match="another version"):
        await opened(Settings(data_dir=tmp_path))


async def test_one_damaged_run_is_as_if_it_were_not_kept(opened: Open, tmp_path: Path) -> None:
    store = await opened(Settings(data_dir=tmp_path))
    await store.put(run("a"))
    with sqlite3.connect(tmp_path / "runs.sqlite3") as database:
        database.execute("UPDATE runs SET json_zlib = x'00'")
    database.close()
    assert not await kept(store, "a")


async def test_many_at_once_get_in_each_others_way_not_at_all(opened: Open, tmp_path: Path) -> None:
    store = await opened(Settings(data_dir=tmp_path))
    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(store.put, run(str(number)))
    assert all([await kept(store, str(number)) for number in range(40)])


async def kept(store: RunStore, name: str) -> bool:
    try:
        await store.get(name)
    except NotKept:
        return False
    return True


def incompressible(size: int) -> str:
    """Compresses to half its size, no more."""
    return random.Random(0).randbytes(size // 2).hex()
