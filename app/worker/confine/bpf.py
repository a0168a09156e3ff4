"""A classic BPF program for seccomp, put together from small rules. Inside the sandbox; pure.

A rule is a list of instructions that ends in a verdict; `program` tries the rules by system call number, in order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from app.worker.confine.syscalls import Machine

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant
Rule = tuple[Instruction, ...]

LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, VERDICT = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW = 0x7FFF_0000
KILL_PROCESS = 0x8000_0000
_ERRNO = 0x0005_0000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data


def errno_verdict(number: int) -> int:
    return _ERRNO | number


def verdict(value: int) -> Rule:
    return ((VERDICT, 0, 0, value),)


def low(argument: int) -> Instruction:
    """Load the low half of an argument (both machines are little-endian)."""
    return (LOAD, 0, 0, _ARGUMENTS + 8 * argument)


def high(argument: int) -> Instruction:
    return (LOAD, 0, 0, _ARGUMENTS + 8 * argument + 4)


def one_of(argument: int, values: Sequence[int], otherwise: int) -> Rule:
    """Allow where the low half of `argument` is one of `values`, which are all that the kernel looks at there."""
    tests = tuple((EQUAL, len(values) - index, 0, value) for index, value in enumerate(values))
    return (low(argument), *tests, *verdict(otherwise), *verdict(ALLOW))


def masked(argument: int, mask: int, wanted: int, otherwise: int) -> Rule:
    """Allow where the bits of `argument` under `mask` are exactly `wanted`."""
    return (low(argument), (AND, 0, 0, mask), (EQUAL, 1, 0, wanted), *verdict(otherwise), *verdict(ALLOW))


def zero(arguments: Iterable[int], otherwise: int) -> Rule:
    """Allow where all 64 bits of every named argument are zero."""
    halves = [load(argument) for argument in arguments for load in (low, high)]
    rule: list[Instruction] = []
    for index, load in enumerate(halves):
        left = 2 * (len(halves) - index - 1)  # what follows before the two verdicts
        rule += [load, (EQUAL, 0, left + 1, 0)]
    return (*rule, *verdict(ALLOW), *verdict(otherwise))


def program(machine: Machine, rules: Iterable[tuple[int, Rule]], otherwise: int) -> bytes:
    """The filter: foreign calling conventions die, each number gets its rule, the rest get `otherwise`."""
    code: list[Instruction] = [(LOAD, 0, 0, _ARCHITECTURE), (EQUAL, 1, 0, machine.audit), *verdict(KILL_PROCESS)]
    code.append((LOAD, 0, 0, _NUMBER))
    if machine.foreign_from is not None:
        code += [(AT_LEAST, 0, 1, machine.foreign_from), *verdict(KILL_PROCESS)]
    for number, rule in rules:
        code += [(EQUAL, 0, len(rule), number), *rule]
    code += verdict(otherwise)
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)
