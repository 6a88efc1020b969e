"""Decoding as a whole: each frame has exactly one result, no byte outside a frame matters, and nothing raises."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.frames import ETHERTYPE, FAILED_CHECK, SENT, Frames
from shodohflo.wire.decode import Decoded, Packets, decode
from shodohflo.wire.decoding import MAX_DEPTH
from shodohflo.wire.registry import TABLE
from support.datagrams import SPOKEN
from support.feeding import TUNNELS, ways_out, ways_out_inside
from support.packets import ACK, SYN, ethernet, frames_of, ip, tcp, udp, unreachable
from support.sound import ETHER, FLAT, RAW, V4, V6, extension

if TYPE_CHECKING:
    from shodohflo.columns.batch import Batch, Messages

Layered = tuple[int, bytes]
"""The layer of a frame, and its bytes."""

LAYERS = [*(layer for layer in sorted(TABLE.layers()) if layer < 2 * ETHERTYPE), SENT, FAILED_CHECK]
"""The layers that a source of frames may declare: link types, EtherTypes and marks."""

NO_TUNNELS: frozenset[str] = frozenset()
"""If no tunnels are to be opened, plain datagrams take the shortcut too."""

SOUND: list[Layered] = [
    *((layer, frame) for layer, _, frame in FLAT.values()),
    (ETHER, ethernet(ip(tcp(), 6))),
    (RAW, ip(tcp(payload=bytes(30)), 6, "::1", "::2")),
    (RAW, ip(unreachable(ip(udp(), 17)), 1)),
    (RAW, ip(unreachable(ip(tcp(), 6, options=8)), 1)),
    (RAW, ip(unreachable(ip(extension(17) + udp(), 60, "::1", "::2"), kind=1), 58, "::2", "::1")),
    (RAW, ip(unreachable(b"", kind=8), 1)),
    (RAW, ip(udp(9, 4789, b"\x08" + bytes(7) + ethernet(ip(tcp(), 6))), 17)),
    (RAW, ip(udp(9, 6081, b"\1\0\x86\xdd" + bytes(8) + V6), 17)),
    (RAW, ip(udp(2152, 2152, b"\x34\xff" + bytes(9) + b"\x85\1\0\0\0" + V4), 17)),
    (RAW, ip(udp(3544, 9, b"\0\1\0\0" + bytes(9) + bytes(8) + V6), 17)),
    *((RAW, ip(udp(*each.ports, each.payload), 17)) for each in SPOKEN),
    (RAW, ip(tcp(flags=SYN, numbers=(1, 2)), 6)),
    (RAW, ip(tcp(flags=SYN | ACK, numbers=(1, 2)), 6, "::1", "::2")),
    (RAW, ip(udp(9, 4789, b"\x08" + bytes(7) + ethernet(ip(udp(9, 2152, b"\x30\xff" + bytes(6) + V4), 17))), 17)),
]


def frames(layered: list[Layered], guard: bytes = b"") -> Frames:
    """Return frames of several layers, one after the other in a buffer."""
    same = frames_of(*(frame for _, frame in layered), guard=guard)
    return replace(same, layer=np.array([layer for layer, _ in layered], np.uint32))


def cut_everywhere(layer: int, frame: bytes, rest: bytes) -> Frames:
    """Return the frame once for each length, captured up to there; the bytes after the cut are those of `rest`."""
    cuts = range(len(frame) + 1)
    whole = frames([(layer, frame[:cut] + rest[cut:]) for cut in cuts], guard=bytes(300))
    return replace(whole, captured=np.array(cuts, np.int64))


def told(decoded: Decoded) -> list[Any]:
    """Return all results of `decoded`, in a fixed order, for comparison."""
    return [decoded.opened, *(part for packets in (decoded, decoded.inside) for part in told_of(packets))]


def told_of(packets: Packets) -> list[Any]:
    """Return the results of some packets, without their times."""
    tables: list[Batch | Messages] = [*packets.batches, *packets.messages]
    rows = [row for table in tables for row in told_of_table(table)]
    return [packets.refused, sorted(rows, key=repr)]


def told_of_table(table: Batch | Messages) -> list[Any]:
    """Return the rows of `table`."""
    names = [field.name for field in fields(table) if field.name not in {"family", "first", "last", "time"}]
    columns = [np.asarray(getattr(table, name)).tolist() for name in names]
    return [(type(table).__name__, table.family, *row) for row in zip(*columns, strict=True)]


@st.composite
def mangled(draw: st.DrawFn) -> Layered:
    """Draw a sound frame with some bytes overwritten, perhaps cut short, extended or declared as another layer."""
    layer, frame = draw(st.sampled_from(SOUND))
    packet = bytearray(frame)
    for _ in range(draw(st.integers(0, 4))):
        packet[draw(st.integers(0, len(packet) - 1))] = draw(st.sampled_from([0, 1, 4, 5, 0x3F, 0x7F, 0x80, 0xFF]))
    if draw(st.integers(0, 9)) == 0:
        layer = draw(st.sampled_from([*LAYERS, 5, 700, 0x1FFFF]))
    end = draw(st.sampled_from([len(packet), draw(st.integers(0, len(packet)))]))
    return layer, bytes(packet[:end]) + draw(st.binary(max_size=20))


RUBBISH = st.tuples(st.sampled_from([*LAYERS, 5, 0x1FFFF]), st.binary(max_size=100))


@given(st.lists(mangled() | RUBBISH, max_size=20))
def test_every_frame_has_exactly_one_way_out(layered: list[Layered]) -> None:
    """Any frame of any layer is either decoded or refused, once; so is the payload of each tunnel."""
    decoded = decode(frames(layered), TUNNELS)

    inside, tunnels = ways_out_inside(decoded)
    assert ways_out(decoded) == len(layered)
    assert inside == tunnels


@given(st.lists(mangled() | RUBBISH, min_size=1, max_size=8), st.sampled_from([TUNNELS, NO_TUNNELS]))
def test_bytes_outside_a_frame_never_matter(layered: list[Layered], tunnels: frozenset[str]) -> None:
    """Changing the bytes around the frames changes no result, inside tunnels or outside."""
    guards = (b"\0" * 64, b"\xff" * 64, bytes(range(64)))

    first, *others = (told(decode(frames(layered, guard), tunnels)) for guard in guards)

    assert all(other == first for other in others)


@pytest.mark.parametrize("tunnels", [TUNNELS, NO_TUNNELS], ids=["inside tunnels", "not inside"])
@pytest.mark.parametrize(("layer", "frame"), SOUND, ids=[*FLAT, *map(str, range(len(SOUND) - len(FLAT)))])
def test_bytes_after_the_cut_never_matter(layer: int, frame: bytes, tunnels: frozenset[str]) -> None:
    """Bytes after the captured part change no result, even if they are the rest of the same frame."""
    behind = (frame, b"\0" * len(frame), b"\xff" * len(frame))

    first, *others = (told(decode(cut_everywhere(layer, frame, rest), tunnels)) for rest in behind)

    assert all(other == first for other in others)


@given(st.lists(mangled() | RUBBISH, min_size=1, max_size=12))
def test_a_packet_is_decoded_alike_alone_and_in_company(layered: list[Layered]) -> None:
    """A packet has the same result alone as in a block with others."""
    together = decode(frames(layered), TUNNELS)
    alone = [decode(frames([one]), TUNNELS) for one in layered]

    for part, of in ((together, alone), (together.inside, [one.inside for one in alone])):
        refused: Counter[str] = Counter()
        rows: list[Any] = []
        for one in of:
            refused += one.refused
            rows += told_of(one)[1]
        assert told_of(part) == [refused, sorted(rows, key=repr)]
    assert together.opened == sum((one.opened for one in alone), start=Counter[str]())


def test_all_sound_frames_at_once_are_all_found() -> None:
    """A block with a frame of every link type, tunnel and variant is decoded completely."""
    decoded = decode(frames(SOUND), TUNNELS)

    assert not decoded.refused
    assert not decoded.inside.refused
    assert ways_out(decoded) == len(SOUND)


def test_no_frames_are_no_trouble() -> None:
    """A block without frames has no results."""
    assert ways_out(decode(frames_of())) == 0


def test_frames_of_several_layers_may_be_mixed() -> None:
    """A block may mix link types, as the interfaces of a pcapng file do."""
    packet = ip(tcp(), 6)

    decoded = decode(frames([(RAW, packet), (ETHER, ethernet(packet)), (271, packet)]))

    assert sum(map(len, decoded.batches)) == 2
    assert decoded.refused == {"link_type[VSOCK]": 1}


def test_the_time_of_a_packet_is_that_of_its_frame() -> None:
    """A packet has the time of its frame, wherever it is in the block and however deep it is nested."""
    decoded = decode(frames(SOUND))

    times = [time for batch in decoded.batches for time in batch.first.tolist()]
    times += [time for messages in decoded.messages for time in messages.time.tolist()]
    assert sorted(times) == [number * 1_000_000_000 for number in range(len(SOUND))]


def test_packets_made_to_be_different_cost_a_bounded_number_of_steps() -> None:
    """Random chains of extension headers are decoded level by level, and chains that are too long are refused."""
    choice = random.Random(1)
    kinds = [0, 43, 60, 135, 139, 140]
    chains = [[choice.choice(kinds) for _ in range(choice.randint(1, 60))] for _ in range(500)]
    packets = [
        ip(b"".join(bytes([after, 0]) + bytes(6) for after in [*chain[1:], 6]) + tcp(), chain[0], "::1", "::2")
        for chain in chains
    ]

    decoded = decode(frames_of(*packets))

    # The raw link layer and IPv6 count as two headers; TCP, as a transport header, does not count.
    short = sum(len(chain) + 2 <= MAX_DEPTH for chain in chains)
    assert sum(map(len, decoded.batches)) == short
    assert decoded.refused == {"too_deep": len(chains) - short}
    # All TCP headers are decoded in one call, whatever headers precede them: one batch.
    assert len(decoded.batches) == 1


@pytest.mark.parametrize("tunnels", [NO_TUNNELS, TUNNELS], ids=["shortcut", "header by header"])
def test_who_does_not_listen_gets_the_same_but_for_what_evidence_needs(tunnels: frozenset[str]) -> None:
    """Without listening, the numbers of openings and what datagrams say are zeros, and all else is as it is."""
    sound = frames(SOUND)
    heard, unheard = decode(sound, tunnels), decode(sound, tunnels, listens=False)

    for all_of, rest in ((heard.batches, unheard.batches), (heard.inside.batches, unheard.inside.batches)):
        assert [_without_evidence(batch) for batch in all_of] == [_without_evidence(batch) for batch in rest]
        assert not any(batch.number.any() or batch.says.any() for batch in rest)
    assert any(batch.number.any() for batch in heard.batches)
    assert any(batch.says.any() for batch in heard.batches)


def _without_evidence(batch: Batch) -> dict[str, list[Any]]:
    return {name: getattr(batch, name).tolist() for name in batch.names if name not in {"number", "says"}}
