"""Finished runs by id, within a number and a size; the oldest go first. SQLite in a file (WAL) or in memory.

Server side. All SQL runs in one worker thread at a time, so that a large run never holds up the event loop.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import anyio
import anyio.to_thread
import msgspec

from app.errors import AppError, NotKept
from app.run import Run
from app.settings import Settings

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, made_at REAL NOT NULL,
  size_bytes INTEGER NOT NULL, json_zlib BLOB NOT NULL
) STRICT;
"""
_SCHEMA_VERSION: Final = 1
_FILE_NAME: Final = "runs.sqlite3"
_LONGEST_ID: Final = 64

T = TypeVar("T")


class StoreBroken(AppError):
    """The database file cannot be used; `detail` names it and says why. Raised at start only."""

    code = "internal"


class RunStore:
    """Keeps at most `settings.keep_runs` runs of together `settings.keep_bytes` (compressed)."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_dir / _FILE_NAME if settings.data_dir else None
        self._most_runs = settings.keep_runs
        self._most_bytes = settings.keep_bytes
        self._database: sqlite3.Connection | None = None
        self._lock = anyio.Lock()
        self._decoder = msgspec.json.Decoder(Run)

    async def start(self) -> None:
        """Opens the database, making it when there is none. Raises StoreBroken."""
        self._database = await anyio.to_thread.run_sync(_open, self._path)

    async def close(self) -> None:
        async with self._lock:
            if self._database is not None:
                await anyio.to_thread.run_sync(self._database.close)
            self._database = None

    async def put(self, run: Run) -> None:
        """Keeps `run`; older runs make room for it. One that alone is larger than all the room is not kept."""
        await self._in_thread(lambda database: self._put(database, run))

    async def get(self, run_id: str) -> Run:
        """The run as it was put. Raises NotKept."""
        return await self._in_thread(lambda database: self._get(database, run_id))

    async def forget(self, run_id: str) -> None:
        """Raises NotKept when there was no such run."""
        await self._in_thread(lambda database: _forget(database, run_id))

    async def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        async with self._lock:
            if self._database is None:
                raise RuntimeError("the store is used before start or after close")
            return await anyio.to_thread.run_sync(work, self._database)

    def _put(self, database: sqlite3.Connection, run: Run) -> None:
        blob = zlib.compress(msgspec.json.encode(run), 1)
        if len(blob) > self._most_bytes or not self._most_runs:
            return
        with database:
            database.execute(
                "INSERT INTO runs (id, made_at, size_bytes, json_zlib) VALUES (?, ?, ?, ?)",
                (run.id, time.time(), len(blob), blob),
            )
            self._make_room(database)

    def _make_room(self, database: sqlite3.Connection) -> None:
        """Removes the oldest runs until both bounds hold."""
        count, size = database.execute("SELECT count(*), coalesce(sum(size_bytes), 0) FROM runs").fetchone()
        while count > self._most_runs or size > self._most_bytes:
            number, freed = database.execute("SELECT number, size_bytes FROM runs ORDER BY number LIMIT 1").fetchone()
            database.execute("DELETE FROM runs WHERE number = ?", (number,))
            count, size = count - 1, size - freed

    def _get(self, database: sqlite3.Connection, run_id: str) -> Run:
        if len(run_id) > _LONGEST_ID:
            raise NotKept
        row = database.execute("SELECT json_zlib FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise NotKept
        try:
            return self._decoder.decode(zlib.decompress(row[0]))
        except (zlib.error, msgspec.MsgspecError) as exc:
            # Damaged, or written by a version whose runs had another shape: it cannot be shown any more.
            _forget(database, run_id)
            raise NotKept from exc


def _forget(database: sqlite3.Connection, run_id: str) -> None:
    with database:
        if database.execute("DELETE FROM runs WHERE id = ?", (run_id[: _LONGEST_ID + 1],)).rowcount == 0:
            raise NotKept


def _open(path: Path | None) -> sqlite3.Connection:
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        # One thread at a time by the lock of RunStore, not always the same one.
        database = sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=10)
    except (OSError, sqlite3.Error) as exc:
        raise StoreBroken(f"cannot open {path}: {exc}") from exc
    try:
        if path is not None:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            _check(database)
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"it was written by another version ({version}) of this program")
        database.executescript(_SCHEMA)
        database.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
    except sqlite3.Error as exc:
        database.close()
        raise StoreBroken(f"cannot use {path}: {exc}. Move the file away to start with an empty one.") from exc
    return database


def _check(database: sqlite3.Connection) -> None:
    found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))
