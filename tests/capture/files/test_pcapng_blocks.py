"""The blocks of sections: every kind of packet is decoded, and every kind of damage is found."""

from __future__ import annotations

import struct

import pytest

from support.savefiles import (
    START,
    Order,
    Row,
    block,
    enhanced,
    interface,
    obsolete,
    option,
    pcapng,
    read,
    section_header,
    simple,
)

ORDERS: list[Order] = ["<", ">"]
RESOLUTION, OFFSET = 9, 14


@pytest.mark.parametrize("order", ORDERS)
def test_an_enhanced_packet_tells_bytes_lengths_link_type_and_time(order: Order) -> None:
    """An enhanced packet has its bytes, lengths and time in the block, and its link type from the interface."""
    made = pcapng(interface(order, link=113), enhanced(b"packet", order, original=1500), order=order)

    assert read(made).rows == [Row(b"packet", 1500, 113, START * 10**9)]


@pytest.mark.parametrize("order", ORDERS)
def test_an_obsolete_packet_has_its_interface_in_half_a_word(order: Order) -> None:
    """An obsolete packet has a 16-bit interface number, and the count of drops after it is ignored."""
    made = pcapng(interface(order), interface(order, link=113), obsolete(b"packet", order, on=1), order=order)

    assert read(made).rows == [Row(b"packet", 6, 113, START * 10**9)]


@pytest.mark.parametrize(
    ("snap_length", "data", "original"),
    [(0, b"all of it", 9), (96, b"all of it", 9), (4, b"some", 1500), (2**32 - 1, b"all of it", 9)],
)
def test_a_simple_packet_is_as_long_as_the_snapshot_length_lets_it(
    snap_length: int, data: bytes, original: int
) -> None:
    """A simple packet belongs to the first interface, and its captured length is limited by the snapshot length."""
    made = pcapng(interface(snap_length=snap_length), interface(link=113), simple(data, original=original))

    assert [(row.data, row.original, row.layer) for row in read(made).rows] == [(data, original, 1)]


def test_a_simple_packet_has_the_time_of_the_packet_before_it() -> None:
    """A simple packet gets the time of the packet before it, also across sections, and 0 if there is none."""
    early, late = START * 10**6, (START + 60) * 10**6
    packets = (simple(b"1"), enhanced(b"2", ticks=early), simple(b"3"), enhanced(b"4", ticks=late), simple(b"5"))
    section = pcapng(interface(), *packets)

    times = [row.time // 10**9 for row in read(section + section).rows]

    assert times == [0, START, START, START + 60, START + 60, START + 60, START, START, START + 60, START + 60]


def test_every_interface_has_its_own_clock() -> None:
    """Packets of interfaces with different resolutions and offsets may alternate."""
    nanoseconds = interface(options=option(RESOLUTION, b"\x09"))
    since_2001 = interface(options=option(RESOLUTION, b"\x00") + option(OFFSET, struct.pack("<q", 10**9)))
    halves = interface(options=option(RESOLUTION, b"\x81"))
    packets = [
        enhanced(b"", on=0, ticks=START * 10**6),
        enhanced(b"", on=1, ticks=START * 10**9 + 1),
        enhanced(b"", on=2, ticks=START - 10**9),
        enhanced(b"", on=3, ticks=START * 2 + 1),
        enhanced(b"", on=1, ticks=START * 10**9 + 2),
    ]

    times = [
        row.time - START * 10**9 for row in read(pcapng(interface(), nanoseconds, since_2001, halves, *packets)).rows
    ]

    assert times == [0, 1, 0, 500_000_000, 2]


def test_an_interface_may_be_described_between_packets() -> None:
    """An interface that is described between packets is known to the packets after it."""
    made = pcapng(interface(), enhanced(b"1"), interface(link=113), enhanced(b"2", on=1), enhanced(b"3"))

    assert [row.layer for row in read(made).rows] == [1, 113, 1]


def test_an_interface_that_comes_too_late_is_not_there_yet() -> None:
    """A packet that names an interface described only after it is damage, although the whole file is in memory."""
    before = pcapng(interface(), enhanced(b"1"))

    reading = read(before + enhanced(b"2", on=1) + interface(link=113))

    assert reading.payloads == [b"1"]
    assert reading.damage == f"made.pcap: byte {len(before)}: a packet names interface 1, but the section has 1 so far"


@pytest.mark.parametrize("packet", [enhanced(b"2", on=2**32 - 1), obsolete(b"2", on=2**16 - 1)])
def test_an_interface_that_does_not_exist_is_damage(packet: bytes) -> None:
    """A packet that names an unknown interface is damage, up to the highest possible number."""
    reading = read(pcapng(interface(), enhanced(b"1"), packet, enhanced(b"3")))

    assert reading.payloads == [b"1"]
    assert "a packet names interface" in reading.damage


def test_a_simple_packet_needs_an_interface_too() -> None:
    """A simple packet in a section without interfaces is damage, because its link type is unknown."""
    assert "interface 0, but the section has 0 so far" in read(section_header() + simple(b"packet")).damage


@pytest.mark.parametrize("claimed", [9, 12, 2**31, 2**32 - 1])
@pytest.mark.parametrize("kind", [2, 6])
def test_a_packet_that_claims_more_than_its_block_has_is_damage(kind: int, claimed: int) -> None:
    """A packet that claims more captured bytes than its block has room for is damage."""
    packet = block(kind, struct.pack("<IIIII", 0, 0, 0, claimed, claimed) + b"8 bytes.")

    reading = read(pcapng(interface(), enhanced(b"before"), packet, enhanced(b"after")))

    assert reading.payloads == [b"before"]
    assert f"a packet claims {claimed} captured bytes, but its block has 8" in reading.damage


def test_a_simple_packet_that_claims_more_than_its_block_has_is_damage() -> None:
    """A simple packet that is too long for its block is damage, even if limited by the snapshot length."""
    reading = read(pcapng(interface(snap_length=96), simple(b"8 bytes.", original=97)))

    assert "a packet claims 96 captured bytes, but its block has 8" in reading.damage


@pytest.mark.parametrize(("kind", "least"), [(1, 20), (2, 32), (3, 16), (6, 32)])
@pytest.mark.parametrize("order", ORDERS)
def test_a_block_too_short_for_its_type_is_damage(kind: int, least: int, order: Order) -> None:
    """A block too short for its type is damage, although there are bytes after it."""
    before = pcapng(interface(order), enhanced(b"before", order), order=order)
    short = block(kind, bytes(least - 16), order)

    reading = read(before + short + bytes(64))

    assert reading.payloads == [b"before"]
    assert reading.damage == (
        f"made.pcap: byte {len(before)}: a block of type {kind} has {least - 4} bytes, but the minimum is {least}"
    )


@pytest.mark.parametrize("kind", [1, 3, 4, 6, 0xBAD])
def test_a_block_whose_sizes_differ_is_damage(kind: int) -> None:
    """A block of any type whose two lengths differ is damage, and nothing after it is used."""
    before = pcapng(interface(), enhanced(b"before"))
    wrong = block(kind, bytes(24))[:-4] + struct.pack("<I", 40)

    reading = read(before + wrong + enhanced(b"after"))

    assert reading.payloads == [b"before"]
    assert reading.damage == f"made.pcap: byte {len(before)}: the two lengths of a block differ: 36 and 40 bytes"


def test_the_first_of_several_damages_is_the_one_that_is_told() -> None:
    """The first damage of several is reported, whatever its kind, and only the packets before it are used."""
    stray = enhanced(b"stray", on=7)
    misdescribed = interface(options=option(RESOLUTION, b"12"))
    misshapen = enhanced(b"misshapen")[:-4] + bytes(4)
    words = {stray: "names interface 7", misdescribed: "if_tsresol has 2 bytes", misshapen: "and 0 bytes"}

    for first, message in words.items():
        others = b"".join(other for other in words if other != first)
        reading = read(pcapng(interface(), enhanced(b"before"), first) + others)

        assert reading.payloads == [b"before"]
        assert message in reading.damage


def test_there_are_only_so_many_interfaces() -> None:
    """The number of interfaces in a section is limited to 65536, and one more is damage."""
    before = pcapng(*[interface()] * 2**16, enhanced(b"packet", on=2**16 - 1))

    reading = read(before + interface())

    assert reading.payloads == [b"packet"]
    assert reading.damage == f"made.pcap: byte {len(before)}: a section has more than 65536 interfaces"
