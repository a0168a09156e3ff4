"""The filter, read by a small interpreter of classic BPF: what every system call of both machines gets."""

from __future__ import annotations

import errno
import struct

import pytest

from app.worker.confine import bpf, seccomp
from app.worker.confine.syscalls import MACHINES, Machine

PID = 4242
PROFILES = ("scratch", "read", "none")
BOTH = pytest.mark.parametrize("machine", list(MACHINES.values()), ids=list(MACHINES))
ALL = pytest.mark.parametrize("profile", PROFILES)
NEVER = """
fork vfork execve execveat ptrace process_vm_readv process_vm_writev unshare setns mount umount2 pivot_root
chroot setuid setgid setresuid setgroups capset bpf userfaultfd perf_event_open keyctl add_key request_key
io_uring_setup io_uring_enter memfd_create memfd_secret shmget msgget semget mq_open pidfd_open pidfd_getfd
pidfd_send_signal seccomp personality socket connect bind listen accept sendmsg sendmmsg recvmsg setsid setpgid tkill
rt_sigqueueinfo rt_tgsigqueueinfo sched_setaffinity setpriority setrlimit init_module reboot open_by_handle_at
name_to_handle_at openat2 symlink symlinkat link linkat mknod mknodat chmod fchmodat chown fchownat setxattr truncate
chdir fchdir inotify_init1 fanotify_init kcmp process_madvise move_pages splice tee vmsplice landlock_restrict_self
fsopen move_mount open_tree mount_setattr swapon acct clock_settime settimeofday sethostname iopl ioperm
"""


def answer(program: bytes, machine: Machine, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the kernel would do: the verdict for one call."""
    padded = [argument & 0xFFFF_FFFF_FFFF_FFFF for argument in (*arguments, 0, 0, 0, 0, 0, 0)][:6]
    data = struct.pack("<IIQ6Q", number & 0xFFFF_FFFF, audit or machine.audit, 0, *padded)
    code = list(struct.iter_unpack("<HBBI", program))
    accumulator, at = 0, 0
    while True:
        operation, yes, no, constant = code[at]
        at += 1
        if operation == bpf.VERDICT:
            return constant
        if operation == bpf.LOAD:
            accumulator = struct.unpack_from("<I", data, constant)[0]
        elif operation == bpf.AND:
            accumulator &= constant
        else:
            tests = {bpf.EQUAL: accumulator == constant, bpf.AT_LEAST: accumulator >= constant}
            at += yes if tests.get(operation, bool(accumulator & constant)) else no


def built(machine: Machine, profile: str) -> bytes:
    return seccomp.with_pid(seccomp.build(profile, machine), PID)  # type: ignore[arg-type]


def refused(number: int) -> int:
    return bpf.errno_verdict(number)


@BOTH
@ALL
def test_every_number_gets_a_verdict_and_unknown_ones_do_not_exist(machine: Machine, profile: str):
    program, known = built(machine, profile), set(machine.numbers.values())
    for number in range(1100):
        verdict = answer(program, machine, number, *[1 << 40] * 6)
        if number not in known:
            assert verdict == refused(errno.ENOSYS)
        else:
            assert verdict == bpf.ALLOW or verdict & 0xFFFF_0000 == refused(0)


@BOTH
@ALL
def test_what_must_never_work_does_not(machine: Machine, profile: str):
    program = built(machine, profile)
    for name in NEVER.split():
        if name in machine.numbers:
            for arguments in ((0,) * 6, (PID,) * 6, (2**64 - 1,) * 6):
                assert answer(program, machine, machine.numbers[name], *arguments) == refused(errno.EPERM), name


@BOTH
def test_foreign_machines_die(machine: Machine):
    program = built(machine, "scratch")
    assert answer(program, machine, 39, audit=0x4000_0003) == bpf.KILL_PROCESS


def test_x32_dies():
    machine = MACHINES["x86_64"]
    for number in (0x4000_0000, 0x4000_0027, 0xFFFF_FFFF):
        assert answer(built(machine, "read"), machine, number) == bpf.KILL_PROCESS


@BOTH
def test_clone_makes_threads_only(machine: Machine):
    program, clone = built(machine, "read"), machine.numbers["clone"]
    thread = 0x3D0F00  # as glibc asks for one
    assert answer(program, machine, clone, thread) == bpf.ALLOW
    in_namespaces = (thread | 1 << bit for bit in (17, 25, 26, 27, 28, 29, 30))
    for process in (17, 0x4111, thread & ~0x10000, thread & ~0x100, *in_namespaces):
        assert answer(program, machine, clone, process) == refused(errno.EPERM)
    assert answer(program, machine, machine.numbers["clone3"]) == refused(errno.ENOSYS)


@BOTH
def test_signals_reach_only_oneself(machine: Machine):
    program = built(machine, "read")
    for name in ("kill", "tgkill"):
        assert answer(program, machine, machine.numbers[name], PID, 9) == bpf.ALLOW
        for other in (0, 1, -1, PID + 1, -PID):
            assert answer(program, machine, machine.numbers[name], other, 9) == refused(errno.EPERM)


@BOTH
def test_limits_are_read_not_set_and_only_ones_own(machine: Machine):
    program, prlimit = built(machine, "read"), machine.numbers["prlimit64"]
    assert answer(program, machine, prlimit, 0, 7, 0, 0x7000) == bpf.ALLOW
    for arguments in ((1, 7, 0), (0, 7, 0x7000), (0, 7, 1 << 40), (1 << 40, 7, 0)):
        assert answer(program, machine, prlimit, *arguments) == refused(errno.EPERM)


@BOTH
def test_only_a_pair_of_unix_sockets_and_no_addressed_message(machine: Machine):
    program = built(machine, "read")
    assert answer(program, machine, machine.numbers["socketpair"], 1) == bpf.ALLOW
    assert answer(program, machine, machine.numbers["socketpair"], 2) == refused(errno.EPERM)
    assert answer(program, machine, machine.numbers["sendto"], 5, 0x7000, 1, 0, 0) == bpf.ALLOW
    for address in (0x7000, 1 << 40):
        assert answer(program, machine, machine.numbers["sendto"], 5, 0x7000, 1, 0, address) == refused(errno.EPERM)


@BOTH
def test_device_control_and_descriptor_control_are_few(machine: Machine):
    program = built(machine, "read")

    def allowed(name: str, up_to: int) -> list[int]:
        number = machine.numbers[name]
        return [second for second in range(up_to) if answer(program, machine, number, 1, second) == bpf.ALLOW]

    assert allowed("ioctl", 0x6000) == [0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451]
    assert allowed("fcntl", 2000) == [0, 1, 2, 3, 4, 1030]


@BOTH
@pytest.mark.parametrize(("profile", "expected"), [("read", errno.EACCES), ("none", errno.ENOENT), ("scratch", None)])
def test_only_a_run_with_a_scratch_folder_opens_for_writing(machine: Machine, profile: str, expected: int | None):
    program = built(machine, profile)
    for flags in (0o1, 0o2, 0o101, 0o1101, 0o2001):
        verdict = answer(program, machine, machine.numbers["openat"], -100, 0x7000, flags)
        assert verdict == (refused(expected) if expected else bpf.ALLOW)


@BOTH
def test_odd_ways_to_open_are_closed(machine: Machine):
    program = built(machine, "scratch")
    read_and_truncate, by_path, nameless = 0o1000, 0o10000000, 0o20200002
    for flags in (read_and_truncate, by_path, nameless):
        assert answer(program, machine, machine.numbers["openat"], -100, 0x7000, flags) == refused(errno.EACCES)


@BOTH
def test_without_paths_an_open_file_can_still_tell_its_size(machine: Machine):
    program, stat = built(machine, "none"), machine.numbers["newfstatat"]
    assert answer(program, machine, stat, 3, 0x7000, 0x7000, 0x1000) == bpf.ALLOW
    assert answer(program, machine, stat, -100, 0x7000, 0x7000, 0) == refused(errno.ENOENT)


def test_a_filter_fits_into_the_kernel():
    for machine in MACHINES.values():
        for profile in PROFILES:
            assert len(built(machine, profile)) // 8 < 4096
