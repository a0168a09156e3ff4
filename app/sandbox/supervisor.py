"""The supervisor process: `python -m app.sandbox.supervisor --socket PATH`, or the child of a server.

Trusted, small, without torch. On its own it listens on a unix socket and reads its settings from the environment; as
the child of a server it is given both as arguments: a *door*, over which the server sends one end of a socket pair for
every conversation, and the options. When the door closes, the server is gone, and so is everything here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import socket
import stat
import sys
from pathlib import Path

import msgspec

from app.sandbox.options import SupervisorOptions, supervisor_options
from app.sandbox.records import CLOSE_ON_EXEC, STREAM_BUFFER_BYTES
from app.sandbox.service import Service

_LONGEST_SOCKET_PATH = 107
_BACKLOG = 128


class BadSocketPath(Exception):
    """The socket cannot be there; `str()` says why and what would do."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop or until the server is gone."""
    parser = argparse.ArgumentParser(prog="python -m app.sandbox.supervisor", description="Runs snippets, contained.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--socket", type=Path, help="unix socket to listen on; a stale one is replaced")
    where.add_argument("--door", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--group", help="group that may connect to the socket; nobody but this user otherwise")
    parser.add_argument("--options", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    options = _options(chosen.options)
    try:
        if chosen.socket:
            listener = listen(chosen.socket, chosen.group)
            asyncio.run(_serve_socket(options, listener))
        else:
            asyncio.run(_serve_door(options, socket.socket(fileno=chosen.door)))
    except BadSocketPath as exc:
        parser.error(str(exc))
    return 0


def _options(given: str | None) -> SupervisorOptions:
    if given is not None:
        return msgspec.json.decode(given, type=SupervisorOptions)
    from app.settings import Settings  # heavy, and not wanted in a server's child

    return supervisor_options(Settings())


def listen(path: Path, group: str | None = None) -> socket.socket:
    """A listening socket at `path` that only this user (or `group`) may connect to. Raises BadSocketPath."""
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise BadSocketPath(f"{path} is longer than the {_LONGEST_SOCKET_PATH} bytes that a unix socket may have")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        _bind_privately(listener, path)
        if group is not None:
            shutil.chown(path, group=int(group) if group.isdigit() else group)
            path.chmod(0o660)
    except (OSError, LookupError, BadSocketPath) as exc:
        listener.close()
        raise BadSocketPath(f"cannot listen on {path}: {exc}") from exc
    listener.listen(_BACKLOG)
    return listener


def _bind_privately(listener: socket.socket, path: Path) -> None:
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)


def _remove_stale(path: Path) -> None:
    """Remove the socket that a supervisor which is gone has left; refuse to replace anything else."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise BadSocketPath("it exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise BadSocketPath("another supervisor listens there")


async def _serve_socket(options: SupervisorOptions, listener: socket.socket) -> None:
    service = Service(options)
    stopped = _stop_event()
    service.start()
    server = await asyncio.start_unix_server(service.accept, sock=listener, limit=STREAM_BUFFER_BYTES)
    await stopped.wait()
    path = Path(listener.getsockname())
    server.close()
    path.unlink(missing_ok=True)
    await service.close()


async def _serve_door(options: SupervisorOptions, door: socket.socket) -> None:
    service = Service(options)
    stopped = _stop_event()
    door.setblocking(False)
    os.set_inheritable(door.fileno(), False)
    guests: set[asyncio.Task[None]] = set()
    asyncio.get_running_loop().add_reader(door, _receive_guests, door, service, stopped, guests)
    service.start()
    await stopped.wait()
    await service.close()


def _receive_guests(
    door: socket.socket, service: Service, stopped: asyncio.Event, guests: set[asyncio.Task[None]]
) -> None:
    """Take the sockets that the server passed in; the end of the door is the end of the server."""
    try:
        data, descriptors, _, _ = socket.recv_fds(door, 64, 32, CLOSE_ON_EXEC)
    except BlockingIOError:
        return
    except OSError:
        data, descriptors = b"", []
    for descriptor in descriptors:
        task = asyncio.ensure_future(_welcome(socket.socket(fileno=descriptor), service))
        guests.add(task)
        task.add_done_callback(guests.discard)
    if not data:
        asyncio.get_running_loop().remove_reader(door)
        stopped.set()


async def _welcome(guest: socket.socket, service: Service) -> None:
    guest.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=guest, limit=STREAM_BUFFER_BYTES)
    service.accept(reader, writer)


def _stop_event() -> asyncio.Event:
    """Set by the signals that ask for an orderly end."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


if __name__ == "__main__":
    sys.exit(main())
