"""Plain packets: the shortcut gives the same results as the general decoders."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.model import TCP
from shodohflo.wire.decode import Packets, decode
from shodohflo.wire.decoding import DecoderTable
from shodohflo.wire.layers import ETHERNET, IPV4_PAYLOAD, IPV6_PAYLOAD
from shodohflo.wire.registry import TABLE
from support.datagrams import SPOKEN
from support.long_way import LONG, the_long_way
from support.packets import ACK, RST, SYN, ethernet, frames_of, ip, tcp, udp


def rows_of(packets: Packets) -> Counter[tuple[object, ...]]:
    """Return every row of every batch, regardless of order."""
    rows: Counter[tuple[object, ...]] = Counter()
    for batch in packets.batches:
        names = [field.name for field in fields(batch) if field.name != "family"]
        columns = [np.asarray(getattr(batch, name)).tolist() for name in names]
        rows.update((batch.family, *row) for row in zip(*columns, strict=True))
    return rows


ENDS = st.sampled_from([("10.0.0.1", "10.9.8.7"), ("2001:db8::1", "2001:db8::ff00")])
NUMBERS = st.integers(0, 2**32 - 1)
SEGMENTS = st.builds(
    lambda port, flags, words, size, numbers: (tcp(port, 443, flags, words, bytes(size), numbers=numbers), 6),
    st.integers(0, 65535),
    st.sampled_from([ACK, SYN, SYN | ACK, RST, 0xFF]),
    st.integers(4, 7),
    st.integers(0, 30),
    st.tuples(NUMBERS, NUMBERS),
) | st.builds(
    lambda port, size, length: (udp(53, port, bytes(size), length), 17),
    st.integers(0, 65535),
    st.integers(0, 30),
    st.sampled_from([None, 0, 7, 8, 20, 60]),
)
SPEAKING = st.builds(
    lambda spoken, size, length: (udp(spoken.ports[0], spoken.ports[1], spoken.payload[:size], length), 17),
    st.sampled_from(SPOKEN),
    st.integers(0, 60),
    st.sampled_from([None, None, None, 0, 8, 9, 12, 20, 24, 28]),
)
LENGTHS = st.sampled_from([None, None, None, 0, 20, 28, 39, 40, 41, 200, 1500, 65_535])
"""The length in the IP header: mostly the right one, also below and beyond the frame."""

CHANGES = st.lists(st.tuples(st.integers(0, 75), st.integers(0, 255)), max_size=2)


@st.composite
def almost_plain(draw: st.DrawFn) -> bytes:
    """Draw an Ethernet frame that is plain but for its length and up to two bytes, perhaps cut short or padded."""
    segment, protocol = draw(SEGMENTS | SPEAKING)
    ends = draw(ENDS)
    length = draw(LENGTHS)
    right = ip(segment, protocol, *ends)
    packet = right if length is None else ip(segment, protocol, *ends, length=length)
    frame = bytearray(ethernet(packet, 0x86DD if ":" in ends[0] else 0x0800) + bytes(draw(st.integers(0, 20))))
    for place, value in draw(CHANGES):
        if place < len(frame):
            frame[place] = value
    return bytes(frame[: draw(st.integers(30, 110))])


@given(st.lists(almost_plain(), max_size=20), st.integers(0, 200))
def test_the_short_way_finds_what_the_long_way_finds(frames: list[bytes], original: int) -> None:
    """Shortcut and general decoders give the same rows and refusals, whether a capture or a mirror cut the frames."""
    captured = frames_of(*frames, layer=1, original=original)

    short, long = decode(captured), decode(captured, table=LONG)

    assert rows_of(short) == rows_of(long)
    assert short.refused == long.refused


@given(st.lists(almost_plain(), max_size=20), st.sampled_from([0x0800, 0x86DD]))
def test_so_it_does_where_the_link_header_has_been_read(frames: list[bytes], ethertype: int) -> None:
    """Shortcut and general decoders agree on live frames too, which begin with the IP header."""
    captured = frames_of(*(frame[14:] for frame in frames), layer=(1 << 16) + ethertype)

    short, long = decode(captured), decode(captured, table=LONG)

    assert rows_of(short) == rows_of(long)
    assert short.refused == long.refused


@pytest.mark.parametrize(("src", "dst", "ethertype"), [("10.0.0.1", "10.0.0.2", 0x0800), ("::1", "::2", 0x86DD)])
def test_a_plain_packet_takes_the_short_way(src: str, dst: str, ethertype: int) -> None:
    """A plain TCP packet is decoded without the general decoder of TCP."""
    frame = ethernet(ip(tcp(), 6, src, dst), ethertype)
    layers = [layer for layer in TABLE.layers() if layer not in {IPV4_PAYLOAD + TCP, IPV6_PAYLOAD + TCP}]
    without_tcp = DecoderTable({layer: decoder for layer in layers if (decoder := TABLE.get(layer))})
    long_without_tcp = DecoderTable({layer: the_long_way(layer) for layer in layers})

    assert sum(rows_of(decode(frames_of(frame, frame, layer=1), table=without_tcp)).values()) == 2
    assert sum(rows_of(decode(frames_of(frame, frame, layer=1), table=long_without_tcp)).values()) == 0


@pytest.mark.parametrize("length", [41, 1500, 65_535])
def test_a_plain_packet_takes_it_however_little_a_mirror_left(length: int) -> None:
    """A plain TCP packet that is longer than its frame is decoded without the general decoder of IPv4."""
    frame = ethernet(ip(tcp(), 6, length=length))
    shortcut = TABLE.get(ETHERNET)
    assert shortcut is not None

    (row,) = rows_of(decode(frames_of(frame, layer=ETHERNET), table=DecoderTable({ETHERNET: shortcut})))

    assert length in row


def test_tunnels_over_udp_take_the_long_way_where_they_are_looked_into() -> None:
    """A datagram to a tunnel's port skips the shortcut only if that tunnel is to be opened."""
    frame = ethernet(ip(udp(5000, 4789, bytes(60)), 17))

    assert decode(frames_of(frame, layer=1)).opened == {}
    assert decode(frames_of(frame, layer=1), frozenset({"vxlan"})).opened == {"vxlan": 1}
