"""What `serve` asks of the HTTP server itself, seen over a real connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.__main__ import server_config
from app.web.middleware import Envelope

SECONDS = 10.0
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"


class Waiting:
    """An application that answers nothing and notes when its client has gone."""

    server: uvicorn.Server

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.left = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.asked.set()
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()


@pytest.fixture
def app() -> Waiting:
    return Waiting()


@pytest.fixture
def client(app: Waiting) -> Iterator[socket.socket]:
    """A connection to a server of `app`."""
    config = server_config(Envelope(app))
    config.lifespan = "off"
    server = app.server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        with socket.create_connection(listener.getsockname(), timeout=SECONDS) as connection:
            yield connection
        server.should_exit = True
        thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_header_without_end_is_refused(client: socket.socket) -> None:
    client.sendall(HEAD + b"X-Long: " + b"x" * 2**17)
    assert client.recv(16).startswith(b"HTTP/1.1 400")


def test_a_client_that_leaves_is_noticed_although_it_had_asked_for_more(client: socket.socket, app: Waiting) -> None:
    client.sendall((HEAD + b"\r\n") * 3)
    assert app.asked.wait(SECONDS)
    client.close()
    assert app.left.wait(SECONDS)


def test_a_server_that_stops_tells_those_whom_it_keeps_waiting(client: socket.socket, app: Waiting) -> None:
    client.sendall(HEAD + b"\r\n")
    assert app.asked.wait(SECONDS)
    app.server.should_exit = True
    assert b" 503 " in client.recv(64)
