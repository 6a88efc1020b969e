"""UDP: ports, also of truncated headers, and contradictory headers."""

from __future__ import annotations

import numpy as np
import pytest

from shodohflo.wire.decode import decode
from shodohflo.wire.headers.udp import UdpHeader
from shodohflo.wire.rows import Rows
from support.feeding import Found, assert_survives_everything, found, refusal
from support.packets import frames_of, ip, udp
from support.sound import RAW, A, B

HOSTS = [("10.0.0.1", "10.0.0.2"), (A, B)]

REFUSED = {
    "a length below the header's": (udp(length=7), "udp_length"),
    "a length of one": (udp(length=1), "udp_length"),
    "a length beyond the packet": (udp(length=9), "udp_length"),
    "the largest length": (udp(length=65_535), "udp_length"),
    "a packet too short for it": (udp()[:7], "udp_length"),
    "nothing": (b"", "udp_length"),
}


def test_there_are_no_flags() -> None:
    """The TCP flags of a datagram are 0."""
    (batch,) = decode(frames_of(ip(udp(), 17))).batches

    assert batch.tcp_flags.tolist() == [0]
    assert batch.protocol.tolist() == [17]


@pytest.mark.parametrize(("src", "dst"), HOSTS)
def test_it_survives_cuts_rubbish_and_extremes(src: str, dst: str) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(ip(udp(), 17, src, dst), RAW)


@pytest.mark.parametrize(("src", "dst"), HOSTS)
def test_as_few_bytes_as_hold_ports_are_enough(src: str, dst: str) -> None:
    """A datagram is decoded if its first 4 bytes were captured, and refused as `udp_cut` otherwise."""
    packet = ip(udp(payload=bytes(20)), 17, src, dst)
    header = len(packet) - 28

    for captured in range(header, len(packet)):
        decoded = decode(frames_of(packet[:captured], original=len(packet)))

        if captured - header >= 4:
            assert [len(batch) for batch in decoded.batches] == [1]
        else:
            assert decoded.refused == {"udp_cut": 1}


@pytest.mark.parametrize(("src", "dst"), HOSTS)
@pytest.mark.parametrize(("datagram", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_contradiction_is_refused_by_reason(datagram: bytes, reason: str, src: str, dst: str) -> None:
    """A contradictory header is refused with the same reason in IPv4 and IPv6."""
    assert refusal(ip(datagram, 17, src, dst), RAW) == reason


def test_a_length_may_be_shorter_than_the_packet() -> None:
    """A UDP length below that of the packet is accepted; the rest is ignored."""
    assert found(ip(udp(payload=bytes(20), length=12), 17), RAW) == Found(4, (40000, 53), 48)


def test_a_jumbogram_has_no_length() -> None:
    """A UDP length of 0 in IPv6 means the length of the packet (RFC 2675 section 4)."""
    assert found(ip(udp(length=0), 17, A, B), RAW) == Found(6, (40000, 53), 48)


def test_the_fields_stand_where_rfc_768_has_them() -> None:
    """Each field is read, of all datagrams or of some."""
    header = UdpHeader.of(Rows.from_frames(frames_of(*(udp(40000, 53, bytes(size)) for size in (0, 300, 7)))))

    assert (header.src_port.tolist(), header.dst_port.tolist()) == ([40000] * 3, [53] * 3)
    assert header.length.tolist() == [8, 308, 15]
    assert header.lengths(np.array([2, 1])).tolist() == [15, 308]


def test_datagrams_have_no_number() -> None:
    """The number of a datagram is 0, whatever stands where TCP has flags and numbers."""
    (batch,) = decode(frames_of(ip(udp(payload=b"\x02" * 40), 17))).batches

    assert batch.number.tolist() == [0]


def test_a_first_fragment_goes_on_elsewhere() -> None:
    """In a first fragment, the UDP length is checked against the longest datagram, not against the fragment."""
    assert found(ip(udp(length=65_515), 17, fragment=0x2000), RAW) == Found(4, (40000, 53), 28)
    assert refusal(ip(udp(length=65_516), 17, fragment=0x2000), RAW) == "udp_length"
