"""pcapng files: sections, byte orders, cuts and damaged blocks."""

from __future__ import annotations

import struct
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.files.savefile import open_savefile
from support.savefiles import (
    START,
    Drip,
    Order,
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

if TYPE_CHECKING:
    from pathlib import Path

ORDERS: list[Order] = ["<", ">"]


def every_block(order: Order) -> list[bytes]:
    """Return a block of every kind, packets of two interfaces included."""
    return [
        section_header(order, options=option(4, b"by hand", order)),
        interface(order, options=option(9, b"\x09", order) + option(0, b"", order)),
        interface(order, link=113, snap_length=96, options=option(2, b"eth1", order)),
        enhanced(b"one", order),
        block(0x0BAD, struct.pack(f"{order}I", 32473) + b"custom", order),
        enhanced(b"two!", order, on=1),
        block(5, bytes(8), order),
        obsolete(b"three", order, on=1),
        block(0x7FFFFFFF, b"", order),
        simple(b"four", order),
        block(0x80000001, b"a local one", order),
    ]


MOST_MEMORY = 52 << 20
"""The most bytes that reading may allocate: a chunk, where its blocks begin, and the columns of some of them."""

PAYLOADS = [b"one", b"two!", b"three", b"four"]


@pytest.mark.parametrize("order", ORDERS)
def test_packets_of_all_kinds_come_out_in_order_and_all_else_is_skipped(order: Order) -> None:
    """Packets of all three kinds are read in order, and blocks of other types are skipped."""
    reading = read(b"".join(every_block(order)))

    assert (reading.payloads, reading.damage) == (PAYLOADS, "")
    assert [row.layer for row in reading.rows] == [1, 113, 113, 1]


def test_every_section_has_its_own_byte_order_and_interfaces() -> None:
    """Sections in one file may differ in byte order, and interface 0 is a different one in each."""
    first = pcapng(interface(link=1), enhanced(b"first"))
    second = pcapng(interface(">", link=113), enhanced(b"second", ">"), order=">")

    reading = read(first + second + first)

    assert [(row.data, row.layer) for row in reading.rows] == [(b"first", 1), (b"second", 113), (b"first", 1)]


def test_interfaces_end_with_their_section() -> None:
    """A packet that names an interface of an earlier section only is damage."""
    first = pcapng(interface(), enhanced(b"first"))

    reading = read(first + section_header() + enhanced(b"stray"))

    assert reading.payloads == [b"first"]
    assert reading.damage == (
        f"made.pcap: byte {len(first) + 28}: a packet names interface 0, but the section has 0 so far"
    )


@pytest.mark.parametrize("order", ORDERS)
def test_a_file_cut_anywhere_gives_all_complete_packets_and_says_where_it_broke(order: Order) -> None:
    """A cut file yields all complete packets, then an error at the beginning of the cut block."""
    blocks = every_block(order)
    whole = b"".join(blocks)
    ends = [sum(map(len, blocks[: count + 1])) for count in range(len(blocks))]
    holds_packet = [index in {3, 5, 7, 9} for index in range(len(blocks))]

    for length in range(4, len(whole) + 1):
        reading = read(whole[:length])

        complete = sum(end <= length for end in ends)
        assert reading.payloads == PAYLOADS[: sum(holds_packet[:complete])]
        begun = ends[complete - 1] if complete else 0
        assert reading.damage.startswith(f"made.pcap: byte {begun}: cut short: ") == (length not in ends)


@pytest.mark.parametrize("step", [1, 3, 5])
def test_the_size_of_the_pieces_a_file_comes_in_changes_nothing(step: int) -> None:
    """The result does not depend on the size of the pieces in which a file arrives."""
    whole = b"".join(every_block("<") + every_block(">"))

    assert read(Drip(whole, step)) == read(whole)  # type: ignore[arg-type]  # typeshed: a raw stream is no BinaryIO


@pytest.mark.parametrize("size", [0, 1, 4, 8, 11, 13, 14, 15, 2**24 + 4, 2**31, 2**32 - 4, 2**32 - 1])
def test_a_size_that_no_block_has_is_damage_at_once(size: int) -> None:
    """A block size that is too small, not a multiple of four, or too large is damage at once."""
    begin = pcapng(interface(), enhanced(b"before"))

    reading = read(begin + struct.pack("<II", 6, size) + bytes(64))

    assert reading.payloads == [b"before"]
    assert reading.damage == f"made.pcap: byte {len(begin)}: a block claims an invalid size of {size} bytes"


@pytest.mark.parametrize("size", [0, 12, 24, 27, 29, 2**32 - 4])
def test_a_size_that_no_section_header_has_is_damage(size: int) -> None:
    """An invalid size of a section header is damage, even at the beginning of the file."""
    reading = read(section_header()[:4] + struct.pack("<I", size) + section_header()[8:])

    assert reading.damage == f"made.pcap: byte 0: a section header claims an invalid size of {size} bytes"


def test_a_section_header_says_its_byte_order() -> None:
    """A section header without a valid byte-order magic is damage."""
    header = section_header()

    reading = read(header[:8] + b"\0\0\0\0" + header[12:])

    assert reading.damage == "made.pcap: byte 0: a section header has no byte-order magic: 00 00 00 00"


def test_a_section_header_that_contradicts_itself_is_damage() -> None:
    """A section header whose two lengths differ is damage."""
    header = section_header()

    reading = read(header[:-4] + struct.pack("<I", 32))

    assert reading.damage == "made.pcap: byte 0: the two lengths of a section header differ: 28 and 32 bytes"


def test_an_unknown_version_is_told() -> None:
    """A section of an unsupported version is an error, and the packets before it are used."""
    reading = read(pcapng(interface(), enhanced(b"before")) + section_header(major=2) + interface())

    assert reading.payloads == [b"before"]
    assert "pcapng version 2 is not supported (1 is)" in reading.damage


def test_rubbish_after_the_blocks_ends_reading_after_them() -> None:
    """Rubbish after the last block ends reading, and the packets before it are used."""
    reading = read(b"".join(every_block("<")) + b"\xff" * 30)

    assert reading.payloads == PAYLOADS
    assert "a block claims an invalid size of 4294967295 bytes" in reading.damage


def test_many_sections_in_one_piece_come_out_as_one_batch() -> None:
    """The packets of many small sections are all read."""
    section = pcapng(interface(), enhanced(b"packet"))

    assert read(section * 500).payloads == [b"packet"] * 500


MANY = {
    "sections": section_header() * 500_000,
    "sections of both byte orders": (section_header() + section_header(">")) * 250_000,
    "interfaces": (section_header() + interface()) * 300_000,
    "custom blocks": section_header() + block(0xBAD, b"") * 1_200_000,
    "options": section_header() + (interface() + enhanced(b"", options=option(1, b"") * 200)) * 15_000,
}
"""Files of about a chunk each, that are made of nothing but small things."""


@pytest.mark.parametrize("made", MANY.values(), ids=MANY)
def test_small_blocks_without_end_take_no_memory(made: bytes, tmp_path: Path) -> None:
    """However many small blocks a chunk has, the memory for decoding them is bounded."""
    capture = tmp_path / "many.pcapng"
    capture.write_bytes(made)
    tracemalloc.start()

    with open_savefile(str(capture)) as savefile:
        frames = sum(map(len, savefile))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert frames == (15_000 if made is MANY["options"] else 0)
    assert peak < MOST_MEMORY


LONG = (16 << 20) + 60_000
"""Bytes of a body that is too long to be held."""


def long_packet(kind: int, order: Order, captured: int = LONG, *, options: bytes = b"") -> bytes:
    """Return a packet block that is too long to be held; its packet begins with a word."""
    ticks = START * 10**6
    fields = [captured] if kind == 3 else [0, ticks >> 32, ticks & 0xFFFFFFFF, captured, captured]
    return block(kind, struct.pack(f"{order}{len(fields)}I", *fields) + b"long" + bytes(LONG - 4) + options, order)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [0xBAD, 4, 5, 10, 0x80000001])
def test_a_long_block_that_is_no_packet_is_skipped(kind: int, order: Order) -> None:
    """A block of any size is skipped if it is no packet, and the packets around it are used."""
    begin = section_header(order) + interface(order) + enhanced(b"before", order)

    reading = read(begin + block(kind, bytes(LONG), order) + enhanced(b"after", order))

    assert (reading.payloads, reading.damage) == ([b"before", b"after"], "")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [2, 3, 6])
def test_of_a_long_packet_the_beginning_is_used(kind: int, order: Order) -> None:
    """A packet that is too long to be held keeps its time, its length on the wire, and its first mebibyte."""
    begin = section_header(order) + interface(order) + enhanced(b"before", order)

    reading = read(begin + long_packet(kind, order) * 2 + enhanced(b"after", order))

    before, *long, after = reading.rows
    assert (before.data, after.data, reading.damage) == (b"before", b"after", "")
    for row in long:
        assert (row.data[:5], row.original, row.layer, row.time) == (b"long\0", LONG, 1, START * 10**9)
        assert 2**20 - 64 < len(row.data) <= 2**20


def test_a_long_block_takes_no_memory(tmp_path: Path) -> None:
    """Skipping a block of 100 MiB takes no more memory than any other chunk."""
    capture = tmp_path / "long.pcapng"
    size = struct.pack("<I", 100 << 20)
    with capture.open("wb") as stream:
        stream.write(pcapng(interface()) + struct.pack("<I", 0xBAD) + size)
        stream.seek((100 << 20) - 12, 1)
        stream.write(size + enhanced(b"after"))
    tracemalloc.start()

    with open_savefile(str(capture)) as savefile:
        frames = sum(map(len, savefile))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert frames == 1
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("kind", [6, 0xBAD])
def test_a_long_block_that_contradicts_itself_is_damage(kind: int) -> None:
    """A long block whose two lengths differ is damage where it begins, and its packet is not used."""
    begin = pcapng(interface(), enhanced(b"before"))
    long = long_packet(kind, "<")

    reading = read(begin + long[:-4] + bytes(4) + enhanced(b"after"))

    assert reading.payloads == [b"before"]
    assert reading.damage == f"made.pcap: byte {len(begin)}: the two lengths of a block differ: {len(long)} and 0 bytes"


@pytest.mark.parametrize("kind", [6, 0xBAD])
@pytest.mark.parametrize("missing", [1, 4, 5, 60_000])
def test_a_long_block_that_is_cut_is_damage(kind: int, missing: int) -> None:
    """A long block that is cut anywhere behind its head is damage where it begins, and its packet is not used."""
    begin = pcapng(interface(), enhanced(b"before"))
    long = long_packet(kind, "<")

    reading = read(begin + long[:-missing])

    assert reading.payloads == [b"before"]
    assert reading.damage == (
        f"made.pcap: byte {len(begin)}: cut short: expected {len(long)} bytes here, found {len(long) - missing}"
    )


LIES = {
    "far more than its packet": (long_packet(6, "<", captured=100), "a block claims an invalid size of"),
    "less than its packet": (long_packet(6, "<", captured=LONG + 1), "a packet claims 16837217 captured bytes"),
    "an unknown interface": (long_packet(6, "<").replace(bytes(4), b"\1\0\0\0", 1), "a packet names interface 1"),
    "an interface": (block(1, bytes(LONG)), "a block claims an invalid size of"),
    "a section": (block(0x0A0D0D0A, section_header()[8:24] + bytes(LONG)), "a section header claims an invalid size"),
}


@pytest.mark.parametrize(("long", "message"), LIES.values(), ids=LIES)
def test_a_long_block_that_cannot_be_is_damage_at_once(long: bytes, message: str) -> None:
    """A long block is damage if its packet, or what it describes, cannot be that long."""
    begin = pcapng(interface(), enhanced(b"before"))

    reading = read(begin + long + enhanced(b"after"))

    assert reading.payloads == [b"before"]
    assert reading.damage.startswith(f"made.pcap: byte {len(begin)}: {message}")


@given(st.sampled_from(ORDERS), st.data())
def test_no_byte_however_wrong_makes_anything_but_a_capture_error(order: Order, data: st.DataObject) -> None:
    """Packets in blocks before a changed byte are unchanged, and the error is one line."""
    blocks = every_block(order)
    whole = b"".join(blocks)
    place = data.draw(st.integers(0, len(whole) - 1))

    reading = read(whole[:place] + data.draw(st.binary(min_size=1, max_size=8)) + whole[place + 1 :])

    ends = [sum(map(len, blocks[: index + 1])) for index in (3, 5, 7, 9)]
    untouched = sum(end <= place for end in ends)
    assert reading.payloads[:untouched] == PAYLOADS[:untouched]
    assert "\n" not in reading.damage


@given(st.binary(max_size=200))
def test_no_bytes_after_a_section_header_break_the_reader(rubbish: bytes) -> None:
    """Random bytes after a section header are read as blocks or reported as damage."""
    reading = read(section_header() + rubbish)

    assert sum(map(len, reading.payloads)) <= len(rubbish)


@given(st.lists(st.tuples(st.integers(0, 8), st.binary(max_size=40)), max_size=10), st.sampled_from(ORDERS))
def test_no_well_formed_blocks_break_the_reader(bodies: list[tuple[int, bytes]], order: Order) -> None:
    """Well-formed blocks with random bodies are read or reported as damage in one line."""
    made = pcapng(*(block(kind, body, order) for kind, body in bodies), order=order)

    assert "\n" not in read(made).damage
