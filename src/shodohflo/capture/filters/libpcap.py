"""libpcap's compiler of filter expressions (pcap-filter(7)), by ctypes: no socket is opened, and no right is needed.

The library is looked for by its two usual names, and nowhere else: whoever can set a path must not choose what runs.
A host name in an expression is resolved by the system, once, when it is compiled.
"""

from __future__ import annotations

import ctypes
import struct
import sys
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
_ERROR_OCTETS: Final = 256  # PCAP_ERRBUF_SIZE
_OTHER_ORDER: Final = ">" if sys.byteorder == "little" else "<"


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
        found.pcap_fopen_offline.restype = ctypes.c_void_p
        found.pcap_fopen_offline.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
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


def compile_expression(expression: str, link_type: int, *, swapped: bool = False) -> tuple[Instruction, ...]:
    """Compile `expression` for frames of a LINKTYPE_ number; raises `FilterError` with libpcap's message.

    With `swapped`, numbers in link headers that are in the order of the capturing host are not in this host's.
    """
    text = _encoded(expression)
    pcap = library()
    handle = _open(pcap, link_type, swapped=swapped)
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


def _open(pcap: ctypes.CDLL, link_type: int, *, swapped: bool) -> int:
    """Open a file without packets, in memory: only for a file libpcap thinks of headers that differ between systems."""
    order = _OTHER_ORDER if swapped else "="
    # struct pcap_file_header: magic, version, two unused words, snapshot length, link type
    octets = struct.pack(f"{order}IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP_LENGTH, link_type)
    libc = ctypes.CDLL(None)
    libc.fmemopen.restype = ctypes.c_void_p
    libc.fmemopen.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p)
    stream = libc.fmemopen(octets, len(octets), b"r")
    if not stream:
        raise FilterError("there is no memory to compile it")
    problem = ctypes.create_string_buffer(_ERROR_OCTETS)
    handle: int | None = pcap.pcap_fopen_offline(stream, problem)  # closes the stream with the handle
    if not handle:
        libc.fclose.argtypes = (ctypes.c_void_p,)
        libc.fclose(stream)
        raise FilterError(_one_line(problem.value))
    return handle


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
