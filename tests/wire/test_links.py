"""Link headers: whatever lies before IP, the packet behind it is found; cut, it is refused."""

from __future__ import annotations

import struct

import pytest

from packets import ethernet, frames_of, ip, udp
from shodohflo.frames import ETHERTYPE
from shodohflo.wire import decode

V4 = ip(udp(), 17)
V6 = ip(udp(), 17, "2001:db8::1", "2001:db8::2")

READABLE = {
    "ethernet": (1, 4, ethernet(V4)),
    "ethernet, IPv6": (1, 6, ethernet(V6, 0x86DD)),
    "802.1Q tag": (1, 4, ethernet(struct.pack("!HH", 7, 0x0800) + V4, 0x8100)),
    "802.1ad and 802.1Q tags": (1, 4, ethernet(struct.pack("!HHHH", 7, 0x8100, 8, 0x0800) + V4, 0x88A8)),
    "the tag of older switches": (1, 6, ethernet(struct.pack("!HH", 7, 0x86DD) + V6, 0x9100)),
    "SNAP": (1, 4, ethernet(b"\xaa\xaa\x03\0\0\0\x08\0" + V4, 8 + len(V4))),
    "raw": (101, 4, V4),
    "raw, IPv6": (101, 6, V6),
    "raw as 12": (12, 6, V6),
    "raw as 14": (14, 4, V4),
    "IPv4": (228, 4, V4),
    "IPv6": (229, 6, V6),
    "null, little-endian": (0, 4, b"\2\0\0\0" + V4),
    "null, big-endian": (0, 4, b"\0\0\0\2" + V4),
    "null, IPv6 on Linux": (0, 6, b"\x0a\0\0\0" + V6),
    "null, IPv6 on NetBSD": (0, 6, b"\x18\0\0\0" + V6),
    "null, IPv6 on FreeBSD": (0, 6, b"\x1c\0\0\0" + V6),
    "null, IPv6 on Darwin": (0, 6, b"\0\0\0\x1e" + V6),
    "loop": (108, 4, b"\0\0\0\2" + V4),
    "cooked v1": (113, 4, bytes(14) + b"\x08\0" + V4),
    "cooked v2": (276, 6, b"\x86\xdd" + bytes(18) + V6),
    "a live frame": (ETHERTYPE + 0x0800, 4, V4),
    "a live frame with a second tag": (ETHERTYPE + 0x8100, 6, struct.pack("!HH", 9, 0x86DD) + V6),
}

UNREADABLE = {
    "a link type with a name": (271, b"\0" * 60, "link_type[VSOCK]"),
    "a link type without one": (147, b"\0" * 60, "link_type[147]"),
    "ARP": (1, ethernet(bytes(28), 0x0806), "not_ip"),
    "spanning tree": (1, ethernet(b"\x42\x42\x03" + bytes(35), 38), "not_ip"),
    "raw, neither version": (101, b"\x50" + bytes(39), "ip_version"),
    "null, another family": (0, b"\x07\0\0\0" + V4, "not_ip"),
}


@pytest.mark.parametrize(("layer", "family", "frame"), READABLE.values(), ids=READABLE)
def test_the_packet_behind_a_link_header_is_found(layer: int, family: int, frame: bytes) -> None:
    """One datagram comes out, of the right family, with the bytes of its IP header as its size."""
    decoded = decode(frames_of(frame, layer=layer))

    assert [(batch.family, batch.octets.tolist()) for batch in decoded.batches] == [
        (family, [28 if family == 4 else 48])
    ]
    assert not decoded.refused


@pytest.mark.parametrize(("layer", "family", "frame"), READABLE.values(), ids=READABLE)
def test_a_link_header_cut_short_is_refused(layer: int, family: int, frame: bytes) -> None:
    """However many bytes were captured, a frame is found or refused, and found only with its ports."""
    header = len(frame) - (28 if family == 4 else 48)

    for captured in range(len(frame) + 1):
        decoded = decode(frames_of(frame[:captured], layer=layer, original=len(frame)))

        if captured >= len(frame) - 4:
            assert len(decoded.batches) == 1
        else:
            assert decoded.refused.total() == 1
            assert captured >= header or set(decoded.refused) <= {"link_cut", "ip_cut"}


@pytest.mark.parametrize(("layer", "frame", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_carries_no_ip_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Nothing comes out but a count."""
    decoded = decode(frames_of(frame, layer=layer))

    assert decoded.refused == {reason: 1}
    assert not decoded.batches
