"""libpcap's compiler of filter expressions (pcap-filter(7)), by ctypes: no socket is opened, and no right is needed.

The library is looked for by its two usual names, and nowhere else: whoever can set a path must not choose what runs.
A host name in an expression is resolved by the system, once, when it is compiled.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

from shodohflo.capture.filters.instructions import ABS, IND, LD, LDX, MOST_INSTRUCTIONS, MSH, Instruction, is_sound
from shodohflo.errors import CaptureError

_NAMES: Final = ("libpcap.so.0.8", "libpcap.so.1")
"""Debian's name, and that of the other distributions."""

SNAP_LENGTH: Final = 1 << 18
"""What a program returns for a match; libpcap has no larger one."""

LONGEST: Final = 10_000
"""Characters of an expression."""

_ANY_NETMASK: Final = 0xFFFFFFFF  # PCAP_NETMASK_UNKNOWN

_NUMBERS: Final = {12: 12, 14: 12, 100: 11, 101: 12, 102: 15, 103: 16, 106: 19}
"""libpcap's DLT_ number where it differs from the LINKTYPE_ number (tcpdump.org/linktypes.html)."""


class FilterError(CaptureError):
    """An expression that cannot be used; the text is one line."""


class LibpcapMissingError(FilterError):
    """There is no libpcap."""


class _Code(ctypes.Structure):
    """struct bpf_insn."""

    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32))


class BpfProgram(ctypes.Structure):
    """struct bpf_program."""

    _fields_ = (("length", ctypes.c_uint), ("codes", ctypes.POINTER(_Code)))


@cache
def library(names: tuple[str, ...] = _NAMES) -> ctypes.CDLL:
    """Return libpcap; raises `LibpcapMissingError`."""
    for name in names:
        try:
            found = ctypes.CDLL(name)
        except OSError:
            continue
        found.pcap_open_dead.restype = ctypes.c_void_p
        found.pcap_open_dead.argtypes = (ctypes.c_int, ctypes.c_int)
        found.pcap_geterr.restype = ctypes.c_char_p
        found.pcap_geterr.argtypes = (ctypes.c_void_p,)
        found.pcap_close.argtypes = (ctypes.c_void_p,)
        found.pcap_compile.argtypes = (
            *(ctypes.c_void_p, ctypes.POINTER(BpfProgram), ctypes.c_char_p),
            *(ctypes.c_int, ctypes.c_uint32),
        )
        found.pcap_freecode.argtypes = (ctypes.POINTER(BpfProgram),)
        return found
    raise LibpcapMissingError("a filter needs libpcap, which compiles it: apt install libpcap0.8")


def compile_expression(expression: str, link_type: int) -> tuple[Instruction, ...]:
    """Compile `expression` for frames of a LINKTYPE_ number; raises `FilterError` with libpcap's message."""
    text = _encoded(expression)
    pcap = library()
    handle = pcap.pcap_open_dead(_NUMBERS.get(link_type, link_type), SNAP_LENGTH)
    if not handle:
        raise FilterError("libpcap has no memory")
    try:
        compiled = BpfProgram()
        if pcap.pcap_compile(handle, ctypes.byref(compiled), text, 1, _ANY_NETMASK) != 0:
            raise FilterError(_one_line(pcap.pcap_geterr(handle)))
        try:
            codes = [compiled.codes[number] for number in range(compiled.length)]
            program = tuple(Instruction(each.code, each.jt, each.jf, each.k) for each in codes)
        finally:
            pcap.pcap_freecode(ctypes.byref(compiled))
    finally:
        pcap.pcap_close(handle)
    _refuse_unfit(program)
    return program


def _encoded(expression: str) -> bytes:
    if len(expression) > LONGEST:
        raise FilterError(f"it has {len(expression):,} characters; up to {LONGEST:,} are taken")
    if not expression.isprintable():
        raise FilterError("it has characters that cannot be printed")
    return expression.encode()


def _one_line(message: bytes | None) -> str:
    text = " ".join((message or b"").decode(errors="replace").split())
    return text if text.isprintable() and text else ascii(text)


def _refuse_unfit(program: tuple[Instruction, ...]) -> None:
    if len(program) > MOST_INSTRUCTIONS:
        raise FilterError(f"it is compiled to {len(program):,} instructions; the kernel takes {MOST_INSTRUCTIONS:,}")
    if not is_sound(program):
        raise FilterError("it has a loop, which the kernel does not take (protochain makes one)")
    for step in program:
        # The kernel gives other meanings to places from 2^31 on (SKF_AD_OFF), and files have none there.
        if step.family in {LD, LDX} and step.mode in {ABS, IND, MSH} and step.k >= 1 << 31:
            raise FilterError("it asks for what no frame has a byte of (as inbound, outbound and ifindex do)")
