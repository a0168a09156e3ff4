"""The seccomp filter: an allowlist without process creation, sockets or privileges. Inside the sandbox.

Three profiles say what paths a child has: "scratch" reads its view and writes its folder, "read" only reads, "none"
has no path calls at all (where Landlock cannot rule them). Calls we know by name and do not allow answer EPERM, unknown
ones ENOSYS (so that libc falls back), foreign calling conventions kill.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Final, Literal

from app.worker.confine import bpf, kernel
from app.worker.confine.syscalls import Machine, this_machine

Profile = Literal["scratch", "read", "none"]

# The first few are the hottest; the kernel's own cache makes the order matter little.
_PLAIN: Final = """
    futex mmap munmap madvise write read brk mprotect clock_gettime sched_yield close fstat lseek pread64 readv writev
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait sigaltstack restart_syscall nanosleep pause
    clock_nanosleep clock_getres gettimeofday time times getrusage getrlimit sysinfo uname getcwd umask getpid getppid
    gettid getuid getgid geteuid getegid getgroups getresuid getresgid getpgrp getpgid getsid getpriority getcpu
    getrandom exit exit_group mremap msync mincore sched_getaffinity set_robust_list get_robust_list set_tid_address
    membarrier rseq poll ppoll select pselect6 dup dup2 dup3 pipe pipe2 eventfd2 epoll_create1 epoll_ctl epoll_wait
    epoll_pwait getdents64 fadvise64 fstatfs recvfrom getsockname getpeername shutdown
"""
_PATHS_READ: Final = "stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat statfs"
_PATHS_WRITE: Final = """
    mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 ftruncate fallocate fsync fdatasync pwrite64
"""
_OPENS: Final = {"open": 1, "openat": 2}  # name: position of its flags

_O_PATH, _O_TMPFILE = 0o10000000, 0o20000000
_AT_EMPTY_PATH = 0x1000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CLONE_THREAD = 0x0001_0000 | 0x0000_0800 | 0x0000_0100  # THREAD, SIGHAND, VM
_CLONE_OTHER = 0x7E02_0000 | 0x0280_0000 | 0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000  # NEW*, UNTRACED, PIDFD, VFORK, …
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_FCNTLS = (0, 1, 2, 3, 4, 1030)  # DUPFD GETFD SETFD GETFL SETFL DUPFD_CLOEXEC
_PRCTLS = (15, 16, 0x53564D41)  # SET_NAME GET_NAME SET_VMA
_AF_UNIX = 1
_OWN_PID: Final = 0x5D5D_5D5D  # stands for the child's pid until it is known

_EPERM = bpf.errno_verdict(errno.EPERM)
_EACCES = bpf.errno_verdict(errno.EACCES)
_ENOENT = bpf.errno_verdict(errno.ENOENT)
_ENOSYS = bpf.errno_verdict(errno.ENOSYS)


def build(profile: Profile, machine: Machine | None = None) -> bytes:
    """The program for a child that is not yet born; `install` puts its pid in."""
    machine = machine or this_machine()
    rules = dict.fromkeys(_PLAIN.split(), bpf.verdict(bpf.ALLOW)) | _checked() | _paths(profile)
    rest = {name: bpf.verdict(_EPERM) for name in machine.numbers if name not in rules}
    known = ((machine.numbers[name], rule) for name, rule in (rules | rest).items() if name in machine.numbers)
    return bpf.program(machine, known, _ENOSYS)


def with_pid(program: bytes, pid: int) -> bytes:
    return program.replace(struct.pack("<I", _OWN_PID), struct.pack("<I", pid))


def install(program: bytes) -> None:
    """Put the filter on every thread of this process, which must have no_new_privs. Cannot be undone."""
    code = ctypes.create_string_buffer(with_pid(program, os.getpid()))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    set_mode_filter, all_threads = 1, 1
    if kernel.call("seccomp", set_mode_filter, all_threads, header):
        raise OSError(errno.EPERM, "a thread could not be filtered", "seccomp")


def _checked() -> dict[str, bpf.Rule]:
    """Calls that are allowed for some arguments only."""
    own = bpf.one_of(0, (_OWN_PID,), _EPERM)
    return {
        "clone": bpf.masked(0, _CLONE_THREAD | _CLONE_OTHER, _CLONE_THREAD, _EPERM),
        "clone3": bpf.verdict(_ENOSYS),  # its flags lie in memory, out of the filter's sight; libc falls back to clone
        "ioctl": bpf.one_of(1, _IOCTLS, bpf.errno_verdict(errno.ENOTTY)),
        "fcntl": bpf.one_of(1, _FCNTLS, _EPERM),
        "prctl": bpf.one_of(0, _PRCTLS, _EPERM),
        "prlimit64": bpf.zero((0, 2), _EPERM),
        "tgkill": own,
        "kill": own,
        "socketpair": bpf.one_of(0, (_AF_UNIX,), _EPERM),
        "sendto": bpf.zero((4,), _EPERM),
    }


def _paths(profile: Profile) -> dict[str, bpf.Rule]:
    allow = bpf.verdict(bpf.ALLOW)
    if profile == "none":
        nothing = dict.fromkeys((*_PATHS_READ.split(), *_OPENS), bpf.verdict(_ENOENT))
        # libc asks for the size of an open file in this way too
        return nothing | {"newfstatat": bpf.masked(3, _AT_EMPTY_PATH, _AT_EMPTY_PATH, _ENOENT)}
    if profile == "read":
        opens = {name: bpf.masked(at, _WRITING | _O_PATH | _O_TMPFILE, 0, _EACCES) for name, at in _OPENS.items()}
        return dict.fromkeys(_PATHS_READ.split(), allow) | opens
    opens = {name: _open_for_writing(at) for name, at in _OPENS.items()}
    return dict.fromkeys((*_PATHS_READ.split(), *_PATHS_WRITE.split()), allow) | opens


def _open_for_writing(flags: int) -> bpf.Rule:
    """Any open but by O_PATH or O_TMPFILE, and no truncation through a read-only one, which old Landlock misses."""
    writable = os.O_WRONLY | os.O_RDWR
    return (
        bpf.low(flags),
        (bpf.ANY_BIT, 3, 0, _O_PATH | _O_TMPFILE),
        (bpf.ANY_BIT, 0, 1, os.O_TRUNC),
        (bpf.ANY_BIT, 0, 1, writable),
        *bpf.verdict(bpf.ALLOW),
        *bpf.verdict(_EACCES),
    )
