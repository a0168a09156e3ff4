"""What stands behind an operation: earlier ones that were not recorded, and the leaves behind recorded ones.

Inside the sandbox. Without recursion; stops after `MOST_EVENTS`.
"""

from __future__ import annotations

from app.worker.events import Event
from app.worker.tensors import Seen

MOST_EVENTS = 500


def drawn(event: Event) -> bool:
    """Whether an unrecorded operation is a node: it took tensors in, or values that left some."""
    return not event.recorded and bool(event.ins or event.left)


def inputs(events: list[Event], wanted: bool) -> list[Seen]:
    """What went into `events` and required grad, or did not."""
    return [seen for e in events for seen, required in zip(e.ins, e.wanted, strict=False) if required is wanted]


def ancestry(tops: list[Event]) -> list[Event]:
    """`tops` and the unrecorded operations behind them, nearest first."""
    found = {e.number: e for e in tops}
    pending = list(tops)
    for event in pending:  # grows while we go
        for earlier in (*(seen.event for seen in inputs([event], wanted=False)), *event.left):
            if earlier is None or earlier.number in found or len(found) >= MOST_EVENTS:
                continue
            if earlier.number < event.number and drawn(earlier):
                found[earlier.number] = earlier
                pending.append(earlier)
    return pending


def leaves(tensors: list[Seen]) -> list[Seen]:
    """The leaves that tensors which require grad were computed from, nearest first."""
    pending = list(dict.fromkeys(tensors))
    visited = {seen.serial for seen in pending}
    found: list[Seen] = []
    for seen in pending:  # grows while we go
        if seen.event is None or not seen.event.recorded:
            found.append(seen)
            continue
        for source, wanted in zip(seen.event.ins, seen.event.wanted, strict=False):
            if wanted and source.serial not in visited and len(pending) <= MOST_EVENTS:
                visited.add(source.serial)
                pending.append(source)
    return found
