"""The chain of blocks, through sections of either byte order: found alike by one walk and by many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.files.lanes import walk_in_lanes
from shodohflo.capture.files.pcapng_section import Section, follow, is_size
from shodohflo.capture.files.records import NO_RECORD
from support.savefiles import Order, block, enhanced, interface, section_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDERS: list[Order] = ["<", ">"]


def chain(*sections: tuple[Order, list[bytes]]) -> tuple[bytes, list[int]]:
    """Return sections one after the other, and where each block begins."""
    pieces = [piece for order, blocks in sections for piece in (section_header(order), *blocks)]
    return b"".join(pieces), (np.cumsum([0, *map(len, pieces)])[:-1]).tolist()


def sections() -> st.SearchStrategy[tuple[Order, list[bytes]]]:
    """Draw a section with blocks in its byte order."""

    def of(order: Order) -> st.SearchStrategy[tuple[Order, list[bytes]]]:
        made = st.builds(lambda kind, body: block(kind, body, order), st.integers(0, 9), st.binary(max_size=20))
        return st.tuples(st.just(order), st.lists(made, max_size=4))

    return st.one_of(of("<"), of(">"))


@given(st.lists(sections(), min_size=1, max_size=8), st.binary(max_size=11))
def test_blocks_are_followed_through_sections_of_both_byte_orders(
    several: list[tuple[Order, list[bytes]]], rest: bytes
) -> None:
    """Every block is found, in whichever order sections alternate, up to bytes that are too few for a block."""
    data, begins = chain(*several)

    followed = follow(memoryview(data + rest), "<")

    assert (followed.offsets.tolist(), followed.end) == (begins, len(data))
    assert followed.section.order == several[-1][0]


@given(st.lists(sections(), min_size=1, max_size=4), st.data())
def test_a_cut_ends_the_chain_at_the_cut_block(several: list[tuple[Order, list[bytes]]], data: st.DataObject) -> None:
    """The chain ends where the first incomplete block begins."""
    whole, begins = chain(*several)
    length = data.draw(st.integers(0, len(whole)))

    followed = follow(memoryview(whole[:length]), "<")

    ends = [*begins[1:], len(whole)]
    complete = [begin for begin, end in zip(begins, ends, strict=True) if end <= length]
    assert followed.offsets.tolist() == complete
    assert followed.end == (ends[len(complete) - 1] if complete else 0)


def test_byte_orders_that_alternate_do_not_start_the_lanes_again_and_again() -> None:
    """However often the byte order changes, walking in lanes begins only a few times for a chunk."""
    begun = []

    def counted(section: Section, data: memoryview, offset: int) -> tuple[NDArray[np.int64], int]:
        begun.append(offset)
        return walk_in_lanes(section, data, offset)

    both: list[tuple[Order, list[bytes]]] = [("<", []), (">", [])]
    whole, begins = chain(*both * 40_000)

    assert follow(memoryview(whole), "<", counted).offsets.tolist() == begins
    assert len(begun) <= 8


@pytest.mark.parametrize("order", ORDERS)
def test_a_column_of_sizes_has_the_size_of_each_block(order: Order) -> None:
    """Sizes of many offsets are those of one, also at headers of the other byte order and at rubbish."""
    other: Order = ">" if order == "<" else "<"
    pieces = [
        section_header(order),
        interface(order),
        enhanced(b"packet", order),
        section_header(other),
        b"rubbish" * 9,
    ]
    data = b"".join(pieces)
    section = Section(order)
    fields = np.ndarray((len(data) - 3,), f"{order}u4", data, strides=(1,))
    offsets = np.arange(len(data) - section.header)

    sizes = section.sizes(fields, offsets)

    assert sizes.tolist() == [section.size(memoryview(data), offset) for offset in offsets.tolist()]
    assert NO_RECORD in sizes


@pytest.mark.parametrize(
    ("size", "good"), [(0, False), (8, False), (12, True), (13, False), (16, True), (2**32 - 4, True)]
)
def test_a_size_is_padded_and_holds_at_least_both_lengths(size: int, *, good: bool) -> None:
    """A block has at least 12 bytes and is a multiple of 4 bytes long."""
    assert is_size(size) is good
