"""Marks of pcapng packets: direction and errors in the flags of a packet, wherever they stand among its options."""

from __future__ import annotations

import struct

import pytest

from shodohflo.columns.frames import FAILED_CHECK, SENT
from support.savefiles import Order, block, enhanced, flags, interface, obsolete, option, pcapng, read, simple

ORDERS: list[Order] = ["<", ">"]
END = bytes(4)


def layers(*packets: bytes, order: Order = "<") -> list[int]:
    """Return the layers of the packets of a file with one Ethernet interface."""
    reading = read(pcapng(interface(order), *packets, order=order))
    assert not reading.damage
    return [row.layer for row in reading.rows]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("made", [enhanced, obsolete])
@pytest.mark.parametrize("data", [b"", b"1", b"1234"])
def test_an_outbound_packet_is_marked_as_sent(order: Order, made: type[bytes], data: bytes) -> None:
    """Direction 2 means sent; 0 is unknown, 1 inbound, and 3 has no meaning."""
    packets = [made(data, order, options=flags(direction, order)) for direction in (0, 1, 2, 3)]  # type: ignore[call-overload]

    assert layers(*packets, order=order) == [1, 1, SENT, 1]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("bit", "layer"),
    [(bit, FAILED_CHECK if bit in {24, 28, 31} else 1) for bit in (4, 9, 16, *range(23, 32))],
)
def test_a_packet_with_wrong_bits_is_marked_as_failed(order: Order, bit: int, layer: int) -> None:
    """A failed check, a frame not of whole bytes and a wrong symbol mean wrong bits; other errors do not."""
    assert layers(enhanced(b"packet", order, options=flags(1 << bit, order)), order=order) == [layer]


def test_a_sent_packet_is_not_received_whatever_its_errors() -> None:
    """A packet that is outbound and has errors is sent."""
    assert layers(enhanced(b"packet", options=flags(2 | 1 << 24))) == [SENT]


@pytest.mark.parametrize("order", ORDERS)
def test_the_flags_may_stand_anywhere_among_other_options(order: Order) -> None:
    """Comments, hashes and unknown options before and after the flags are stepped over."""
    options = [option(1, b"a comment", order), option(3, b"\x02" + bytes(5), order), option(0x8001, b"", order)]
    between = b"".join([*options, flags(2, order), option(4, bytes(8), order), END])

    assert layers(enhanced(b"packet", order, options=between), enhanced(b"plain", order), order=order) == [SENT, 1]


@pytest.mark.parametrize(
    "options",
    [
        END + flags(2),
        option(2, struct.pack("<H", 2)),
        option(2, struct.pack("<Q", 2)),
        struct.pack("<HH", 2, 4),
        struct.pack("<HH", 1, 0xFFFF) + flags(2),
        option(1, b"") * 300 + flags(2),
        flags(2)[:4],
    ],
    ids=["after the end", "too short", "too long", "cut", "after a cut one", "after 300 others", "without a value"],
)
def test_flags_that_cannot_be_read_mark_nothing(options: bytes) -> None:
    """Flags after the end, of another size, or after a malformed option are ignored, and the packet is used."""
    assert layers(enhanced(b"packet", options=options), enhanced(b"next")) == [1, 1]


def test_a_simple_packet_has_no_options() -> None:
    """Bytes after the packet of a simple packet block are no options."""
    made = block(3, struct.pack("<I", 4) + b"four" + flags(2))

    assert layers(made, simple(b"packet")) == [1, 1]


def test_sections_of_both_byte_orders_have_their_own_flags() -> None:
    """The flags of a packet are in the byte order of its section."""
    parts = [pcapng(interface(order), enhanced(b"", order, options=flags(2, order)), order=order) for order in ORDERS]

    assert [row.layer for row in read(b"".join(parts * 3)).rows] == [SENT] * 6
