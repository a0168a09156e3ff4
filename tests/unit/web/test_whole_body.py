"""Bodies are read whole and within bounds, whatever the client does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from app.web.middleware import WholeBody

pytestmark = pytest.mark.anyio

DISCONNECT: Message = {"type": "http.disconnect"}


def chunk(size: int, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


class Asked:
    """The application below: notes what reaches it."""

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.then: Message | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.body = (await receive())["body"]
        self.then = await receive()


async def ask(app: WholeBody, messages: Sequence[Message], **headers: str) -> tuple[list[Message], int]:
    waiting, sent = list(messages), []

    async def receive() -> Message:
        if not waiting:
            await anyio.sleep_forever()
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/x", "headers": pairs}
    with anyio.fail_after(10):
        await app(scope, receive, send)
    return sent, len(waiting)


async def test_chunks_arrive_in_one_piece_and_then_the_disconnect() -> None:
    asked = Asked()
    await ask(WholeBody(asked, limit_bytes=9), [chunk(4), chunk(5, more=False), DISCONNECT])
    assert (asked.body, asked.then) == (b"x" * 9, DISCONNECT)


async def test_a_body_over_the_limit_never_reaches_the_application() -> None:
    asked = Asked()
    sent, unread = await ask(WholeBody(asked, limit_bytes=9), [chunk(5), chunk(5), chunk(5, more=False)])
    assert (asked.body, sent[0]["status"], unread) == (None, 413, 0)


async def test_a_body_that_never_ends_is_given_up() -> None:
    asked = Asked()
    sent, _ = await ask(WholeBody(asked, limit_bytes=9, seconds=0.01), [chunk(1)])
    assert (asked.body, sent[0]["status"]) == (None, 408)


async def test_a_client_that_waits_for_leave_is_refused_before_it_sends() -> None:
    sent, unread = await ask(WholeBody(Asked(), limit_bytes=9), [chunk(10), chunk(10)], expect="100-continue")
    assert (sent[0]["status"], unread) == (413, 1)


async def test_a_client_that_leaves_half_way_is_let_go() -> None:
    asked = Asked()
    sent, _ = await ask(WholeBody(asked, limit_bytes=9), [chunk(1), DISCONNECT])
    assert (asked.body, sent) == (None, [])


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
async def test_an_encoded_body_is_refused(encoding: str) -> None:
    sent, _ = await ask(WholeBody(Asked(), limit_bytes=9), [chunk(1, more=False)], content_encoding=encoding)
    assert sent[0]["status"] == 415
