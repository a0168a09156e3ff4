"""One named attack per test, against every kind of real jail. Each must fail, and the next run must work."""

from __future__ import annotations

import os
import signal

import pytest

from app.sandbox.canaries import CANARIES, CANARY_SNIPPET
from tests.sandbox.inside.driver import Jail

REFUSED = {"PermissionError", "ValueError", "FileNotFoundError", "OSError", "ModuleNotFoundError", "ImportError"}
LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
CLONE = LIBC + "clone = ctypes.c_long(56 if os.uname().machine == 'x86_64' else 220)\n"
RAISE = "\nif result < 0:\n    raise OSError(ctypes.get_errno(), 'refused')\n"

ATTACKS = {
    "fork": "import os\nos.fork()",
    "fork bomb": "import os\nwhile True:\n    os.fork()",
    "clone sharing memory, as vfork does": CLONE + "result = libc.syscall(clone, 0x4111, 0, 0, 0, 0)" + RAISE,
    "clone without thread": CLONE + "result = libc.syscall(clone, 17, 0, 0, 0, 0)" + RAISE,
    "clone3": LIBC + "result = libc.syscall(ctypes.c_long(435), ctypes.create_string_buffer(88), 88)" + RAISE,
    "subprocess": "import subprocess\nsubprocess.run(['/bin/true'])",
    "exec": "import os\nos.execv('/bin/true', ['true'])",
    "exec by libc": LIBC + "result = libc.execve(b'/bin/true', None, None)" + RAISE,
    "worker process": "import torch.multiprocessing as mp\nmp.get_context('fork').Process(target=print).start()",
    "internet socket": "import socket\nsocket.socket()",
    "unix socket": "import socket\nsocket.socket(socket.AF_UNIX)",
    "vsock": "import socket\nsocket.socket(40, socket.SOCK_STREAM)",
    "read passwords": "open('/etc/passwd').read()",
    "read environment of the process": "open('/proc/self/environ').read()",
    "read environment of the parent": "import os\nopen(f'/proc/{os.getppid()}/environ').read()",
    "read memory": "open('/proc/self/mem', 'rb')",
    "list root": "import os\nos.listdir('/')",
    "climb out": "open('../../../etc/passwd')",
    "the server's code": "import app.settings",
    "the server's code, by path": "import app, os\nopen(os.path.join(os.path.dirname(app.__file__), 'settings.py'))",
    "write to /tmp": "open('/tmp/autograd-explorer-attack', 'w')",
    "write over a library": "import torch\nopen(torch.__file__, 'a')",
    "write over the worker": "import app.worker.child as c\nopen(c.__file__, 'a')",
    "truncate a library": "import os, torch\nos.truncate(torch.__file__, 0)",
    "device memory": "open('/dev/mem', 'rb')",
    "kill the parent": "import os\nos.kill(os.getppid(), 9)",
    "kill everybody": "import os\nos.kill(-1, 9)",
    "kill the group": "import os\nos.killpg(0, 9)",
    "limit the parent": "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))",
    "raise an own limit": "import resource\nresource.setrlimit(resource.RLIMIT_CORE, (1, 1))",
    "trace the parent": LIBC + "result = libc.ptrace(16, os.getppid(), 0, 0)" + RAISE,
    "new session": "import os\nos.setsid()",
    "new user namespace": LIBC + "result = libc.unshare(0x10000000)" + RAISE,
    "mount": LIBC + "result = libc.mount(b'none', b'/scratch', b'tmpfs', 0, None)" + RAISE,
    "become root": "import os\nos.setuid(0)",
    "clear the death signal": LIBC + "result = libc.prctl(1, 0, 0, 0, 0)" + RAISE,
    "be dumpable": LIBC + "result = libc.prctl(4, 1, 0, 0, 0)" + RAISE,
    "anonymous file": "import os\nos.memfd_create('x')",
    "shared memory": "from multiprocessing.shared_memory import SharedMemory\nSharedMemory(create=True, size=100)",
    "io_uring": LIBC + "result = libc.syscall(ctypes.c_long(425), 1, ctypes.create_string_buffer(256))" + RAISE,
    "unknown call": LIBC + "result = libc.syscall(ctypes.c_long(999))" + RAISE,
    "grow a pipe": "import fcntl, os\nfcntl.fcntl(os.pipe()[0], 1031, 1 << 20)",
    "lock a file": "import fcntl\nfcntl.flock(1, fcntl.LOCK_EX)",
    "type into the terminal": "import fcntl\nfcntl.ioctl(1, 0x5412, b'x')",
}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_attack_is_refused(any_jail: Jail, name: str):
    error = any_jail.run(ATTACKS[name]).finished.error
    assert error is not None
    assert error.type in REFUSED, error


def test_every_canary_is_held(any_jail: Jail):
    lines = any_jail.run(CANARY_SNIPPET).output.splitlines()
    assert lines == [f"canary {layer} {name} held" for layer, name in CANARIES]


def test_foreign_calling_conventions_are_deadly(any_jail: Jail):
    """getpid through int 0x80: i386 numbers would mean other calls to the filter."""
    if os.uname().machine != "x86_64":
        pytest.skip("only x86_64 has them")
    code = (
        "import ctypes, mmap\npage = mmap.mmap(-1, 4096, prot=7)\npage.write(bytes.fromhex('b814000000cd80c3'))\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()"
    )
    assert os.WTERMSIG(any_jail.run(code).status) == signal.SIGSYS


def test_x32_calls_are_deadly(any_jail: Jail):
    if os.uname().machine != "x86_64":
        pytest.skip("only x86_64 has them")
    code = LIBC + "libc.syscall(ctypes.c_long(0x40000000 + 39))"
    assert os.WTERMSIG(any_jail.run(code).status) == signal.SIGSYS


def test_memory_bomb_is_a_clean_error_and_the_run_goes_on(any_jail: Jail):
    code = (
        "import torch\nfor size in (10**11, 10**18):\n    try:\n        torch.empty(size)\n    except RuntimeError:\n"
        "        print('refused')\nx = torch.ones(2, requires_grad=True)\nx.sum().backward()\nprint(x.grad)"
    )
    outcome = any_jail.run(code)
    assert outcome.finished.error is None
    assert outcome.output == "refused\nrefused\ntensor([1., 1.])\n"


def test_growing_memory_ends_with_an_error(any_jail: Jail):
    error = any_jail.run("kept = []\nwhile True:\n    kept.append(bytearray(10**8))").finished.error
    assert error is not None
    assert error.type == "MemoryError"


def test_thread_bomb_meets_a_limit(any_jail: Jail):
    code = (
        "import threading\nstop = threading.Event()\n"
        "while True:\n    threading.Thread(target=stop.wait, daemon=True).start()"
    )
    error = any_jail.run(code).finished.error
    assert error is not None
    assert error.type == "RuntimeError"


def test_descriptor_bomb_meets_a_limit(any_jail: Jail):
    error = any_jail.run("import os\nwhile True:\n    os.pipe()").finished.error
    assert error is not None
    assert error.message.startswith("[Errno 24]")


def test_input_is_at_its_end(any_jail: Jail):
    error = any_jail.run("input()").finished.error
    assert error is not None
    assert error.type == "EOFError"


def test_no_secret_of_ours_reaches_a_child(any_jail: Jail):
    code = (
        "import ctypes, os\nenviron = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')\n"
        "names = []\nwhile environ and environ[len(names)]:\n"
        "    names.append(environ[len(names)].split(b'=')[0].decode())\n"
        "print(sorted(set(names) | set(os.environ)))"
    )
    named = set(eval(any_jail.run(code).output))
    assert named <= {"HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR"}


def test_nothing_of_one_run_is_left_for_the_next(any_jail: Jail):
    any_jail.run("import torch, builtins\nbuiltins.leak = 1\ntorch.leak = 1\ntorch.set_default_dtype(torch.float64)")
    look = "import torch, builtins\nprint(hasattr(builtins, 'leak'), hasattr(torch, 'leak'), torch.ones(1).dtype)"
    outcome = any_jail.run(look)
    assert outcome.output == "False False torch.float32\n"


def test_children_of_a_root_zygote_have_a_user_each(any_jail: Jail):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    code = "import os\nprint(os.getresuid(), os.getresgid(), os.getgroups())"
    first, second = any_jail.run(code).output, any_jail.run(code).output
    assert first != second
    assert "(0" not in first
