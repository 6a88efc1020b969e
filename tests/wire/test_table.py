"""The table of decoders: found by layer, and its numbers by base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import IPV4_PAYLOAD, LINK
from shodohflo.wire.registry import TABLE
from shodohflo.wire.table import Table

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Work
    from shodohflo.wire.rows import Rows


def decoder(work: Work[Any], rows: Rows) -> None:
    """Do nothing."""


def test_a_decoder_is_found_by_its_layer() -> None:
    """And nothing by any other."""
    table = Table({1: decoder, ETHERTYPE + 0x0800: decoder})

    assert table.get(1) is decoder
    assert table.get(2) is None
    assert table.layers() == [1, ETHERTYPE + 0x0800]


def test_numbers_are_told_by_base_in_the_order_of_the_table() -> None:
    """What is usual stands first, and is looked for first."""
    table = Table({IPV4_PAYLOAD + 17: decoder, IPV4_PAYLOAD + 6: decoder, ETHERTYPE + 5: decoder})

    assert table.numbers(IPV4_PAYLOAD) == [17, 6]
    assert table.numbers(ETHERTYPE) == [5]


def test_a_frame_may_begin_with_a_link_type_or_an_ethertype() -> None:
    """A live source has had its link header read already."""
    table = Table({ETHERTYPE + 0x0800: decoder, 1: decoder, IPV4_PAYLOAD + 6: decoder})

    assert table.numbers(LINK) == [ETHERTYPE + 0x0800, 1]


def test_what_is_usual_stands_first_in_the_table_of_all() -> None:
    """The fast path is found after one or two comparisons."""
    assert TABLE.numbers(ETHERTYPE)[:2] == [0x0800, 0x86DD]
    assert TABLE.numbers(IPV4_PAYLOAD)[:2] == [6, 17]
