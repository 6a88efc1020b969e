"""Packets as frames, with the headers that the pipeline decodes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.columns.frames import Frames
from shodohflo.model import ICMP, ICMPV6, TCP, UDP, Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.rules.packet import Packet

RAW: Final = 101
"""LINKTYPE_RAW (tcpdump.org): IP of either version without a link header."""

_PORT_UNREACHABLE: Final = {4: (3, 3), 6: (1, 4)}
"""Type and code by IP version (RFC 792; RFC 4443 section 3.1)."""

_HOP_LIMIT: Final = 64


def to_frames(several: Sequence[Packet]) -> Frames:
    """Return a frame for each packet, in order, without link headers, with time 0 and checksums of 0."""
    packets = [to_bytes(packet) for packet in several]
    lengths = np.array([len(packet) for packet in packets], np.int64)
    return Frames(
        buffer=np.frombuffer(b"".join(packets), np.uint8),
        start=np.cumsum(lengths) - lengths,
        captured=lengths,
        original=lengths,
        layer=np.full(len(packets), RAW, np.uint32),
        time=np.zeros(len(packets), np.int64),
    )


def to_bytes(packet: Packet) -> bytes:
    """Return one packet as bytes, from the IP header on."""
    payload = {UDP: _udp, TCP: _tcp, ICMP: _unreachable}[packet.protocol](packet)
    protocol = ICMPV6 if packet.protocol == ICMP and packet.src_addr.version == 6 else packet.protocol
    return _ip(packet.src_addr, packet.dst_addr, protocol, payload)


def _ip(src: Address, dst: Address, protocol: int, payload: bytes) -> bytes:
    """Put an IPv4 header (RFC 791 section 3.1) or an IPv6 header (RFC 8200 section 3) before `payload`."""
    if src.version == 4:
        head = struct.pack("!BBHIBBH", 0x45, 0, 20 + len(payload), 0, _HOP_LIMIT, protocol, 0)
    else:
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, _HOP_LIMIT)
    return head + src.packed + dst.packed + payload


def _udp(packet: Packet) -> bytes:
    """Write an empty datagram (RFC 768)."""
    return struct.pack("!HHHH", packet.src_port, packet.dst_port, 8, 0)


def _tcp(packet: Packet) -> bytes:
    """Write a segment (RFC 9293 section 3.1) with a header of five words."""
    return struct.pack("!HHIIBBHHH", packet.src_port, packet.dst_port, 0, 0, 5 << 4, packet.tcp_flags, 0, 0, 0)


def _unreachable(packet: Packet) -> bytes:
    """Return a port unreachable from the packet's source; it quotes a datagram that the destination had sent there."""
    kind, code = _PORT_UNREACHABLE[packet.src_addr.version]
    ports = struct.pack("!HHHH", packet.dst_port, packet.src_port, 8, 0)
    return struct.pack("!BBHI", kind, code, 0, 0) + _ip(packet.dst_addr, packet.src_addr, UDP, ports)
