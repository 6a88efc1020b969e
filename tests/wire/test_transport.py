"""TCP and UDP: ports and flags, from as few bytes as hold them; and their contradictions."""

from __future__ import annotations

import pytest

from packets import RST, SYN, frames_of, ip, tcp, udp
from shodohflo.wire import decode

A, B = "2001:db8::1", "2001:db8::2"

REFUSED = {
    "a TCP header of 16 bytes": (tcp(words=4), 6, "tcp_data_offset"),
    "TCP options beyond the packet": (tcp(words=6), 6, "tcp_length"),
    "a packet too short for TCP": (tcp()[:19], 6, "tcp_length"),
    "a packet too short for UDP": (udp()[:7], 17, "udp_length"),
    "a UDP length below the header's": (udp(length=7), 17, "udp_length"),
    "a UDP length beyond the packet": (udp(length=9), 17, "udp_length"),
}


def test_ports_and_flags_are_columns() -> None:
    """Each packet is one row, with the time of its frame."""
    decoded = decode(frames_of(ip(tcp(1, 2, SYN), 6), ip(tcp(65535, 0, RST | 0x10), 6)))

    (batch,) = decoded.batches
    assert batch.src_port.tolist() == [1, 65535]
    assert batch.dst_port.tolist() == [2, 0]
    assert batch.tcp_flags.tolist() == [SYN, RST | 0x10]
    assert batch.protocol.tolist() == [6, 6]
    assert batch.packets.tolist() == [1, 1]
    assert batch.first.tolist() == batch.last.tolist() == [0, 1_000_000_000]


def test_udp_has_no_flags() -> None:
    """The column is there, and zero."""
    (batch,) = decode(frames_of(ip(udp(), 17))).batches

    assert batch.tcp_flags.tolist() == [0]


@pytest.mark.parametrize("src", ["10.0.0.1", A])
@pytest.mark.parametrize(("segment", "protocol", "enough"), [(tcp(), 6, 14), (udp(), 17, 4)])
def test_as_few_bytes_as_hold_ports_and_flags_are_enough(src: str, segment: bytes, protocol: int, enough: int) -> None:
    """A snap length may cut the rest away."""
    dst = B if src == A else "10.0.0.2"
    packet = ip(segment, protocol, src, dst)
    header = len(packet) - len(segment)

    for captured in range(header, len(packet)):
        decoded = decode(frames_of(packet[:captured], original=len(packet)))

        assert len(decoded.batches) == (captured - header >= enough)
        assert decoded.refused.total() == (captured - header < enough)


@pytest.mark.parametrize(("segment", "protocol", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_contradiction_is_refused_by_reason(segment: bytes, protocol: int, reason: str) -> None:
    """In both families alike."""
    assert decode(frames_of(ip(segment, protocol))).refused == {reason: 1}
    assert decode(frames_of(ip(segment, protocol, A, B))).refused == {reason: 1}


def test_a_jumbogram_has_no_udp_length() -> None:
    """Zero stands for "as long as the packet" (RFC 2675)."""
    assert len(decode(frames_of(ip(udp(length=0), 17, A, B))).batches) == 1
