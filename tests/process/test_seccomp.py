"""The filter for system calls: its program, step by step, and in the kernel."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shodohflo.process import seccomp
from shodohflo.process.capabilities import gain_nothing
from shodohflo.process.seccomp import ALLOW, ARCHITECTURES, FAMILIES, KILL, Architecture, Instruction, program, restrict
from support.forks import error_of, in_child, sets_of

ERRNO = 0x00050000
CLONE_NEWUSER = 0x10000000
CLONE_THREAD_OF_LIBC = 0x003D0F00
SIGCHLD = 17

X86, ARM = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]


def judged(steps: list[Instruction], architecture: int, number: int, argument: int = 0) -> int:
    """Return what the filter answers to a call, as the kernel runs it (Documentation/networking/filter.rst)."""
    data = {0: number, 4: architecture, 16: argument & 0xFFFFFFFF}
    at, accumulator = 0, 0
    while True:
        code, jump_true, jump_false, operand = steps[at]
        at += 1
        match code:
            case 0x06:
                return operand
            case 0x20:
                accumulator = data[operand]
            case 0x15:
                at += jump_true if accumulator == operand else jump_false
            case 0x35:
                at += jump_true if accumulator >= operand else jump_false
            case 0x45:
                at += jump_true if accumulator & operand else jump_false
            case _:
                raise AssertionError(code)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_each_call_gets_the_answer_that_the_list_gives(architecture: Architecture) -> None:
    """Exactly the listed calls are denied, whatever their arguments are."""
    steps = program(architecture)
    special = {architecture.socket, architecture.clone, 435}

    for number in sorted(set(range(600)) - special):
        expected = ERRNO | errno.EPERM if number in architecture.denied.values() else ALLOW
        assert judged(steps, architecture.audit, number) == expected, number


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_sockets_are_of_a_few_families(architecture: Architecture) -> None:
    """A socket of another family than those that the agent uses is as unknown as on a kernel without it."""
    steps = program(architecture)

    allowed = [f for f in range(64) if judged(steps, architecture.audit, architecture.socket, f) == ALLOW]

    assert (
        allowed
        == list(FAMILIES)
        == [socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET]
    )
    assert judged(steps, architecture.audit, architecture.socket, 38) == ERRNO | errno.EAFNOSUPPORT  # AF_ALG


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_processes_and_threads_are_made_without_namespaces(architecture: Architecture) -> None:
    """Clone is allowed but for namespaces; clone3, whose flags a filter can't read, seems not to exist."""
    steps = program(architecture)
    flags = (SIGCHLD, CLONE_THREAD_OF_LIBC, CLONE_NEWUSER, CLONE_NEWUSER | SIGCHLD, 0x40000000, 0x00020000)

    answers = [judged(steps, architecture.audit, architecture.clone, flag) for flag in flags]

    assert answers == [ALLOW, ALLOW, *[ERRNO | errno.EPERM] * 4]
    assert judged(steps, architecture.audit, 435) == ERRNO | errno.ENOSYS


def test_numbers_of_other_architectures_are_not_misread() -> None:
    """A call of another architecture ends the process; one of the x32 ABI does not exist."""
    for ours, other in ((X86, ARM), (ARM, X86)):
        assert judged(program(ours), other.audit, 0) == KILL
    assert judged(program(X86), X86.audit, 0x40000000 + 165) == ERRNO | errno.ENOSYS


def test_a_call_that_is_allowed_is_left_out_of_the_list() -> None:
    """An agent that enters namespaces may call setns, and nothing else more."""
    steps = program(X86, frozenset({"setns"}))

    assert judged(steps, X86.audit, X86.denied["setns"]) == ALLOW
    assert judged(steps, X86.audit, X86.denied["unshare"]) == ERRNO | errno.EPERM


def test_the_numbers_are_those_of_the_kernel() -> None:
    """Every number is that of the headers for C, where they are installed, and no two calls have the same."""
    headers = {
        "x86_64": [Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")],
        "aarch64": [Path("/usr/include/asm-generic/unistd.h")],
    }
    for name, architecture in ARCHITECTURES.items():
        numbers = [architecture.seccomp, architecture.socket, architecture.clone, *architecture.denied.values()]
        assert len(set(numbers)) == len(numbers) > 50
        text = "".join(path.read_text() for path in headers[name] if path.exists())
        known = {call: int(number) for call, number in re.findall(r"#define __NR\w*?_(\w+) (\d+)", text)}
        known |= {call: int(number) for call, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", text)}
        wrong = {call: number for call, number in architecture.denied.items() if known and known.get(call) != number}
        assert wrong == {}, name


def test_the_kernel_takes_the_filter_for_all_threads() -> None:
    """Denied calls fail in threads that were there before, too; programs and threads can still be started."""

    def use() -> list[object]:
        gain_nothing()
        going, errors = threading.Event(), []

        def try_it() -> None:
            going.wait()
            errors.append(error_of(lambda: os.chroot("/")))

        other = threading.Thread(target=try_it)
        other.start()
        assert restrict()
        going.set()
        other.join()
        libc = ctypes.CDLL(None, use_errno=True)
        unshared = (libc.unshare(CLONE_NEWUSER), ctypes.get_errno())
        program = subprocess.run([sys.executable, "-I", "-c", "print(1)"], capture_output=True, text=True, check=True)
        family = error_of(lambda: socket.socket(38, socket.SOCK_SEQPACKET))
        return [errors, unshared, program.stdout, family, sets_of()["Seccomp"]]

    expected = [[errno.EPERM], [-1, errno.EPERM], "1\n", errno.EAFNOSUPPORT, "2"]
    assert in_child(use) == expected


def test_an_unknown_architecture_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the numbers are not known, nothing is filtered, and the caller knows."""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    assert in_child(lambda: [restrict(), sets_of()["Seccomp"]]) == [False, sets_of()["Seccomp"]]


def test_what_the_kernel_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that the kernel does not take is an error, not a filter."""
    monkeypatch.setattr(seccomp, "program", lambda *_: [(0x20, 0, 0, 3)])

    def refused() -> int:
        gain_nothing()
        return error_of(restrict)

    assert in_child(refused) == errno.EINVAL
