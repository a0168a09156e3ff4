"""How jails, zygotes and children come, stop and end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest

from app.protocol import FILE_LAYERS, FRAME, REQUIRED_LAYERS, JailOptions, Limits, ZygoteFailed, decode_from_zygote
from tests.sandbox.inside.conftest import LIMITS
from tests.sandbox.inside.driver import Jail

SPIN = """import torch
x = torch.ones(2, requires_grad=True)
y = x * 3
print('spinning', flush=True)
while True:
    pass"""


def test_a_child_names_every_required_layer(any_jail: Jail):
    layers = any_jail.run("pass").layers
    assert set(REQUIRED_LAYERS) <= set(layers)
    assert len(set(FILE_LAYERS) & set(layers)) == 1


def test_a_whole_jail_has_all_namespaces_and_a_scratch_folder(jail: Jail):
    assert {"namespaces:mount", "namespaces:net", "namespaces:pid", "scratch"} <= set(jail.run("pass").layers)


def test_a_child_asked_to_stop_tells_what_it_has(any_jail: Jail):
    child = any_jail.fork()
    child.give(SPIN, any_jail.limits)
    child.listen(_soon(), enough=lambda: b"spinning" in child.said[child.output])
    child.signal(signal.SIGUSR1)
    outcome = any_jail.finish(child)
    assert outcome.finished.stopped
    assert outcome.finished.last_line in (4, 5, 6)
    assert [tensor.names[0] for tensor in outcome.finished.tensors] == ["x", "y"]


def test_processor_time_is_limited_and_the_child_tells_before_it_dies():
    jail = Jail(JailOptions(limits=Limits(cpu_seconds=1)))
    outcome = jail.run(SPIN)
    jail.close()
    assert outcome.finished.stopped


def test_a_child_that_ignores_all_signals_dies_at_the_hard_limit():
    jail = Jail(JailOptions(limits=Limits(cpu_seconds=1)))
    code = "import signal\nfor number in set(range(1, 64)) - {9, 19, 32, 33}:\n    signal.signal(number, 1)\n"
    outcome = jail.run(code + "while True:\n    pass")
    jail.close()
    assert os.WTERMSIG(outcome.status) == signal.SIGKILL


def test_a_child_nobody_needs_ends_when_its_pipe_does(any_jail: Jail):
    child = any_jail.fork()
    os.close(child.job)
    child.job = -1
    assert any_jail.finish(child).status == 0


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", FRAME.pack(b"AGX1", 2**32 - 1), FRAME.pack(b"AGX1", 2) + b"{}"]
)
def test_a_child_runs_nothing_but_a_job(any_jail: Jail, garbage: bytes):
    child = any_jail.fork()
    os.write(child.job, garbage)
    assert os.WEXITSTATUS(any_jail.finish(child).status) == 10


def test_all_children_die_with_the_zygote():
    jail = Jail(JailOptions(limits=LIMITS))
    child = jail.fork()
    child.give(SPIN, LIMITS)
    child.listen(_soon(), enough=lambda: b"spinning" in child.said[child.output])
    jail.close()
    child.listen(_soon())  # its pipes end
    child.close()


def test_all_die_with_the_jail():
    jail = Jail(JailOptions(limits=LIMITS))
    child = jail.fork()
    child.listen(_soon(), enough=lambda: child.said[child.result])
    jail.process.kill()
    child.listen(_soon())
    child.close()
    jail.close()


def test_the_zygote_refuses_anything_but_a_fork():
    jail = Jail(JailOptions(limits=LIMITS, namespaces=False))
    jail.control.send(b"exec")
    answer, _, _, _ = socket.recv_fds(jail.control, 65536, 1)
    jail.close()
    assert isinstance(decode_from_zygote(answer), ZygoteFailed)


def test_the_supervisor_sees_the_zygote_under_the_pid_it_names(jail: Jail):
    assert "app.worker.zygote" in Path(f"/proc/{jail.ready.pid}/cmdline").read_text()


def test_a_chain_too_deep_for_a_common_stack_is_freed(any_jail: Jail):
    code = (
        "import torch\nx = torch.ones(1, requires_grad=True)\ny = x\nfor _ in range(60_000):\n    y = y + 1\n"
        "node, kept = y.grad_fn, []\nwhile node is not None:\n    kept.append(node)\n"
        "    node = node.next_functions[0][0] if node.next_functions else None\ndel kept, node, y\nprint('freed')"
    )
    assert any_jail.run(code).output == "freed\n"


def test_asyncio_and_threads_work(any_jail: Jail):
    code = (
        "import asyncio, threading, torch\nasync def one():\n    await asyncio.sleep(0)\n    return 1\n"
        "print(asyncio.run(one()))\nt = threading.Thread(target=print, args=('in a thread',))\nt.start()\nt.join()"
    )
    assert any_jail.run(code).output == "1\nin a thread\n"


def test_runs_are_alike_to_the_last_random_bit(any_jail: Jail):
    code = "import torch, random, numpy\nprint(torch.rand(1).item(), random.random(), numpy.random.rand(), hash('x'))"
    assert any_jail.run(code).output == any_jail.run(code).output


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
class TestWithFewerRights:
    def test_root_without_the_power_to_mount_goes_on_without_namespaces(self):
        jail = Jail(JailOptions(limits=LIMITS), prefix=("setpriv", "--bounding-set", "-sys_admin"))
        outcome = jail.run("import os\nprint(os.getuid())")
        jail.close()
        assert jail.ready.namespaces == ()
        assert outcome.output != "0\n"

    def test_root_that_cannot_become_another_user_is_refused(self):
        jail = Jail(JailOptions(limits=LIMITS), prefix=("setpriv", "--bounding-set", "-setuid"))
        jail.close()
        assert isinstance(jail.first, ZygoteFailed)
        assert "root" in jail.first.detail

    def test_an_operator_can_accept_that_knowingly(self):
        options = JailOptions(limits=LIMITS, trusted_local=True, namespaces=False)
        jail = Jail(options, prefix=("setpriv", "--bounding-set", "-setuid"))
        layers = jail.run("pass").layers
        jail.close()
        assert "uid" not in layers
        assert "seccomp" in layers


def _soon() -> float:
    return time.monotonic() + 30
