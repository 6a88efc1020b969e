"""Interface descriptions: link type, snapshot length, clock, and malformed options."""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shodohflo.capture.files.pcapng_interface import InterfaceBlock, from_blocks
from shodohflo.capture.files.pcapng_options import MOST_OPTIONS
from support.savefiles import Order, option

ORDERS: list[Order] = ["<", ">"]
RESOLUTION, OFFSET = 9, 14


def body(options: bytes = b"", order: Order = "<") -> bytes:
    """Return the fields and options of a description, without the block around them."""
    return struct.pack(f"{order}HHI", 113, 0xFFFF, 96) + options


@pytest.mark.parametrize("order", ORDERS)
def test_without_options_ticks_are_microseconds(order: Order) -> None:
    """Without options, timestamps are microseconds since 1970."""
    assert InterfaceBlock.from_block(body(order=order), order) == InterfaceBlock(113, 96, 6, 0)


@pytest.mark.parametrize("order", ORDERS)
def test_resolution_and_offset_are_found_among_other_options(order: Order) -> None:
    """Resolution and offset are found among other options, in any order and padded to 32 bits."""
    options = [
        option(2, b"eth0!", order),
        option(OFFSET, struct.pack(f"{order}q", -3600), order),
        option(0x7FFF, b"", order),
        option(RESOLUTION, b"\x8a", order),
        option(0, b"", order),
    ]

    described = InterfaceBlock.from_block(body(b"".join(options), order), order)

    assert (described.resolution, described.offset) == (0x8A, -3600)


def test_nothing_is_read_after_the_end_of_the_options() -> None:
    """Bytes after the end-of-options option are ignored."""
    options = option(0, b"") + option(RESOLUTION, b"\x09") + b"\xff\xff\xff\xff"

    assert InterfaceBlock.from_block(body(options), "<").resolution == 6


@pytest.mark.parametrize("rest", [b"", b"\x09", b"\x09\x00\x01"])
def test_bytes_too_few_for_an_option_are_none(rest: bytes) -> None:
    """Bytes at the end of the block that are too few for an option are ignored."""
    assert InterfaceBlock.from_block(body(option(RESOLUTION, b"\x09") + rest), "<").resolution == 9


@pytest.mark.parametrize("length", [1, 4, 0xFFFF])
def test_an_option_that_runs_past_its_block_is_damage(length: int) -> None:
    """An option that is longer than the rest of its block is an error."""
    with pytest.raises(ValueError, match="option 2 of an interface runs past the end of its block"):
        InterfaceBlock.from_block(body(struct.pack("<HH", 2, length)), "<")


@pytest.mark.parametrize(
    ("code", "value", "message"),
    [
        (RESOLUTION, b"", "if_tsresol has 0 bytes, not 1"),
        (RESOLUTION, b"\x09\x09", "if_tsresol has 2 bytes, not 1"),
        (OFFSET, bytes(4), "if_tsoffset has 4 bytes, not 8"),
    ],
)
def test_a_number_of_the_wrong_size_is_damage(code: int, value: bytes, message: str) -> None:
    """A resolution or an offset of the wrong size is an error."""
    with pytest.raises(ValueError, match=message):
        InterfaceBlock.from_block(body(option(code, value)), "<")


@given(st.binary(max_size=60), st.sampled_from(ORDERS))
def test_no_options_end_in_anything_but_an_answer_or_a_value_error(options: bytes, order: Order) -> None:
    """Random options give an interface or a `ValueError`."""
    with suppress(ValueError):
        assert InterfaceBlock.from_block(body(options, order), order).layer == 113


def test_an_interface_may_have_only_so_many_options() -> None:
    """More options than are read make a description invalid, since the clock might be among them."""
    most = option(2, b"") * MOST_OPTIONS

    assert InterfaceBlock.from_block(body(most), "<").layer == 113
    with pytest.raises(ValueError, match="an interface has more than 256 options"):
        InterfaceBlock.from_block(body(most + option(RESOLUTION, b"\x09")), "<")


def some_options(order: Order) -> st.SearchStrategy[bytes]:
    """Draw options that matter and others, well-formed or not."""
    pieces = st.one_of(
        st.integers(0, 255).map(lambda value: option(RESOLUTION, bytes([value]), order)),
        st.integers(-(2**63), 2**63 - 1).map(lambda value: option(OFFSET, struct.pack(f"{order}q", value), order)),
        st.binary(max_size=5).map(lambda value: option(2, value, order)),
        st.sampled_from([option(0, b"", order), option(RESOLUTION, b"12", order), option(OFFSET, b"", order)]),
        st.binary(max_size=7),
    )
    return st.lists(pieces, max_size=5).map(b"".join)


@given(
    st.lists(st.sampled_from(ORDERS).flatmap(lambda order: st.tuples(some_options(order), st.just(order))), min_size=1)
)
@example([(option(2, b"") * MOST_OPTIONS, "<"), (option(2, b"", ">") * (MOST_OPTIONS + 1), ">"), (b"", "<")])
def test_many_descriptions_at_a_time_are_decoded_like_each_alone(several: list[tuple[bytes, Order]]) -> None:
    """Descriptions in both byte orders give the same columns as one by one, and the same ones are refused."""
    bodies = [body(options, order) for options, order in several]
    ends = np.cumsum([len(each) for each in bodies])
    big = np.array([order == ">" for _, order in several])

    made, wrong = from_blocks(memoryview(b"".join(bodies)), ends - [len(each) for each in bodies], ends, big)

    for row, (each, order) in enumerate(zip(bodies, [order for _, order in several], strict=True)):
        try:
            alone = InterfaceBlock.from_block(each, order)
        except ValueError:
            assert wrong[row]
            continue
        assert not wrong[row]
        columns = (made.layer, made.snap_length, made.resolution, made.offset)
        assert InterfaceBlock(*(int(values[row]) for values in columns)) == alone
