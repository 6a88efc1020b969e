"""Rows: positions in a buffer, read a column at a time; selecting, advancing and joining keeps the columns aligned."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.wire.rows import Header, Rows
from support.packets import frames_of


def columns(rows: Rows) -> list[list[int]]:
    """Return all columns of `rows`."""
    return [
        column.tolist()
        for column in (rows.frame, rows.at, rows.end, rows.wire_end, rows.network, rows.octets, rows.time)
    ]


@given(st.lists(st.binary(min_size=20, max_size=40), max_size=20), st.integers(0, 4))
def test_fields_are_read_in_network_order(packets: list[bytes], offset: int) -> None:
    """Fields of 1, 2, 4 and 16 bytes are read big-endian at any offset."""
    rows = Rows.from_frames(frames_of(*packets, guard=b"\xee\xee\xee"))

    assert rows.u8(offset).tolist() == [packet[offset] for packet in packets]
    assert rows.u16(offset).tolist() == [struct.unpack_from("!H", packet, offset)[0] for packet in packets]
    assert rows.u32(offset).tolist() == [struct.unpack_from("!I", packet, offset)[0] for packet in packets]
    assert rows.header(20).s16(offset).tobytes() == b"".join(packet[offset : offset + 16] for packet in packets)


def test_a_header_is_read_at_the_very_end_of_the_buffer() -> None:
    """Fields are readable up to the last byte of the buffer."""
    rows = Rows.from_frames(frames_of(b"\1\2\3\4"))

    assert rows.u32(0).tolist() == [0x01020304]
    assert rows.advance(3).u8(0).tolist() == [4]
    assert rows.advance(2).u16(0).tolist() == [0x0304]


@pytest.mark.parametrize("size", [1, 2, 4, 16, 40])
def test_nothing_is_read_of_no_rows(size: int) -> None:
    """A header of no rows is empty, even if the buffer is shorter than the header."""
    rows = Rows.from_frames(frames_of())

    assert len(rows.header(size).u8(0)) == 0


def test_columns_that_are_read_can_be_written() -> None:
    """Columns are copies: writing to them does not change the capture."""
    rows = Rows.from_frames(frames_of(b"\1\2\3\4"))

    for column in (rows.u8(0), rows.u16(0), rows.u32(0)):
        column[:] = 0

    assert rows.u32(0).tolist() == [0x01020304]


def test_rows_begin_with_the_frame() -> None:
    """New rows span their frames: `end` is the captured length, `wire_end` the original one."""
    rows = Rows.from_frames(frames_of(b"12345", b"123", original=5))

    assert columns(rows) == [[0, 1], [0, 5], [5, 8], [5, 10], [0, 5], [5, 5], [0, 1_000_000_000]]
    assert rows.wire_left().tolist() == [5, 5]


@given(st.lists(st.booleans(), max_size=30))
def test_keeping_keeps_every_column_in_step(mask: list[bool]) -> None:
    """`keep` selects the same rows of every column, and copies nothing if all rows are kept."""
    rows = Rows.from_frames(frames_of(*(bytes(number) for number in range(len(mask)))))

    kept = rows.keep(np.array(mask, np.bool_))

    chosen = [row for row, keep in enumerate(mask) if keep]
    assert columns(kept) == [[column[row] for row in chosen] for column in columns(rows)]
    assert (kept is rows) == all(mask)


def test_stepping_leaves_the_ends_where_they_are() -> None:
    """`advance` moves only `at`, by one number of bytes for all rows or by one for each."""
    rows = Rows.from_frames(frames_of(b"12345", b"12345"))

    assert rows.advance(2).at.tolist() == [2, 7]
    assert rows.advance(np.array([1, 3])).at.tolist() == [1, 8]
    assert rows.advance(2).wire_left().tolist() == [3, 3]


def test_a_payload_ends_with_its_packet_or_with_what_was_captured() -> None:
    """`within` ends the captured bytes with the packet or the capture, whichever ends first."""
    rows = Rows.from_frames(frames_of(bytes(10), bytes(10), original=20)).advance(1)

    inner = rows.within(np.array([2, 3]), np.array([5, 15]))

    assert inner.at.tolist() == [3, 14]
    assert inner.end.tolist() == [6, 20]
    assert inner.wire_end.tolist() == [6, 26]
    assert inner.network.tolist() == rows.at.tolist()
    assert inner.octets.tolist() == [5, 15]


def test_what_carries_a_header_ends_with_the_packet_around_it_or_with_the_frame() -> None:
    """`carried` counts up to the end of the IP packet, even beyond the frame; before one, to that of the frame."""
    rows = Rows.from_frames(frames_of(bytes(10), bytes(10), original=20)).advance(1)

    assert rows.carried().tolist() == [19, 19]
    assert rows.within(np.array([2, 3]), np.array([5, 50])).carried().tolist() == [3, 47]


def test_a_packet_of_unknown_length_is_limited_by_the_longest_only() -> None:
    """`open_ended` lets lengths exceed the packet, and changes neither its own length nor what may be read."""
    rows = Rows.from_frames(frames_of(bytes(10), bytes(10))).within(2, np.array([6, 6]))

    opened = rows.open_ended(np.array([True, False]), 100)

    assert opened.wire_left().tolist() == [98, 4]
    assert opened.carried().tolist() == rows.carried().tolist() == [4, 4]
    assert opened.end.tolist() == rows.end.tolist()
    assert rows.open_ended(np.array([False, False]), 100) is rows


def test_what_stands_behind_a_position_is_cut_off() -> None:
    """`up_to` ends captured bytes, limit and length at a position, unless they end before it."""
    rows = Rows.from_frames(frames_of(bytes(10), bytes(10), original=20)).advance(2)

    assert columns(rows.up_to(np.array([8, 25])))[1:6] == [[2, 12], [8, 20], [8, 25], [0, 10], [8, 15]]


def test_a_check_sequence_is_the_last_four_bytes_that_were_sent() -> None:
    """Without its check sequence a frame ends 4 bytes earlier on the wire, captured or not."""
    rows = Rows.from_frames(frames_of(bytes(10), bytes(10), bytes(17), original=20))

    stripped = rows.without_check_sequence(np.array([True, False, True]))

    assert stripped.end.tolist() == [10, 20, 36]
    assert stripped.wire_left().tolist() == stripped.carried().tolist() == [16, 20, 16]
    assert rows.without_check_sequence(np.zeros(3, np.bool_)) is rows


def test_joining_puts_rows_one_after_the_other() -> None:
    """`concatenate` appends rows in order, and does not copy a single part."""
    rows = Rows.from_frames(frames_of(b"1", b"22", b"333"))
    parts = [rows.keep(np.arange(3) == row) for row in range(3)]

    assert columns(Rows.concatenate(parts)) == columns(rows)
    assert Rows.concatenate(parts[:1]) is parts[0]


class Pair(Header):
    """A header of two bytes."""

    SIZE = 2


def test_a_header_keeps_its_kind() -> None:
    """Selected rows of a header class have the same class; selecting all rows does not copy."""
    header = Pair.of(Rows.from_frames(frames_of(b"\1\2\3", b"\4\5\6")))

    kept = header.keep(np.array([False, True]))

    assert isinstance(kept, Pair)
    assert kept.octets.tolist() == [[4, 5]]
    assert header.keep(np.array([True, True])) is header


def test_a_header_may_be_fetched_in_part() -> None:
    """A decoder may fetch fewer bytes than the whole header."""
    rows = Rows.from_frames(frames_of(b"\1"))

    assert Pair.of(rows, 1).u8(0).tolist() == [1]
