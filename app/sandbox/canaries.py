"""Attempts to break out, tried in a real child before a zygote serves. The snippet runs inside the sandbox, as any
snippet does; this module only holds its text.

Contract with `app.sandbox.selftest`: the snippet prints one line `canary LAYER NAME held` or `canary LAYER NAME OPEN`
for each pair of `CANARIES`. A line that is missing or says anything else counts against its layer. LAYER is a name of
`app.protocol`, or `files` for whichever of the file layers is in use.
"""

from __future__ import annotations

from typing import Final

CANARIES: Final = (
    ("environment", "variables"),
    ("descriptors", "inherited"),
    ("rlimits", "raise"),
    ("rlimits", "memory"),
    ("uid", "root"),
    ("uid", "become_root"),
    ("capabilities", "held"),
    ("no_new_privs", "flag"),
    ("seccomp", "fork"),
    ("seccomp", "exec"),
    ("seccomp", "socket"),
    ("seccomp", "kill_parent"),
    ("seccomp", "limit_parent"),
    ("seccomp", "trace_parent"),
    ("seccomp", "new_session"),
    ("seccomp", "namespace"),
    ("seccomp", "anonymous_file"),
    ("seccomp", "bpf"),
    ("seccomp", "io_uring"),
    ("seccomp", "keyring"),
    ("seccomp", "unknown_call"),
    ("files", "read_password_file"),
    ("files", "read_process_memory"),
    ("files", "write_outside"),
)

CANARY_SNIPPET: Final = """
import ctypes, os, resource, socket
import torch

libc = ctypes.CDLL(None, use_errno=True)
arm = os.uname().machine == "aarch64"

def canary(layer, name, attempt):
    try:
        escaped = attempt()
    except (OSError, ValueError, MemoryError):
        escaped = False
    print("canary", layer, name, "OPEN" if escaped else "held", flush=True)

def called(number, *arguments):
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return libc.syscall(ctypes.c_long(number), *words) >= 0

def forked():
    if os.fork() == 0:
        os._exit(0)
    return True

def opened(path, flags):
    os.close(os.open(path, flags, 0o600))
    return True

def foreign_variables():
    return set(os.environ) - {"HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "LC_CTYPE", "LANG"}

def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True

def swallowed():
    try:
        return torch.empty(10**11) is not None
    except RuntimeError:
        return False

def held_capabilities():
    header = ctypes.create_string_buffer((0x20080522).to_bytes(4, "little") + bytes(4), 8)
    words = ctypes.create_string_buffer(24)
    return called(90 if arm else 125, header, words) and any(words.raw)

def became_root():
    os.setuid(0)
    return True

def new_session():
    os.setsid()
    return True

canary("environment", "variables", foreign_variables)
canary("descriptors", "inherited", lambda: any(is_open(descriptor) for descriptor in range(4, 1024)))
canary("rlimits", "raise", lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)) is None)
canary("rlimits", "memory", swallowed)
canary("uid", "root", lambda: 0 in os.getresuid() + os.getresgid())
canary("uid", "become_root", became_root)
canary("capabilities", "held", held_capabilities)
canary("no_new_privs", "flag", lambda: libc.prctl(39, 0, 0, 0, 0) == 0)
canary("seccomp", "fork", forked)
canary("seccomp", "exec", lambda: os.execv("/bin/true", ["true"]))
canary("seccomp", "socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
canary("seccomp", "kill_parent", lambda: os.kill(os.getppid(), 0) is None)
canary("seccomp", "limit_parent", lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE))
canary("seccomp", "trace_parent", lambda: libc.ptrace(16, os.getppid(), 0, 0) == 0)
canary("seccomp", "new_session", new_session)
canary("seccomp", "namespace", lambda: libc.unshare(0x10000000) == 0)
canary("seccomp", "anonymous_file", lambda: os.memfd_create("canary") >= 0)
canary("seccomp", "bpf", lambda: called(280 if arm else 321, 0, ctypes.create_string_buffer(128), 128))
canary("seccomp", "io_uring", lambda: called(425, 1, ctypes.create_string_buffer(256)))
canary("seccomp", "keyring", lambda: called(219 if arm else 250, 0, -3, 0))
canary("seccomp", "unknown_call", lambda: called(999))
canary("files", "read_password_file", lambda: opened("/etc/passwd", os.O_RDONLY))
canary("files", "read_process_memory", lambda: opened("/proc/self/mem", os.O_RDONLY))
canary("files", "write_outside", lambda: opened("/tmp/autograd-explorer-canary", os.O_WRONLY | os.O_CREAT))
torch.ones(2, requires_grad=True).sum().backward()
"""
