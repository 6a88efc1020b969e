"""pcap files: every version of the header, extreme lengths, cuts at every place, and damage."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.frames import SENT
from support.savefiles import (
    MODIFIED,
    NANOSECONDS,
    START,
    Drip,
    Order,
    Row,
    pcap,
    pcap_header,
    read,
    record,
)

LARGEST = 262144
PAYLOADS = [b"first", b"", b"the third of them"]
ORDERS: list[Order] = ["<", ">"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_record_tells_bytes_lengths_link_type_and_time(order: Order) -> None:
    """A record gives the bytes, lengths, link type and time of a packet, in both byte orders."""
    made = pcap_header(order, link=113) + record(b"packet", order, original=1500, time=(START, 999_999))

    reading = read(made)

    assert reading.damage == ""
    assert reading.rows == [Row(b"packet", 1500, 113, START * 10**9 + 999_999_000)]


@pytest.mark.parametrize("order", ORDERS)
def test_a_file_may_count_nanoseconds(order: Order) -> None:
    """The magic number for nanoseconds makes the fraction of a timestamp nanoseconds."""
    made = pcap_header(order, magic=NANOSECONDS) + record(b"packet", order, time=(START, 999_999_999))

    assert read(made).rows == [Row(b"packet", 6, 1, START * 10**9 + 999_999_999)]


def test_seconds_are_unsigned() -> None:
    """Timestamps go on after January 2038, and the highest one does not overflow."""
    made = pcap_header() + record(b"", time=(2**32 - 1, 2**32 - 1))

    assert [row.time for row in read(made).rows] == [(2**32 - 1) * 10**9 + (2**32 - 1) * 1000]


@pytest.mark.parametrize("order", ORDERS)
def test_a_modified_file_has_longer_record_headers(order: Order) -> None:
    """Files of a patched libpcap have the interface, protocol and packet type in each record header."""
    extra = struct.pack(f"{order}IHBx", 2, 0x0800, 4)
    records = [record(data, order)[:16] + extra + data for data in PAYLOADS]

    reading = read(pcap_header(order, magic=MODIFIED) + b"".join(records))

    assert (reading.payloads, reading.damage) == (PAYLOADS, "")


@pytest.mark.parametrize("order", ORDERS)
def test_a_modified_file_marks_the_packets_that_the_host_sent(order: Order) -> None:
    """A record of packet type 4 in a modified file was sent by the capturing host."""
    headers = [struct.pack(f"{order}IIIIIHBx", START, 0, 3, 3, 2, 0x0800, kind) for kind in (0, 4, 3, 4)]

    reading = read(pcap_header(order, magic=MODIFIED) + b"".join(header + b"abc" for header in headers))

    assert [row.layer for row in reading.rows] == [1, SENT, 1, SENT]
    assert reading.payloads == [b"abc"] * 4


@pytest.mark.parametrize("version", [(2, 0), (2, 1), (2, 2), (543, 0)])
def test_old_files_have_the_original_length_first(version: tuple[int, int]) -> None:
    """Before version 2.3, the original length precedes the captured length."""
    old = struct.pack("<IIII", START, 0, 1500, 6) + b"packet"

    reading = read(pcap_header(version=version) + old + old)

    assert [(row.data, row.original) for row in reading.rows] == [(b"packet", 1500)] * 2


def test_files_of_version_2_3_have_them_either_way() -> None:
    """In version 2.3, the smaller of the two lengths is the captured length."""
    either = struct.pack("<IIII", START, 0, 1500, 6) + b"packet" + struct.pack("<IIII", START, 0, 6, 1500) + b"packet"

    reading = read(pcap_header(version=(2, 3)) + either)

    assert [(row.data, row.original) for row in reading.rows] == [(b"packet", 1500)] * 2


@pytest.mark.parametrize("version", [(1, 0), (2, 5), (3, 0), (543, 1), (0, 0), (65535, 65535)])
def test_an_unknown_version_is_told(version: tuple[int, int]) -> None:
    """A file of an unsupported version is an error, and no packet is read."""
    reading = read(pcap_header(version=version) + record(b"packet"))

    assert reading.rows == []
    assert reading.damage == (
        f"made.pcap: byte 4: pcap version {version[0]}.{version[1]} is not supported (2.0 to 2.4 are)"
    )


def test_what_was_captured_is_never_more_than_what_there_was() -> None:
    """An original length below the captured length is raised to it."""
    assert [row.original for row in read(pcap_header() + record(b"packet", original=3)).rows] == [6]


def test_the_upper_half_of_the_link_type_is_not_part_of_it() -> None:
    """The upper half of the link type field, about frame check sequences, is ignored."""
    assert read(pcap_header(link=0x5400_0001) + record(b"packet")).rows[0].layer == 1


@pytest.mark.parametrize("order", ORDERS)
def test_a_file_cut_anywhere_gives_all_complete_records_and_says_where_it_broke(order: Order) -> None:
    """A cut file yields all complete packets, then an error at the cut record."""
    whole = pcap(PAYLOADS, order)
    boundaries = [24, 24 + 21, 24 + 21 + 16, len(whole)]

    for length in range(4, len(whole) + 1):
        reading = read(whole[:length])

        begun = max([0, *(boundary for boundary in boundaries if boundary <= length)])
        assert reading.payloads == PAYLOADS[: max(sum(boundary <= length for boundary in boundaries) - 1, 0)]
        assert reading.damage.startswith(f"made.pcap: byte {begun}: cut short: ") == (length not in boundaries)
        assert "\n" not in reading.damage


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_the_size_of_the_pieces_a_file_comes_in_changes_nothing(step: int) -> None:
    """The result does not depend on the size of the pieces in which a file arrives."""
    whole = pcap(PAYLOADS)

    assert read(Drip(whole, step)) == read(whole)  # type: ignore[arg-type]  # typeshed: a raw stream is no BinaryIO


def test_rubbish_after_the_records_ends_reading_after_them() -> None:
    """Rubbish after the last record is reported with its place, and the packets before it are used."""
    whole = pcap(PAYLOADS)

    reading = read(whole + b"\xff" * 100)

    assert reading.payloads == PAYLOADS
    assert reading.damage == (
        f"made.pcap: byte {len(whole)}: a record claims 4294967295 captured bytes, but the maximum is 262144"
    )


@pytest.mark.parametrize("claimed", [LARGEST + 1, 2**31 - 1, 2**31, 2**32 - 1])
def test_an_absurd_length_is_damage_at_once(claimed: int) -> None:
    """A captured length above the maximum is damage at once, without waiting for so many bytes."""
    made = pcap(PAYLOADS) + struct.pack("<IIII", START, 0, claimed, claimed) + bytes(100)

    reading = read(made)

    assert reading.payloads == PAYLOADS
    assert f"a record claims {claimed} captured bytes" in reading.damage


def test_the_largest_record_there_may_be_is_read() -> None:
    """A record of the maximum size, which is libpcap's, is read."""
    assert read(pcap([bytes(LARGEST), b"next"])).payloads == [bytes(LARGEST), b"next"]


@pytest.mark.parametrize(("snap_length", "limit"), [(524288, 524288), (0, LARGEST), (2**32 - 1, LARGEST)])
def test_a_longer_snapshot_length_is_believed_within_reason(snap_length: int, limit: int) -> None:
    """A larger snapshot length raises the maximum size of a packet, but an absurd one does not."""
    header = pcap_header(snap_length=snap_length)

    assert read(header + record(bytes(limit))).damage == ""
    assert f"the maximum is {limit}" in read(header + record(bytes(limit + 1))).damage


@pytest.mark.parametrize("field", range(4, 24, 4))
@pytest.mark.parametrize("value", [0, 1, 2**31 - 1, 2**31, 2**32 - 1])
def test_no_field_of_the_file_header_breaks_the_reader(field: int, value: int) -> None:
    """With any value in a field of the file header, the records are read or an error is reported."""
    whole = pcap(PAYLOADS)

    reading = read(whole[:field] + struct.pack("<I", value) + whole[field + 4 :])

    assert reading.payloads == PAYLOADS or reading.damage


@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_no_byte_however_wrong_makes_anything_but_a_capture_error(payloads: list[bytes], data: st.DataObject) -> None:
    """Packets before a changed byte are unchanged, and the error is one line."""
    whole = pcap(payloads)
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + data.draw(st.binary(min_size=1, max_size=20)) + whole[place + 1 :]

    reading = read(changed)

    ends = [24 + sum(16 + len(payload) for payload in payloads[: count + 1]) for count in range(len(payloads))]
    untouched = sum(end <= place for end in ends)
    assert reading.payloads[:untouched] == payloads[:untouched]
    assert "\n" not in reading.damage


@given(st.binary(max_size=200))
def test_no_bytes_after_the_header_break_the_reader(rubbish: bytes) -> None:
    """Random bytes after the file header become records or damage, and every packet lies within them."""
    reading = read(pcap_header() + rubbish)

    assert sum(16 + len(payload) for payload in reading.payloads) <= len(rubbish)


USB = 220


@pytest.mark.parametrize("order", ORDERS)
def test_of_a_packet_too_long_to_be_held_the_beginning_is_used(order: Order) -> None:
    """A packet of more than 16 MiB, which a few link types have, keeps its length and its first mebibyte."""
    size = 17 << 20
    long = record(b"long" + bytes(size - 4), order)

    reading = read(pcap_header(order, link=USB) + record(b"before", order) + long + long + record(b"after", order))

    before, *kept, after = reading.rows
    assert (before.data, after.data, reading.damage) == (b"before", b"after", "")
    for row in kept:
        assert (row.data[:5], len(row.data), row.original) == (b"long\0", 2**20 - 16, size)


@pytest.mark.parametrize("missing", [1, 4, 5, 100_000])
def test_a_packet_too_long_to_be_held_may_be_cut(missing: int) -> None:
    """A long packet that is cut behind its head is damage where it begins, and is not used."""
    size = 17 << 20
    header = pcap_header(link=USB) + record(b"before")

    reading = read(header + record(bytes(size))[:-missing])

    assert reading.payloads == [b"before"]
    assert reading.damage == (
        f"made.pcap: byte {len(header)}: cut short: expected {size + 16} bytes here, found {size + 16 - missing}"
    )
