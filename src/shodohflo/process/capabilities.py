"""Capabilities: what this process may do beyond its user, and how all but a few of them are given up for good.

linux/capability.h, linux/securebits.h, capabilities(7). Capabilities belong to a thread, so they are to be given up
before there are others.
"""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

SETPCAP: Final = 8
NET_RAW: Final = 13
SYS_ADMIN: Final = 21
# linux/capability.h

_NAMES: Final = {SETPCAP: "CAP_SETPCAP", NET_RAW: "CAP_NET_RAW", SYS_ADMIN: "CAP_SYS_ADMIN"}

_VERSION_3: Final = 0x20080522
_HEADER: Final = struct.Struct("=Ii")  # version, process id: 0 is this thread
_SETS: Final = struct.Struct("=6I")  # effective, permitted, inheritable: the lower 32 of each, then the upper 32
# linux/capability.h

_PR_CAPBSET_DROP: Final = 24
_PR_SET_SECUREBITS: Final = 28
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
# linux/prctl.h

_ROOT: Final = 0

_NOROOT: Final = 0b11
_NO_SETUID_FIXUP: Final = 0b1100
_NO_CAP_AMBIENT_RAISE: Final = 0b11000000
# linux/securebits.h: each bit with the one that locks it


def effective() -> frozenset[int]:
    """Return the numbers of the effective capabilities of this process; none if /proc is not mounted."""
    with suppress(OSError), Path("/proc/self/status").open(encoding="utf-8", errors="replace") as status:
        bits = next((int(line.split()[1], 16) for line in status if line.startswith("CapEff:")), 0)
        return frozenset(number for number in range(64) if bits >> number & 1)
    return frozenset()


def name_of(number: int) -> str:
    """Return the name of a capability as capabilities(7) has it, or its number."""
    return _NAMES.get(number, f"capability {number}")


def seal() -> None:
    """Make user id 0 an id as any other for this thread and its children; without CAP_SETPCAP, nothing happens.

    Programs that it starts get no capabilities for being root, and changing the user changes no capabilities.
    """
    if SETPCAP in effective():
        _prctl(_PR_SET_SECUREBITS, _NOROOT | _NO_SETUID_FIXUP | _NO_CAP_AMBIENT_RAISE)


def keep_only(kept: frozenset[int]) -> None:
    """Give up all capabilities but those of `kept` that this thread has; its children get none at all.

    A service manager may refuse capset(2), as `SystemCallFilter=~@privileged` of systemd does. If there is nothing to
    give up but what children of a user would get as ambient ones, that is no error.
    """
    having = effective()
    if SETPCAP in having:
        _bound(kept)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    low, high = _words(kept & having)
    sets = _SETS.pack(low, low, 0, high, high, 0)  # what is not inheritable is not ambient either
    try:
        _check(ctypes.CDLL(None, use_errno=True).capset(_HEADER.pack(_VERSION_3, 0), sets))
    except PermissionError:
        if having - kept or os.geteuid() == _ROOT:
            raise


def gain_nothing() -> None:
    """Set no_new_privs: no program that is started from here on may do more than this one (prctl(2))."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _bound(kept: frozenset[int]) -> None:
    """Take all but `kept` out of the bounding set; the kernel refuses the first number that it does not know."""
    with suppress(OSError):
        for number in range(64):
            if number not in kept:
                _prctl(_PR_CAPBSET_DROP, number)


def _words(numbers: frozenset[int]) -> tuple[int, int]:
    bits = sum(1 << number for number in numbers)
    return bits & 0xFFFFFFFF, bits >> 32


def _prctl(option: int, value: int) -> None:
    _check(ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
