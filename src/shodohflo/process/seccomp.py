"""Seccomp: a filter in the kernel that denies system calls which a service never needs, for good.

linux/seccomp.h, linux/filter.h, linux/audit.h, seccomp(2). The filter is a list of what is denied, not of what is
allowed: what the interpreter, its libraries and a store's server call changes with their versions, and a call that is
missing in a list of what is allowed would end the service on the day of an upgrade. What is listed only administers the
machine, looks into other processes, or reaches parts of the kernel in which most of its errors were found.

A denied call fails with EPERM, so that a library can do without it. The program of the filter, for each call:

    architecture other than ours         -> end the process: its numbers mean other calls
    number of the x32 ABI, or clone3     -> ENOSYS: libraries then use clone, whose flags a filter can read
    a call of DENIED                     -> EPERM
    socket of a family not in FAMILIES   -> EAFNOSUPPORT
    clone with a new namespace           -> EPERM
    otherwise                            -> allow
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Instruction = tuple[int, int, int, int]
"""Code, how many instructions to skip if the condition holds, how many if not, operand (`struct sock_filter`)."""

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
# linux/bpf_common.h

_NUMBER: Final = 0
_ARCHITECTURE: Final = 4
_FIRST_ARGUMENT: Final = 16  # its lower half: both architectures are little-endian
# struct seccomp_data

ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
_SET_MODE_FILTER: Final = 1
_TSYNC: Final = 1
# linux/seccomp.h

_X32: Final = 0x40000000  # __X32_SYSCALL_BIT, asm/unistd.h
_CLONE3: Final = 435  # the same for all architectures
_NAMESPACES: Final = 0x7E020000  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET: linux/sched.h

FAMILIES: Final = (1, 2, 10, 16, 17)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET (linux/socket.h)."""

_NEWER: Final = {
    "pidfd_getfd": 438,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "mount_setattr": 442,
    "quotactl_fd": 443,
}
"""Calls with the same number everywhere."""

_COLUMNS: Final = ("x86_64", "aarch64")
_CALLS: Final = """
    acct 163 89               add_key 248 217           adjtimex 159 171          bpf 321 280
    chroot 161 51             clock_adjtime 305 266     clock_settime 227 112     delete_module 176 106
    fanotify_init 300 262     finit_module 313 273      init_module 175 105       kcmp 312 272
    kexec_file_load 320 294   kexec_load 246 104        keyctl 250 219            lookup_dcookie 212 18
    migrate_pages 256 238     mount 165 40              move_pages 279 239        open_by_handle_at 304 265
    perf_event_open 298 241   pivot_root 155 41         process_vm_readv 310 270  process_vm_writev 311 271
    ptrace 101 117            quotactl 179 60           reboot 169 142            request_key 249 218
    setdomainname 171 162     sethostname 170 161       setns 308 268             settimeofday 164 170
    swapoff 168 225           swapon 167 224            syslog 103 116            umount2 166 39
    unshare 272 97            userfaultfd 323 282       vhangup 153 58            iopl 172 -
    ioperm 173 -              modify_ldt 154 -          uselib 134 -              nfsservctl 180 -
"""
# asm/unistd_64.h of x86, asm-generic/unistd.h; - where there is no such call


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers of one architecture."""

    audit: int
    """AUDIT_ARCH of linux/audit.h."""
    seccomp: int
    socket: int
    clone: int
    denied: Mapping[str, int]


def _column(name: str) -> dict[str, int]:
    words = _CALLS.split()
    numbers = words[1 + _COLUMNS.index(name) :: 3]
    known = {call: int(number) for call, number in zip(words[::3], numbers, strict=True) if number != "-"}
    return known | _NEWER


ARCHITECTURES: Final = {
    "x86_64": Architecture(0xC000003E, seccomp=317, socket=41, clone=56, denied=_column("x86_64")),
    "aarch64": Architecture(0xC00000B7, seccomp=277, socket=198, clone=220, denied=_column("aarch64")),
}
"""By what `uname -m` says. Others have no filter."""


def program(architecture: Architecture, allowed: frozenset[str] = frozenset()) -> list[Instruction]:
    """Return the program of the filter, without the calls `allowed`."""
    denied = [number for name, number in architecture.denied.items() if name not in allowed]
    enosys, eperm, no_family = (_returning(number) for number in (errno.ENOSYS, errno.EPERM, errno.EAFNOSUPPORT))
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture.audit),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 1, 0, _X32),
        (_EQUAL, 0, 1, _CLONE3),
        enosys,
        *((_EQUAL, len(denied) + 1 - index, 0, number) for index, number in enumerate(denied)),
        (_EQUAL, 3, 0, architecture.socket),
        (_EQUAL, 5 + len(FAMILIES), 1, architecture.clone),
        eperm,
        (_RETURN, 0, 0, ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        *((_EQUAL, len(FAMILIES) - index, 0, family) for index, family in enumerate(FAMILIES)),
        no_family,
        (_RETURN, 0, 0, ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, _NAMESPACES),
        eperm,
        (_RETURN, 0, 0, ALLOW),
    ]


def restrict(allowed: frozenset[str] = frozenset()) -> bool:
    """Filter the calls of all threads of this process and of its children, but `allowed` ones; raises `OSError`.

    Returns false, without a filter, for an architecture whose numbers are not known here, such as those of 32 bits.
    no_new_privs must be set.
    """
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None or struct.calcsize("P") != 8:
        return False
    steps = program(architecture, allowed)
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    # struct sock_fprog: the number of instructions and their address
    filtering = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    words = [ctypes.c_long(each) for each in (architecture.seccomp, _SET_MODE_FILTER, _TSYNC)]
    result = libc.syscall(*words, filtering)
    if result != 0:  # the id of a thread that has another filter, or -1
        number = ctypes.get_errno() if result < 0 else errno.EBUSY
        raise OSError(number, os.strerror(number))
    return True


def _returning(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)
