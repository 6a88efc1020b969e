"""TCP: ports and flags, also of truncated headers, and contradictory headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from shodohflo.wire.decode import decode
from shodohflo.wire.headers.tcp import TcpHeader
from shodohflo.wire.registry import TABLE
from shodohflo.wire.rows import Rows
from support.datagrams import SPOKEN
from support.feeding import Found, found, refusal
from support.long_way import LONG
from support.packets import ACK, FIN, RST, SYN, frames_of, ip, tcp
from support.sound import RAW, A, B

if TYPE_CHECKING:
    from shodohflo.wire.decoding import DecoderTable

THROUGH_FLAGS = 14
HOSTS = [("10.0.0.1", "10.0.0.2"), (A, B)]

REFUSED = {
    "a header of 16 bytes": (tcp(words=4), "tcp_data_offset"),
    "a header of none": (tcp(words=0), "tcp_data_offset"),
    "options beyond the packet": (tcp(words=6), "tcp_length"),
    "the most options, and none there": (tcp(words=15), "tcp_length"),
    "a packet too short for it": (tcp()[:19], "tcp_length"),
    "a packet that ends before the flags": (tcp()[:13], "tcp_length"),
    "nothing": (b"", "tcp_length"),
}


def test_ports_and_flags_are_columns() -> None:
    """Each packet is one row, with the time of its frame."""
    decoded = decode(frames_of(ip(tcp(1, 2, SYN), 6), ip(tcp(65535, 0, RST | ACK), 6)))

    (batch,) = decoded.batches
    assert batch.src_port.tolist() == [1, 65535]
    assert batch.dst_port.tolist() == [2, 0]
    assert batch.tcp_flags.tolist() == [SYN, RST | ACK]
    assert batch.protocol.tolist() == [6, 6]
    assert batch.packets.tolist() == [1, 1]
    assert batch.first.tolist() == batch.last.tolist() == [0, 1_000_000_000]


def test_every_flag_is_kept() -> None:
    """All eight flags of the flags byte are kept."""
    (batch,) = decode(frames_of(*(ip(tcp(flags=flags), 6) for flags in range(256)))).batches

    assert batch.tcp_flags.tolist() == list(range(256))


@pytest.mark.parametrize(("src", "dst"), HOSTS)
def test_every_length_of_options_is_read(src: str, dst: str) -> None:
    """Headers of every length, from 5 to 15 words, are decoded."""
    for words in range(5, 16):
        packet = ip(tcp(words=words, payload=bytes(4 * words - 20)), 6, src, dst)

        assert found(packet, RAW) == Found(4 if dst != B else 6, (40000, 443), len(packet))


@pytest.mark.parametrize(("src", "dst"), HOSTS)
def test_as_few_bytes_as_hold_ports_and_flags_are_enough(src: str, dst: str) -> None:
    """A segment is decoded if its first 14 bytes were captured, and refused as `tcp_cut` otherwise."""
    packet = ip(tcp(words=15, payload=bytes(60)), 6, src, dst)
    header = len(packet) - 80

    for captured in range(header, len(packet)):
        decoded = decode(frames_of(packet[:captured], original=len(packet)))

        if captured - header >= THROUGH_FLAGS:
            assert [len(batch) for batch in decoded.batches] == [1]
        else:
            assert decoded.refused == {"tcp_cut": 1}


@pytest.mark.parametrize(("src", "dst"), HOSTS)
@pytest.mark.parametrize(("segment", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_contradiction_is_refused_by_reason(segment: bytes, reason: str, src: str, dst: str) -> None:
    """A contradictory header is refused with the same reason in IPv4 and IPv6."""
    assert refusal(ip(segment, 6, src, dst), RAW) == reason


@pytest.mark.parametrize(("src", "dst"), HOSTS)
def test_rubbish_after_the_packet_changes_nothing(src: str, dst: str) -> None:
    """Bytes after the packet are ignored, even if they would complete a header."""
    assert found(ip(tcp(), 6, src, dst) + b"\xff" * 46, RAW) == found(ip(tcp(), 6, src, dst), RAW)
    assert refusal(ip(tcp()[:16], 6, src, dst) + tcp()[16:], RAW) == "tcp_length"


BARE_SYN = {flags for flags in range(256) if flags & (SYN | FIN | RST | ACK) == SYN}
SYN_ACK = {flags for flags in range(256) if flags & (SYN | FIN | RST | ACK) == SYN | ACK}


@pytest.mark.parametrize("words", [5, 6], ids=["plain", "with options"])
@pytest.mark.parametrize("table", [TABLE, LONG], ids=["shortcut", "header by header"])
@pytest.mark.parametrize(("src", "dst"), HOSTS)
def test_only_openings_have_a_number(src: str, dst: str, table: DecoderTable, words: int) -> None:
    """A SYN has its sequence number, a SYN-ACK what it acknowledges less 1, and each other segment 0."""
    segments = [tcp(flags=flags, words=words, payload=bytes(4), numbers=(1000, 2000)) for flags in range(256)]

    (batch,) = decode(frames_of(*(ip(each, 6, src, dst) for each in segments)), table=table).batches

    expected = {**dict.fromkeys(BARE_SYN, 1000), **dict.fromkeys(SYN_ACK, 1999)}
    assert batch.number.tolist() == [expected.get(flags, 0) for flags in range(256)]


@pytest.mark.parametrize("table", [TABLE, LONG], ids=["shortcut", "header by header"])
def test_both_openings_of_a_handshake_have_the_same_number(table: DecoderTable) -> None:
    """Numbers are modulo 2**32: the one before 0 is the greatest."""
    numbers = [0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF]
    syns = [ip(tcp(flags=SYN, numbers=(number, 77)), 6) for number in numbers]
    answers = [ip(tcp(flags=SYN | ACK, numbers=(77, (number + 1) % 2**32)), 6) for number in numbers]

    (batch,) = decode(frames_of(*syns, *answers), table=table).batches

    assert batch.number.tolist() == numbers * 2


@pytest.mark.parametrize("flags", [SYN, SYN | ACK])
def test_a_number_needs_no_more_than_the_flags(flags: int) -> None:
    """An opening of which 14 bytes were captured has its number."""
    packet = ip(tcp(flags=flags, numbers=(5, 6)), 6)

    (batch,) = decode(frames_of(packet[: 20 + THROUGH_FLAGS], original=len(packet))).batches

    assert batch.number.tolist() == [5]


def test_what_tcp_segments_begin_with_says_nothing() -> None:
    """No TCP segment says anything, whatever its ports and its payload."""
    (batch,) = decode(frames_of(*(ip(tcp(*each.ports, payload=each.payload), 6) for each in SPOKEN))).batches

    assert not batch.says.any()


def test_refusing_some_keeps_the_flags_of_the_others_in_their_place() -> None:
    """Refusing some rows leaves the columns of the others aligned."""
    segments = [tcp(1, 1, 1), tcp(words=4), tcp(2, 2, 2), tcp(words=6), tcp(3, 3, 3)]

    decoded = decode(frames_of(*(ip(segment, 6) for segment in segments)))

    (batch,) = decoded.batches
    assert batch.src_port.tolist() == batch.tcp_flags.tolist() == [1, 2, 3]
    assert batch.first.tolist() == [0, 2_000_000_000, 4_000_000_000]


def test_the_fields_stand_where_rfc_9293_has_them() -> None:
    """Each field of a 24-byte header is read; the header length is in bytes."""
    segment = tcp(40000, 443, SYN | ACK, words=6, numbers=(0x0102_0304, 0xF1F2_F3F4))
    header = TcpHeader.of(Rows.from_frames(frames_of(tcp(), segment)))

    sequence, acknowledgement = header.numbers(np.array([1]))
    header = header.keep(np.array([False, True]))
    assert (sequence.tolist(), acknowledgement.tolist()) == ([0x0102_0304], [0xF1F2_F3F4])
    assert (header.src_port.tolist(), header.dst_port.tolist()) == ([40000], [443])
    assert (header.header_length.tolist(), header.flags.tolist()) == ([24], [SYN | ACK])
