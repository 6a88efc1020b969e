"""The plain walk finds every complete record once, and where the last one ends."""

from __future__ import annotations

import numpy as np
import pytest

from shodohflo.capture.files.pcap import Pcap
from shodohflo.capture.files.records import NO_RECORD, LongRecord, join, mixed_words, needed, walk, words
from shodohflo.columns.frames import Frames
from support.savefiles import START, pcap_header, record

RECORDS = Pcap.open(memoryview(pcap_header()))
DATA = memoryview(record(b"first") + record(b"") + record(b"third"))
BEGINS = [0, 21, 37]


def test_the_walk_finds_where_every_record_begins() -> None:
    """The walk returns the offset of every record and the end of the last one."""
    assert walk(RECORDS, DATA, 0, len(DATA)) == (BEGINS, len(DATA))


def test_the_walk_may_begin_at_any_record() -> None:
    """The walk starts at any record, and its offsets are those in the whole data."""
    assert walk(RECORDS, DATA, 21, len(DATA)) == (BEGINS[1:], len(DATA))


@pytest.mark.parametrize("until", range(len(DATA) + 5))
def test_the_walk_looks_at_no_record_from_a_place_on(until: int) -> None:
    """The walk stops before the first record that begins at or after `until`; the last one may reach beyond it."""
    begins, end = walk(RECORDS, DATA, 0, until)

    assert begins == [begin for begin in BEGINS if begin < until]
    assert end == (0 if not begins else [*BEGINS, len(DATA)][len(begins)])


@pytest.mark.parametrize("length", range(len(DATA)))
def test_what_is_needed_is_a_header_first_and_a_record_then(length: int) -> None:
    """The bytes needed at a cut are a header until that is complete, and the whole record from then on."""
    data = DATA[:length]
    _, end = walk(RECORDS, data, 0, length)
    size = [21, 16, 21][BEGINS.index(end)]

    assert needed(RECORDS, data, end) == (16 if length - end < 16 else size)


def test_what_cannot_be_a_record_ends_the_walk() -> None:
    """An impossible record ends the walk, and the bytes needed for it are `NO_RECORD`."""
    data = memoryview(bytes(DATA) + b"\xff" * 16)

    assert walk(RECORDS, data, 0, len(data)) == (BEGINS, len(DATA))
    assert needed(RECORDS, data, len(DATA)) == NO_RECORD


def test_words_are_read_wherever_they_lie() -> None:
    """Words are read at any offset, aligned or not, up to the last byte, as one row for each offset."""
    data = memoryview(bytes(range(11)))

    assert words(data, np.array([0, 3]), 2, ">").tolist() == [[0x00010203, 0x04050607], [0x03040506, 0x0708090A]]
    assert words(data, np.array([7]), 1, "<").tolist() == [[0x0A090807]]


def test_no_offsets_are_no_words() -> None:
    """Without offsets there are no rows, even if the data are too short for a word."""
    assert words(memoryview(b""), np.empty(0, np.int64), 4, "<").shape == (0, 4)


def _frames(data: memoryview, *starts: int) -> Frames:
    column = np.array(starts, np.int64)
    layer = np.ones(len(starts), np.uint32)
    return Frames(np.frombuffer(data, np.uint8), column, column + 1, column + 2, layer, column + START)


def test_parts_of_one_buffer_are_put_in_a_row() -> None:
    """Parts are joined in order and keep their types; without parts, the result is empty and has the same types."""
    joined = join(DATA, [_frames(DATA, 1, 2), _frames(DATA), _frames(DATA, 3)])
    none = join(DATA, [])

    assert (joined.start.tolist(), joined.time.tolist()) == ([1, 2, 3], [START + 1, START + 2, START + 3])
    assert (len(none), none.start.dtype.name, none.layer.dtype.name) == (0, "int64", "uint32")


@pytest.mark.parametrize("big", [[False, True, False], [True] * 3, [False] * 3])
def test_words_may_have_a_byte_order_for_each_row(big: list[bool]) -> None:
    """Rows of both byte orders are read in one step, each in its own."""
    data, offsets = memoryview(bytes(range(20))), np.array([1, 0, 9])

    made = mixed_words(data, offsets, 2, np.array(big))

    each = [words(data, offsets[row : row + 1], 2, ">" if big[row] else "<")[0].tolist() for row in range(3)]
    assert made.tolist() == each


def test_a_long_record_is_sound_if_its_tail_repeats_its_size() -> None:
    """The tail is compared with the size in the byte order of the record, if it has one."""
    frames = Frames.empty(np.empty(0, np.uint8))

    assert not LongRecord(0x01020304, frames, ">").damage(b"\1\2\3\4")
    assert not LongRecord(0x01020304, frames, "<").damage(b"\4\3\2\1")
    assert LongRecord(16, frames, "<").damage(b"\0\0\0\1").endswith("differ: 16 and 16777216 bytes")
    assert not LongRecord(16, frames).damage(b"tail")
