"""IPv4, IPv6 and their extension headers: what is sound is read, what contradicts itself is refused by reason."""

from __future__ import annotations

import struct

import pytest

from packets import frames_of, ip, tcp, udp
from shodohflo.wire import decode

A, B = "2001:db8::1", "2001:db8::2"
MORE = 0x2000


def extension(next_header: int, units: int = 0) -> bytes:
    """Return an extension header of 8 * (units + 1) bytes."""
    return bytes([next_header, units]) + bytes(6 + 8 * units)


def fragment_header(next_header: int, offset: int = 0, *, more: bool = False) -> bytes:
    """Return an IPv6 fragment header; `offset` in units of 8 bytes."""
    return struct.pack("!BBHI", next_header, 0, offset << 3 | more, 1)


def authentication_header(next_header: int) -> bytes:
    """Return an authentication header of 24 bytes."""
    return bytes([next_header, 4]) + bytes(22)


READABLE = {
    "options": (ip(tcp(), 6, options=40), 80),
    "a first fragment": (ip(udp(length=3000), 17, fragment=MORE), 28),
    "total length zero": (ip(tcp(payload=bytes(100)), 6, length=0), 140),
    "padding after the packet": (ip(udp(), 17) + bytes(18), 28),
    "authenticated IPv4": (ip(authentication_header(17) + udp(), 51), 52),
    "IPv6": (ip(tcp(), 6, A, B), 60),
    "payload length zero": (ip(tcp(payload=bytes(40)), 6, A, B, length=0), 100),
    "hop-by-hop": (ip(extension(6) + tcp(), 0, A, B), 68),
    "every extension header": (
        ip(
            b"".join(extension(after, 1) for after in (43, 60, 135, 139, 140, 44))
            + fragment_header(51)
            + authentication_header(17)
            + udp(),
            0,
            A,
            B,
        ),
        40 + 6 * 16 + 8 + 24 + 8,
    ),
    "an atomic fragment": (ip(fragment_header(6) + tcp(), 44, A, B), 68),
    "a first IPv6 fragment": (ip(fragment_header(17, more=True) + udp(length=4000), 44, A, B), 56),
}

REFUSED = {
    "IPv4 with another version": (b"\x65" + ip(tcp(), 6)[1:], 0x0800, "ip_version"),
    "IPv6 with another version": (b"\x45" + ip(tcp(), 6, A, B)[1:], 0x86DD, "ip_version"),
    "a header of 16 bytes": (ip(tcp(), 6, words=4), 0x0800, "ip_header_length"),
    "a header longer than the packet": (ip(b"", 6, words=15), 0x0800, "ip_cut"),
    "a total length below the header's": (ip(tcp(), 6, length=19), 0x0800, "ip_length"),
    "a total length beyond the frame": (ip(tcp(), 6, length=41), 0x0800, "ip_length"),
    "a payload length beyond the frame": (ip(tcp(), 6, A, B, length=21), 0x86DD, "ip_length"),
    "a later fragment": (ip(tcp(), 6, fragment=MORE | 1), 0x0800, "later_fragment"),
    "the last fragment": (ip(tcp(), 6, fragment=185), 0x0800, "later_fragment"),
    "a later IPv6 fragment": (ip(fragment_header(6, 1) + tcp(), 44, A, B), 0x86DD, "later_fragment"),
    "SCTP": (ip(bytes(20), 132), 0x0800, "protocol"),
    "ICMP in IPv6": (ip(bytes(20), 1, A, B), 0x86DD, "protocol"),
    "ICMPv6 in IPv4": (ip(bytes(20), 58), 0x0800, "protocol"),
    "an extension header in IPv4": (ip(extension(6) + tcp(), 60), 0x0800, "protocol"),
    "no next header": (ip(b"", 59, A, B), 0x86DD, "protocol"),
    "an extension header that is not there": (ip(b"", 0, A, B), 0x86DD, "extension_cut"),
    "an extension header beyond the packet": (ip(extension(6, 200)[:8] + tcp(), 0, A, B), 0x86DD, "tcp_length"),
    "forty extension headers": (ip(extension(60) * 40, 60, A, B), 0x86DD, "too_deep"),
}


@pytest.mark.parametrize(("packet", "octets"), READABLE.values(), ids=READABLE)
def test_a_sound_packet_is_read_with_its_network_layer_bytes(packet: bytes, octets: int) -> None:
    """Ports come from behind every header, the size from the IP length."""
    decoded = decode(frames_of(packet))

    assert not decoded.refused
    (batch,) = decoded.batches
    assert batch.octets.tolist() == [octets]
    assert batch.src_port.tolist() == [40000]


@pytest.mark.parametrize(("packet", "ethertype", "reason"), REFUSED.values(), ids=REFUSED)
def test_an_unsound_packet_is_refused_by_reason(packet: bytes, ethertype: int, reason: str) -> None:
    """Each contradiction has a name of its own."""
    decoded = decode(frames_of(packet, layer=(1 << 16) + ethertype))

    assert decoded.refused == {reason: 1}
    assert not decoded.batches


def test_addresses_are_read_whole_also_where_they_end_in_zeros() -> None:
    """IPv4 addresses are numbers, IPv6 ones sixteen bytes."""
    decoded = decode(frames_of(ip(udp(), 17, "1.2.3.4", "255.0.0.0"), ip(udp(), 17, "::", "ff02::")))

    v4, v6 = sorted(decoded.batches, key=lambda batch: batch.family)
    assert (v4.src_addr.tolist(), v4.dst_addr.tolist()) == ([0x01020304], [0xFF000000])
    assert v6.src_addr.tobytes() == bytes(16)
    assert v6.dst_addr.tobytes() == b"\xff\x02" + bytes(14)


def test_padding_is_not_taken_for_payload() -> None:
    """An Ethernet frame is padded to 60 bytes: ports in the padding are no ports."""
    decoded = decode(frames_of(ip(b"", 17) + udp()))

    assert decoded.refused == {"udp_length": 1}
