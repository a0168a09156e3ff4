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
    ("uid", "root"),
    ("no_new_privs", "flag"),
    ("seccomp", "fork"),
    ("seccomp", "exec"),
    ("seccomp", "socket"),
    ("seccomp", "kill_parent"),
    ("seccomp", "limit_parent"),
    ("seccomp", "trace_parent"),
    ("files", "read_password_file"),
    ("files", "write_outside"),
)

CANARY_SNIPPET: Final = """
import ctypes, os, resource, signal, socket

libc = ctypes.CDLL(None, use_errno=True)

def canary(layer, name, attempt):
    try:
        escaped = attempt()
    except (OSError, ValueError):
        escaped = False
    print("canary", layer, name, "OPEN" if escaped else "held", flush=True)

def called(number, *arguments):
    return libc.syscall(number, *arguments) >= 0

def forked():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return True

def opened(path, flags):
    os.close(os.open(path, flags))
    return True

def inherited():
    return [fd for fd in range(5, 1024) if _is_open(fd)]

def _is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True

canary("environment", "variables", lambda: [name for name in os.environ if name not in ("LC_CTYPE", "LANG")])
canary("descriptors", "inherited", inherited)
canary("rlimits", "raise", lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)) is None)
canary("uid", "root", lambda: os.getuid() == 0 or os.geteuid() == 0)
canary("no_new_privs", "flag", lambda: libc.prctl(39, 0, 0, 0, 0) == 0)
canary("seccomp", "fork", forked)
canary("seccomp", "exec", lambda: os.execv("/bin/true", ["true"]))
canary("seccomp", "socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
canary("seccomp", "kill_parent", lambda: os.kill(os.getppid(), 0) is None)
canary("seccomp", "limit_parent", lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE))
canary("seccomp", "trace_parent", lambda: libc.ptrace(16, os.getppid(), 0, 0) == 0)
canary("files", "read_password_file", lambda: opened("/etc/passwd", os.O_RDONLY))
canary("files", "write_outside", lambda: opened("/tmp/autograd-explorer-canary", os.O_WRONLY | os.O_CREAT))
"""
