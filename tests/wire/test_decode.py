"""Decoding as a whole: every frame has one way out, no byte outside a frame matters, nothing raises."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from packets import ethernet, frames_of, ip, tcp, udp, unreachable
from shodohflo.frames import ETHERTYPE
from shodohflo.wire import Decoded, decode
from shodohflo.wire.decoders import TABLE

if TYPE_CHECKING:
    from shodohflo.batch import Batch, Messages
    from shodohflo.frames import Frames

LAYERS = [layer for layer in sorted(TABLE.layers()) if layer < 2 * ETHERTYPE]
"""What a source of frames may say begins there: link types and EtherTypes."""

SOUND = [
    ethernet(ip(tcp(), 6)),
    ethernet(ip(udp(), 17, "2001:db8::1", "2001:db8::2"), 0x86DD),
    ethernet(ip(unreachable(ip(udp(), 17)), 1)),
    ethernet(ip(unreachable(ip(udp(), 17, "::1", "::2"), kind=1), 58, "::2", "::1"), 0x86DD),
    ethernet(ip(bytes([60, 0]) + bytes(6) + bytes([6, 0]) + bytes(6) + tcp(), 0, "::1", "::2"), 0x86DD),
]


def count(decoded: Decoded) -> int:
    """Count the ways out."""
    return sum(map(len, decoded.batches)) + sum(map(len, decoded.messages)) + decoded.refused.total()


def told(decoded: Decoded) -> list[Any]:
    """Return everything `decoded` says, to compare."""
    tables: list[Batch | Messages] = [*decoded.batches, *decoded.messages]
    return [
        decoded.refused,
        *([np.asarray(getattr(table, field.name)).tolist() for field in fields(table)] for table in tables),
    ]


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """Take a sound packet and overwrite some of its bytes, cut it, or add rubbish."""
    packet = bytearray(draw(st.sampled_from(SOUND)))
    for _ in range(draw(st.integers(0, 4))):
        packet[draw(st.integers(0, len(packet) - 1))] = draw(st.sampled_from([0, 1, 4, 5, 0x3F, 0x7F, 0x80, 0xFF]))
    return bytes(packet[: draw(st.integers(0, len(packet)))]) + draw(st.binary(max_size=20))


@given(st.lists(mangled() | st.binary(max_size=100), max_size=20), st.sampled_from([*LAYERS, 5, 0x1FFFF]))
def test_every_frame_has_exactly_one_way_out(packets: list[bytes], layer: int) -> None:
    """Found once or refused once, whatever the bytes and the layer they are taken for."""
    assert count(decode(frames_of(*packets, layer=layer))) == len(packets)


@given(st.lists(mangled(), min_size=1, max_size=8), st.sampled_from(LAYERS))
def test_bytes_outside_a_frame_never_matter(packets: list[bytes], layer: int) -> None:
    """Changing the guard bytes around every frame changes nothing that comes out."""
    guards = (b"\0" * 64, b"\xff" * 64, bytes(range(64)))

    first, *others = (told(decode(frames_of(*packets, layer=layer, guard=guard))) for guard in guards)

    assert all(other == first for other in others)


@given(st.lists(mangled(), min_size=1, max_size=12))
def test_a_packet_is_decoded_alike_alone_and_in_company(packets: list[bytes]) -> None:
    """Columns change the speed of an answer, never the answer."""
    together = decode(frames_of(*packets, layer=1))
    alone = [decode(frames_of(packet, layer=1)) for packet in packets]

    assert together.refused == sum((one.refused for one in alone), start=type(together.refused)())
    for name in ("src_port", "octets"):
        apart = sorted(value for one in alone for batch in one.batches for value in getattr(batch, name).tolist())
        assert sorted(value for batch in together.batches for value in getattr(batch, name).tolist()) == apart


def test_no_frames_are_no_trouble() -> None:
    """A tick may find nothing."""
    assert count(decode(frames_of())) == 0


def test_frames_of_several_layers_may_be_mixed() -> None:
    """A pcapng file has interfaces of different link types."""
    packet = ip(tcp(), 6)
    frames = frames_of(packet, ethernet(packet))
    mixed: Frames = replace(frames, layer=np.array([101, 1], np.uint32))

    assert sum(map(len, decode(mixed).batches)) == 2


def test_packets_made_to_be_different_cost_a_bounded_number_of_steps() -> None:
    """Random chains of extension headers are worked off level by level, and too long ones refused."""
    choice = random.Random(1)
    kinds = [0, 43, 60, 135, 139, 140]
    chains = [[choice.choice(kinds) for _ in range(choice.randint(1, 60))] for _ in range(500)]
    packets = [
        ip(b"".join(bytes([after, 0]) + bytes(6) for after in [*chain[1:], 6]) + tcp(), chain[0], "::1", "::2")
        for chain in chains
    ]

    decoded = decode(frames_of(*packets))

    # The raw link layer and IPv6 are two headers, TCP the last.
    short = sum(len(chain) + 3 <= 32 for chain in chains)
    assert sum(map(len, decoded.batches)) == short
    assert decoded.refused == {"too_deep": len(chains) - short}
