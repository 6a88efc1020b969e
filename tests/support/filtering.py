"""What others say of a filter: libpcap's own interpreter, frame by frame, and tcpdump."""

from __future__ import annotations

import ctypes
import subprocess
from typing import TYPE_CHECKING, Final

from shodohflo.capture.filters.libpcap import BpfProgram, library
from support.machine import require

if TYPE_CHECKING:
    from pathlib import Path

    from shodohflo.capture.filters.instructions import Program
    from shodohflo.columns.frames import Frames

EXPRESSIONS: Final = (
    *("ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp", "ip proto 47", "ip6 proto 58"),
    *(
        "port 80",
        "not port 80",
        "src port 53",
        "dst port 53 or dst port 443",
        "portrange 20-1023",
        "tcp portrange 0-79",
    ),
    *("net 192.168.0.0/16", "not net 10.0.0.0/8", "src net 192.168.0.0/16 and dst port 443", "host 192.168.1.2"),
    *("ip6 and tcp", "net fe80::/10", "host ff02::1", "greater 100", "less 100", "not greater 1000", "len > 60"),
    *("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "ip[6:2] & 0x1fff = 0", "ip[8] < 64", "udp[4:2] > 100"),
    *("tcp[(tcp[12] >> 4) * 4] != 0", "ip[2:2] - ((ip[0] & 0xf) << 2) > 500", "len % 7 = 3", "len * 3 / 2 > 150"),
    *("ip[1] | 3 ^ 1 = 2", "ip[9] << 3 > 64", "(len >> 3) & 1 = 1", "200 - len > 100", "100 / ip[1] > 3"),
)
"""For every link type with IP."""

OF_ETHERNET: Final = (
    *("vlan", "not vlan", "vlan and ip", "vlan and vlan", "vlan and tcp", "vlan and port 80", "vlan and vlan and ip"),
    *("vlan 100", "vlan 10 and vlan 20", "mpls", "pppoes", "vlan and vlan and pppoes and ip", "vlan and ip6"),
    *("vlan and ip[8] > 60", "vlan and greater 100", "ether[12:2] = 0x8100", "ether[14:2] & 0xfff = 100"),
    *(
        "ether[12:4] & 0xffff > 10",
        "ether[11] = 1 or ether[13] = 0",
        "ether[13:4] > 0",
        "ether[14] > 0",
        "ether[15] > 9",
    ),
    *("ether[15:2] > 5", "ether[10:4] > 0x1000", "ether broadcast", "ether multicast", "ether[0] & 1 = 0"),
    *("vlan and tcp[tcpflags] & tcp-syn != 0", "not (vlan and port 80)", "ether host ff:ff:ff:ff:ff:ff"),
)


def answers_of_libpcap(program: Program, frames: Frames) -> list[bool]:
    """Return what `pcap_offline_filter` says of each frame: the specification of the interpreter."""

    class _Header(ctypes.Structure):
        """struct pcap_pkthdr."""

        _fields_ = (
            ("seconds", ctypes.c_long),
            ("micro", ctypes.c_long),
            ("captured", ctypes.c_uint32),
            ("original", ctypes.c_uint32),
        )

    field = BpfProgram._fields_[1][1]
    code_type = field._type_
    codes = (code_type * len(program))(*[code_type(step.code, step.jt, step.jf, step.k) for step in program])
    compiled = BpfProgram(len(program), ctypes.cast(codes, field))
    ask = library().pcap_offline_filter
    ask.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
    said = []
    for start, captured, original in zip(frames.start, frames.captured, frames.original, strict=True):
        header = _Header(0, 0, int(captured), int(original))
        octets = frames.buffer[start : start + captured].tobytes()
        said.append(bool(ask(ctypes.byref(compiled), ctypes.byref(header), octets)))
    return said


def passed_by_tcpdump(capture: Path, expression: str) -> int | None:
    """Return how many packets of `capture` tcpdump lets through; None if it refuses the expression."""
    require("tcpdump")
    command = ["tcpdump", "-n", "-r", str(capture), "-w", "-", expression]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        return None
    return _records(done.stdout)


def _records(octets: bytes) -> int:
    """Return the number of records of a pcap file as tcpdump writes it, in the order of this host."""
    count, at = 0, 24
    while at + 16 <= len(octets):
        at += 16 + int.from_bytes(octets[at + 8 : at + 12], "little")
        count += 1
    return count
