"""The main loop of decoding: each row is passed on, decoded or refused, none is lost, and levels are bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.decoding import MAX_DEPTH, DecoderTable, Decoding
from shodohflo.wire.layers import IPV4_PAYLOAD, IPV6_PAYLOAD, LINK
from shodohflo.wire.rows import Rows
from support.packets import frames_of

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN, TCP = 1, IPV4_PAYLOAD + 6


def rows_of(count: int) -> Rows:
    """Return rows of frames of one byte, which is the number of the row modulo 256."""
    return Rows.from_frames(frames_of(*(bytes([number % 256]) for number in range(count))))


def find(decoding: Decoding[Rows], rows: Rows) -> None:
    """Report every row as decoded."""
    decoding.decoded.append(rows)


def step(decoding: Decoding[Rows], rows: Rows) -> None:
    """Pass a row to TCP once `octets` has reached its first byte; otherwise add 1 to it and repeat the same layer."""
    there = rows.octets >= rows.u8(0)
    decoding.next_header(rows.keep(there), TCP)
    rest = rows.keep(~there)
    decoding.next_header(
        Rows(rest.data, rest.frame, rest.at, rest.end, rest.wire_end, rest.network, rest.octets + 1), BEGIN
    )


def tell(decoding: Decoding[Any]) -> dict[str, list[int]]:
    """Return the frames that were decoded, and those that were refused, by reason."""
    told: dict[str, list[int]] = {}
    for reason, rows in [*decoding.refused, *(("found", rows) for rows in decoding.decoded)]:
        told.setdefault(str(reason), []).extend(rows.frame.tolist())
    return {reason: sorted(frames) for reason, frames in told.items()}


@given(
    st.lists(st.sampled_from([0, 1, 2, 5, 9, 1023, 1024, 60_000, ETHERTYPE + 1, ETHERTYPE + 7]), max_size=2000),
    st.lists(st.sampled_from([0, 1, 5, ETHERTYPE + 7]), unique=True),
)
def test_dispatching_sends_each_row_to_its_own_number(numbers: list[int], known: list[int]) -> None:
    """`dispatch` passes each row to the decoder of its number, or refuses it once if there is none."""
    reached: dict[int, list[int]] = {}

    def decoder_of(layer: int) -> Callable[[Decoding[Rows], Rows], None]:
        def decode(decoding: Decoding[Rows], rows: Rows) -> None:
            reached[layer] = rows.frame.tolist()
            decoding.decoded.append(rows)

        return decode

    decoding: Decoding[Rows] = Decoding(DecoderTable({layer: decoder_of(layer) for layer in known}))
    decoding.dispatch(rows_of(len(numbers)), LINK, np.array(numbers, np.uint32))
    decoding.run()

    told = tell(decoding)
    for layer in known:
        assert sorted(reached.get(layer, [])) == [row for row, number in enumerate(numbers) if number == layer]
    assert sorted(frame for frames in told.values() for frame in frames) == list(range(len(numbers)))
    assert told.get("not_ip", []) == [
        row for row, number in enumerate(numbers) if number >= ETHERTYPE and number not in known
    ]


@pytest.mark.parametrize("count", [10, 5000])
def test_many_unread_numbers_are_few_refusals(count: int) -> None:
    """Rows without a decoder are refused in one step per reason, not in one per number."""
    decoding: Decoding[Rows] = Decoding(DecoderTable({ETHERTYPE + 0x0800: find}))

    decoding.dispatch(rows_of(count), ETHERTYPE, np.arange(count, dtype=np.uint16))

    assert [(str(reason), len(rows)) for reason, rows in decoding.refused] == [("not_ip", count - (count > 0x0800))]


def test_transport_headers_are_read_once_for_all_levels() -> None:
    """The transport decoder is called once, whatever the depth of each row."""
    asked: list[int] = []

    def transport(decoding: Decoding[Rows], rows: Rows) -> None:
        asked.append(len(rows))
        decoding.decoded.append(rows)

    decoding: Decoding[Rows] = Decoding(DecoderTable({BEGIN: step, TCP: transport}))
    rows = rows_of(20)
    decoding.next_header(
        Rows(rows.data, rows.frame, rows.at, rows.end, rows.wire_end, rows.network, rows.octets * 0), BEGIN
    )
    decoding.run()

    assert asked == [20]


def test_what_goes_too_deep_is_refused_and_the_rest_is_found() -> None:
    """A row is refused as too deep after exactly `MAX_DEPTH` headers."""
    decoding: Decoding[Rows] = Decoding(DecoderTable({BEGIN: step, TCP: find}))
    rows = rows_of(2 * MAX_DEPTH)
    decoding.next_header(
        Rows(rows.data, rows.frame, rows.at, rows.end, rows.wire_end, rows.network, rows.octets * 0), BEGIN
    )

    decoding.run()

    assert tell(decoding) == {"found": list(range(MAX_DEPTH)), "too_deep": list(range(MAX_DEPTH, 2 * MAX_DEPTH))}


def test_requiring_keeps_what_was_captured() -> None:
    """`require` refuses rows of which too few bytes were captured, even if more were sent."""
    decoding: Decoding[Rows] = Decoding(DecoderTable({}))
    rows = Rows.from_frames(frames_of(b"", b"1", b"22", b"333", original=10))

    kept = decoding.require(rows, 2, "cut")

    assert kept.frame.tolist() == [2, 3]
    assert tell(decoding) == {"cut": [0, 1]}


def test_no_rows_leave_no_trace() -> None:
    """Passing on, refusing or opening no rows has no effect."""
    decoding: Decoding[Rows] = Decoding(DecoderTable({BEGIN: find}))
    none = rows_of(0)

    decoding.next_header(none, BEGIN)
    decoding.dispatch(none, LINK, np.zeros(0, np.uint32))
    decoding.refuse(none, "reason")
    decoding.open(none, "tunnel")
    decoding.look_inside(none, BEGIN, "tunnel")
    decoding.run()

    assert (tell(decoding), decoding.opened, decoding.inside) == ({}, {}, [])


def test_rows_to_be_looked_into_wait() -> None:
    """Payloads of tunnels are counted as opened and queued in `inside`, but not decoded by `run`."""
    decoding: Decoding[Rows] = Decoding(DecoderTable({BEGIN: find}))

    decoding.look_inside(rows_of(3), BEGIN, "vxlan")
    decoding.run()

    assert decoding.opened == {"vxlan": 3}
    assert decoding.waiting() == 0
    assert [(layer, len(rows)) for layer, rows in decoding.inside] == [(BEGIN, 3)]


def test_a_decoder_is_found_by_its_layer() -> None:
    """A lookup returns the decoder of a layer, or `None`."""
    table = DecoderTable({1: find, ETHERTYPE + 0x0800: find})

    assert table.get(1) is find
    assert table.get(2) is None
    assert table.layers() == [1, ETHERTYPE + 0x0800]


def test_numbers_are_told_by_base_in_the_order_of_the_table() -> None:
    """The numbers of a base keep the order of the table, so that the usual ones are tried first."""
    table = DecoderTable({IPV4_PAYLOAD + 17: find, IPV4_PAYLOAD + 6: find, ETHERTYPE + 5: find})

    assert table.numbers(IPV4_PAYLOAD) == [17, 6]
    assert table.numbers(ETHERTYPE) == [5]


def test_a_frame_may_begin_with_a_link_type_or_an_ethertype() -> None:
    """The layer of a frame is a link type, or an EtherType where the link header is gone."""
    table = DecoderTable({ETHERTYPE + 0x0800: find, 1: find, IPV4_PAYLOAD + 6: find})

    assert table.numbers(LINK) == [ETHERTYPE + 0x0800, 1]


def test_numbers_with_the_same_decoder_reach_it_in_one_call() -> None:
    """Rows whose numbers have the same decoder are decoded together, and a number without one is still refused."""
    decoding: Decoding[Rows] = Decoding(DecoderTable({IPV6_PAYLOAD + number: find for number in (0, 43, 60)}))
    decoding.dispatch(rows_of(5), IPV6_PAYLOAD, np.array([60, 0, 43, 99, 60], np.uint8))
    decoding.run()

    assert [sorted(rows.frame.tolist()) for rows in decoding.decoded] == [[0, 1, 2, 4]]
    assert decoding.unread == {IPV6_PAYLOAD + 99: 1}
