"""A zygote without torch and without walls, whose children misbehave on request: the code of a job names the misdeed.

Started by the tests in place of the jail: `fake_zygote.py FAULT FOLDER OPTIONS`. FAULT is something that the first
zygote to be started in FOLDER (or its second child) does wrong; later ones do their work.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from app.protocol import (
    FILE_LAYERS,
    FORK,
    FRAME,
    FRAME_MAGIC,
    REQUIRED_LAYERS,
    Confined,
    Finished,
    GraphCaptured,
    Progress,
    ZygoteForked,
    ZygoteReady,
    ZygoteReaped,
    decode_job,
    encode,
    frame,
)
from app.run import Edge, Graph, Versions
from app.sandbox.canaries import CANARIES

LAYERS = (*REQUIRED_LAYERS, FILE_LAYERS[0])
SECOND_CHILD = 1


def main() -> None:
    fault = sys.argv[1] if first_in(Path(sys.argv[2])) else ""
    control = socket.socket(fileno=3)
    misboot(fault, control)
    control.send(encode(ZygoteReady(pid=os.getpid(), boot_ms=0.0, versions=Versions(torch="0", python="0"))))
    control.setblocking(True)
    signal.signal(signal.SIGCHLD, lambda *_: reap(control))
    forks = 0
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 64, 3)
        if not data:
            os._exit(0)
        assert data == FORK
        assert len(descriptors) == 3
        serve_fork(control, descriptors, fault if forks == SECOND_CHILD or "any child" in fault else "")
        forks += 1


def first_in(folder: Path) -> bool:
    try:
        (folder / "started").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def misboot(fault: str, control: socket.socket) -> None:
    if fault == "dies before ready":
        print("ModuleNotFoundError: No module named 'torch'", file=sys.stderr)
        os._exit(1)
    if fault == "garbage for ready":
        control.send(b"\xff not json")
    if fault == "never ready":
        signal.pause()


def serve_fork(control: socket.socket, descriptors: list[int], fault: str) -> None:
    if fault == "zygote dies at a fork":
        os._exit(1)
    if fault == "zygote freezes at a fork":
        while True:
            signal.pause()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        live(*descriptors, fault)
    handle = os.pidfd_open(pid)
    socket.send_fds(control, [encode(ZygoteForked(pid))], [handle])
    for descriptor in (handle, *descriptors):
        os.close(descriptor)


def reap(control: socket.socket) -> None:
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        control.send(encode(ZygoteReaped(pid, status, 0, usage.ru_utime + usage.ru_stime)))


def live(job_pipe: int, output: int, result: int, fault: str) -> NoReturn:
    misconfine(fault, result)
    signal.signal(signal.SIGUSR1, lambda *_: leave(result, stopped=True))
    without = "seccomp" if fault == "no seccomp in any child" else "uid" if fault == "a layer is missing" else ""
    say(result, frame(Confined(tuple(layer for layer in LAYERS if layer != without))))
    with os.fdopen(job_pipe, "rb") as source:
        data = source.read()
    job = decode_job(data[FRAME.size :]) if data else os._exit(0)
    if "canary" in job.code:
        lines = [f"canary {layer} {name} held\n" for layer, name in CANARIES]
        say(output, "".join(lines).encode())
        leave(result)
    say(output, f"{os.getpid()} {os.getppid()}\n".encode())
    MISDEEDS[job.code](output, result)
    leave(result)


def misconfine(fault: str, result: int) -> None:
    if fault == "child dies before confined":
        os._exit(8)
    if fault == "child never confined":
        signal.pause()
    if fault == "garbage for confined":
        say(result, b"GET / HTTP/1.1\r\n\r\n")
        signal.pause()
    if fault == "finished before confined":
        say(result, frame(Finished()))
        signal.pause()


def leave(result: int, stopped: bool = False) -> NoReturn:
    say(result, frame(Finished(stopped=stopped, last_line=1)))
    os._exit(0)


def say(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def payload(data: bytes) -> bytes:
    return FRAME.pack(FRAME_MAGIC, len(data)) + data


def hang() -> NoReturn:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    while True:
        signal.pause()


def spin() -> NoReturn:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    while True:
        pass


def nothing(output: int, result: int) -> None:
    pass


def hello(output: int, result: int) -> None:
    say(output, b"hello\n")
    say(result, frame(Progress(line=1)) + frame(GraphCaptured(Graph(id=0, kind="backward", nodes=(), edges=()))))


def half_a_header(output: int, result: int) -> None:
    say(result, FRAME_MAGIC + b"\x01")
    os._exit(3)


def half_a_frame(output: int, result: int) -> None:
    say(result, FRAME.pack(FRAME_MAGIC, 1000) + b"{")
    os._exit(3)


def wrong_magic(output: int, result: int) -> None:
    say(result, b"NOPE" + bytes(1000))
    hang()


def huge_length(output: int, result: int) -> None:
    say(result, FRAME.pack(FRAME_MAGIC, 0xFFFFFFFF))
    hang()


def wrong_shape(output: int, result: int) -> None:
    say(result, payload(b'{"type":"graph","graph":{"id":0,"kind":"backward","nodes":{},"edges":[]}}'))
    hang()


def not_a_number(output: int, result: int) -> None:
    say(result, payload(b'{"type":"finished","run_ms":NaN}'))
    hang()


def deep_nesting(output: int, result: int) -> None:
    say(result, payload(b'{"type":"graph","graph":' + b"[" * 1_000_000))
    hang()


def loose_edge(output: int, result: int) -> None:
    graph = Graph(id=0, kind="live", nodes=(), edges=(Edge(source=1, target=2),))
    say(result, frame(GraphCaptured(graph)))
    hang()


def slow_drip(output: int, result: int) -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    for byte in frame(Finished()) * 1000:
        say(result, bytes([byte]))
        time.sleep(0.02)


def finished_then_hang(output: int, result: int) -> None:
    say(result, frame(Finished()))
    hang()


def finished_twice(output: int, result: int) -> None:
    say(result, frame(Finished(last_line=1)) + frame(Finished(last_line=2)))


def data_after_finished(output: int, result: int) -> None:
    say(result, frame(Finished()) + bytes(1000))


def flood_of_output(output: int, result: int) -> None:
    while True:
        say(output, b"x" * 65536)


def a_little_too_much_output(output: int, result: int) -> None:
    say(output, b"x" * 2048)


def flood_of_frames(output: int, result: int) -> None:
    while True:
        say(result, frame(Progress(line=1)) * 100)


def too_large_a_result(output: int, result: int) -> None:
    while True:
        say(result, payload(b'{"type":"progress","line":1' + b" " * 100_000 + b"}"))


def closes_result_and_spins(output: int, result: int) -> None:
    os.close(result)
    spin()


def ignores_the_stop(output: int, result: int) -> None:
    spin()


def obeys_the_stop(output: int, result: int) -> None:
    while True:
        signal.pause()


def stops_itself(output: int, result: int) -> None:
    leave(result, stopped=True)


def finished_never(output: int, result: int) -> None:
    spin()


def exits(output: int, result: int) -> None:
    os._exit(0)


def dies_of_a_signal(output: int, result: int) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def is_killed(output: int, result: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def runs_out_of_cpu(output: int, result: int) -> None:
    os.kill(os.getpid(), signal.SIGXCPU)


def kills_its_zygote(output: int, result: int) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    spin()


MISDEEDS = {
    name: value
    for name, value in globals().items()
    if callable(value) and getattr(value, "__annotations__", {}).keys() == {"output", "result", "return"}
}

if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the supervisor is gone
        main()
