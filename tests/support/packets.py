"""Packets for tests: headers as bytes, built by hand, and frames that consist of them.

Nothing here shares code with the decoders, so that a mistake on either side shows.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

import numpy as np

from shodohflo.columns.frames import Frames

ETHERNET = 1
RAW = 101

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


def frames_of(*packets: bytes, layer: int = RAW, guard: bytes = b"", original: int | None = None) -> Frames:
    """Return `packets` in one buffer with `guard` before, between and after them, one second apart."""
    starts, buffer = [], guard
    for packet in packets:
        starts.append(len(buffer))
        buffer += packet + guard
    captured = np.array([len(packet) for packet in packets], np.int64)
    return Frames(
        buffer=np.frombuffer(buffer, np.uint8),
        start=np.array(starts, np.int64),
        captured=captured,
        original=captured if original is None else np.maximum(captured, original),
        layer=np.full(len(packets), layer, np.uint32),
        time=np.arange(len(packets), dtype=np.int64) * 1_000_000_000,
    )


def ethernet(payload: bytes, ethertype: int = 0x0800) -> bytes:
    """Return `payload` with an Ethernet header."""
    return bytes(12) + struct.pack("!H", ethertype) + payload


def tag(ethertype: int, number: int = 7) -> bytes:
    """Return a VLAN tag; `ethertype` is that of its payload."""
    return struct.pack("!HH", number, ethertype)


def ip(payload: bytes, protocol: int, src: str = "192.168.0.1", dst: str = "8.8.8.8", **fields: int) -> bytes:
    """Return `payload` with an IP header of the family of `src`; `fields` override fields, even with false values."""
    if ip_address(src).version == 6:
        return _ipv6(payload, protocol, src, dst, **fields)
    return _ipv4(payload, protocol, src, dst, **fields)


def _ipv4(
    payload: bytes,
    protocol: int,
    src: str,
    dst: str,
    *,
    version: int = 4,
    words: int | None = None,
    options: int = 0,
    length: int | None = None,
    fragment: int = 0,
) -> bytes:
    size = 20 + options
    words = size // 4 if words is None else words
    length = size + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH", version << 4 | words, 0, length, 0, fragment, 64, protocol, 0)
    return head + ip_address(src).packed + ip_address(dst).packed + b"\x01" * options + payload


def _ipv6(payload: bytes, protocol: int, src: str, dst: str, *, version: int = 6, length: int | None = None) -> bytes:
    length = len(payload) if length is None else length
    head = struct.pack("!IHBB", version << 28, length, protocol, 64)
    return head + ip_address(src).packed + ip_address(dst).packed + payload


def tcp(
    sport: int = 40000,
    dport: int = 443,
    flags: int = ACK,
    words: int = 5,
    payload: bytes = b"",
    *,
    numbers: tuple[int, int] = (0, 0),
) -> bytes:
    """Return a TCP segment; `numbers` are those of sequence and acknowledgement."""
    return struct.pack("!HHIIBBHHH", sport, dport, *numbers, words << 4, flags, 0, 0, 0) + payload


def udp(sport: int = 40000, dport: int = 53, payload: bytes = b"", length: int | None = None) -> bytes:
    """Return a UDP datagram."""
    return struct.pack("!HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def unreachable(quoted: bytes, code: int = 3, kind: int = 3) -> bytes:
    """Return an ICMP unreachable that quotes `quoted`; `kind` is 3 for IPv4 and 1 for ICMPv6."""
    return struct.pack("!BBHI", kind, code, 0, 0) + quoted
