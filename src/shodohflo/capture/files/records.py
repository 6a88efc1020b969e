"""Chains of records: each contains its own size, and the next one begins where it ends.

`walk` is the simple implementation, and the specification of `lanes`, which does the same faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np

from shodohflo.columns.frames import Frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

ByteOrder = Literal["<", ">"]

NO_RECORD: Final = 1 << 62
"""The size returned for bytes that cannot be a record; larger than any data."""


class Records(Protocol):
    """How to find the size of a record; every format implements this."""

    @property
    def header(self) -> int:
        """The number of bytes at the beginning of a record that are needed to know its size."""

    def size(self, data: memoryview, offset: int) -> int:
        """Return the size of the record at `offset`, or `NO_RECORD` if the chain ends there."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of decoding the bytes in memory."""

    frames: Frames
    used: int
    """Bytes consumed; the next record begins after them."""
    need: int
    """Bytes that the next record needs: those of its header, until its size is known."""
    damage: str = ""
    """What is wrong with the next record, if anything: reading ends there, and `need` has no meaning."""


def walk(records: Records, data: memoryview, offset: int, until: int) -> tuple[list[int], int]:
    """Follow the chain from `offset`; return where each complete record begins, and where the last one ends.

    Records that begin at or after `until` are left out. If the end is before `until`, no complete record begins there.
    """
    offsets = []
    last = min(until - 1, len(data) - records.header)
    while offset <= last:
        size = records.size(data, offset)
        if size > len(data) - offset:
            break
        offsets.append(offset)
        offset += size
    return offsets, offset


def needed(records: Records, data: memoryview, offset: int) -> int:
    """Return the size of the record at `offset` or `NO_RECORD`; if its header is incomplete, the size of that."""
    if len(data) - offset < records.header:
        return records.header
    return records.size(data, offset)


def join(data: memoryview, parts: list[Frames]) -> Frames:
    """Concatenate frames whose buffer is `data`."""
    return Frames.concatenate([Frames.empty(np.frombuffer(data, np.uint8)), *parts])


def words(data: memoryview, offsets: NDArray[np.int64], count: int, order: ByteOrder) -> NDArray[np.uint32]:
    """Return the `count` 32-bit words that begin at each offset, one row per offset; all must be inside `data`."""
    if len(offsets) == 0:
        return np.empty((0, count), np.uint32)
    width = 4 * count
    # Items of a row's width overlap, one at every byte, so that one gather copies whole rows from any alignment.
    items = np.ndarray((len(data) - width + 1,), f"V{width}", data, strides=(1,))
    rows: NDArray[Any] = items[offsets].view(f"{order}u4").reshape(-1, count)
    return rows.astype(np.uint32, copy=False)
