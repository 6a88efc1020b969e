"""Options: those of many blocks are read together, each block as if it were alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.files.pcapng_options import MOST_OPTIONS, each_option
from support.savefiles import Order, option

Told = tuple[int, bytes]
"""The code and the value of an option."""


def alone(data: bytes, order: Order) -> list[Told]:
    """Return the options of one block up to the first that is malformed, read one by one."""
    found: list[Told] = []
    endian = "little" if order == "<" else "big"
    while len(data) >= 4:
        code, length = (int.from_bytes(data[at : at + 2], endian) for at in (0, 2))  # type: ignore[arg-type]
        if code == 0:
            break
        found.append((code, data[4 : 4 + length]))
        if len(data) < 4 + length:
            break
        data = data[4 + (length + 3) // 4 * 4 :]
    return found


def together(several: list[tuple[bytes, Order]]) -> list[list[Told]]:
    """Return the options of each block, read with those of all others."""
    ends = np.cumsum([len(data) for data, _ in several]).astype(np.int64)
    begins = ends - np.array([len(data) for data, _ in several])
    whole, big = b"".join(data for data, _ in several), np.array([order == ">" for _, order in several])
    found: list[list[Told]] = [[] for _ in several]
    for options in each_option(memoryview(whole + bytes(4)), begins, ends, big):
        columns = (options.block, options.code, options.value, options.length)
        for block, code, value, length in zip(*(column.tolist() for column in columns), strict=True):
            found[block].append((code, whole[value : min(value + length, ends[block])]))
    return found


def blocks() -> st.SearchStrategy[tuple[bytes, Order]]:
    """Draw the options of a block in either byte order, well-formed or not."""

    def of(order: Order) -> st.SearchStrategy[tuple[bytes, Order]]:
        sound = st.builds(lambda code, value: option(code, value, order), st.integers(0, 3), st.binary(max_size=9))
        pieces = st.lists(st.one_of(sound, st.binary(max_size=6)), max_size=6).map(b"".join)
        return st.tuples(pieces, st.just(order))

    return st.one_of(of("<"), of(">"))


@given(st.lists(blocks(), min_size=1, max_size=6))
def test_options_read_together_are_those_of_each_block(several: list[tuple[bytes, Order]]) -> None:
    """Whatever the blocks contain, each has the options that it has alone."""
    assert together(several) == [alone(*each) for each in several]


def test_a_block_cannot_cost_more_than_a_bounded_number_of_steps() -> None:
    """However many options there are, there is one step more than the most that are read, for all blocks together."""
    data = option(1, b"") * 20_000
    ends = np.full(50, len(data), np.int64)

    steps = list(each_option(memoryview(data), np.zeros(50, np.int64), ends, np.zeros(50, np.bool_)))

    assert [len(step) for step in steps] == [50] * (MOST_OPTIONS + 1)


def test_no_blocks_have_no_options() -> None:
    """Nothing is read of no blocks, and of blocks without room for an option."""
    none = np.zeros(0, np.int64)

    assert not list(each_option(memoryview(b""), none, none, np.zeros(0, np.bool_)))
    assert together([(b"", "<"), (b"\1\0\0", "<")]) == [[], []]
