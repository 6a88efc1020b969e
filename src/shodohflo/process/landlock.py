"""Landlock: rules of the kernel by which a process gives up access to files for itself and its children, for good.

linux/landlock.h, landlock(7). Kernels have it from 5.13 on, and from one version of its interface (ABI) to the next it
restricts more; what a kernel does not know is left out. Descriptors that are open already are not restricted.

Here, reading is left to the permissions of the user: a configuration names certificates, passwords and modules
wherever they are. Writing is allowed in the few places of the caller, and programs are executed only from others. The
network is left alone: a connection to a store takes a port before it is made, which cannot be told from listening.
"""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
# asm-generic/unistd.h; the same for all architectures

_CREATE_RULESET_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
_REMOVING: Final = 0b11 << 4  # directories, files
_MAKING: Final = 0b1111111 << 6  # character devices, directories, files, sockets, pipes, block devices, links
REFER: Final = 1 << 13
TRUNCATE: Final = 1 << 14
SCOPE_SIGNAL: Final = 1 << 1
# linux/landlock.h

_FIRST: Final = EXECUTE | WRITE_FILE | _REMOVING | _MAKING
_IN_FOLDER: Final = (
    WRITE_FILE | 0b1 << 5 | 0b111 << 7 | REFER | TRUNCATE
)  # removes files; makes directories, files, sockets
_ON_FILE: Final = WRITE_FILE | TRUNCATE

_SINCE: Final = {2: REFER, 3: TRUNCATE}
_SCOPES_SINCE: Final = 6


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What is restricted, and the places where some of it is allowed all the same."""

    files: int
    """Kinds of access to files that are denied wherever no rule allows them."""
    scopes: int
    rules: tuple[tuple[Path, int], ...]
    """A file or a folder with all that it holds, and the kinds of access."""

    def pack(self) -> bytes:
        """Return `struct landlock_ruleset_attr` as far as it is needed: older kernels have only its beginning."""
        words = (self.files, 0, self.scopes) if self.scopes else (self.files,)  # the second is for networks
        return struct.pack(f"={len(words)}Q", *words)


def ruleset(abi: int, written: Iterable[Path], executed: Iterable[Path]) -> Ruleset:
    """Return the rules for version `abi`: only `written` is written to, and nothing outside `executed` is executed.

    From version 6 on, no process outside can be sent a signal.
    """
    files = _FIRST
    for since, access in _SINCE.items():
        files |= access if abi >= since else 0
    rules = [(place, (_IN_FOLDER if place.is_dir() else _ON_FILE) & files) for place in written]
    rules += [(place, EXECUTE) for place in executed]
    return Ruleset(files, SCOPE_SIGNAL if abi >= _SCOPES_SINCE else 0, tuple(rules))


def version() -> int:
    """Return the version of Landlock that this kernel has; 0 for none, or if it is switched off."""
    return max(_syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION), 0)


def restrict(rules: Ruleset) -> None:
    """Apply `rules` to this thread and its children; raises `OSError`. no_new_privs must be set.

    Places that do not exist are left out.
    """
    packed = rules.pack()
    descriptor = _check(_syscall(_CREATE_RULESET, packed, len(packed), 0))
    try:
        for place, access in rules.rules:
            with suppress(FileNotFoundError):
                _allow(descriptor, place, access)
        _check(_syscall(_RESTRICT_SELF, descriptor, 0))
    finally:
        os.close(descriptor)


def program_places() -> tuple[Path, ...]:
    """Return the folders of the programs and libraries of the system, and of what this process executes already."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:  # noqa: PTH123 - as `fstat`, not a path
        mapped = [line.rstrip("\n").split(maxsplit=5) for line in maps]
    files = {Path(words[5]) for words in mapped if len(words) == 6 and "x" in words[1] and words[5].startswith("/")}
    usual = [Path(place) for place in ("/usr", "/bin", "/sbin", "/lib", "/lib64")]
    return (*usual, *sorted({file.parent for file in files}))


def _allow(ruleset_descriptor: int, place: Path, access: int) -> None:
    descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        # struct landlock_path_beneath_attr, which is packed
        _check(_syscall(_ADD_RULE, ruleset_descriptor, _RULE_PATH_BENEATH, struct.pack("=Qi", access, descriptor), 0))
    finally:
        os.close(descriptor)


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *words))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
