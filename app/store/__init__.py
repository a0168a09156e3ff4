"""What outlives a request: finished runs, in an embedded SQLite database. Server side."""

from app.store.runs import RunStore, StoreBroken

__all__ = ["RunStore", "StoreBroken"]
