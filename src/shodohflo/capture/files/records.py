"""Chains of records: each says how long it is, and the next one begins where it ends.

`walk` is the plain statement of that, and the specification of `lanes`, which does the same faster.
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
"""Stands for the size of what cannot be a record: more than any data have."""


class Records(Protocol):
    """What a format knows about the records of one stretch of a file."""

    @property
    def header(self) -> int:
        """How many bytes must be there before a record's size is known."""

    def size(self, data: memoryview, offset: int) -> int:
        """Return the size of the record at `offset`, or `NO_RECORD` where the chain cannot go on."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a format made of the bytes in hand."""

    frames: Frames
    used: int
    """Bytes that have been dealt with; what follows begins with the next record."""
    need: int
    """Bytes that the next record has, as far as is known yet."""
    damage: str = ""
    """What is wrong with the next record: reading ends there."""


def walk(records: Records, data: memoryview, offset: int, until: int) -> tuple[list[int], int]:
    """Follow the chain from `offset`; return where each complete record begins, and where the last one ends.

    No record that begins at or after `until` is looked at. An end before `until` is where the chain
    cannot go on, or where the next record is not complete.
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
    """Return how many bytes the record at `offset` needs to be complete, or `NO_RECORD`."""
    if len(data) - offset < records.header:
        return records.header
    return records.size(data, offset)


def join(data: memoryview, parts: list[Frames]) -> Frames:
    """Put frames of one buffer in a row."""
    return Frames.concatenate([Frames.empty(np.frombuffer(data, np.uint8)), *parts])


def words(data: memoryview, offsets: NDArray[np.int64], count: int, order: ByteOrder) -> NDArray[np.uint32]:
    """Return `count` 32-bit words from each offset on, as one row each; all of them must be inside `data`."""
    if len(offsets) == 0:
        return np.empty((0, count), np.uint32)
    width = 4 * count
    # Every byte begins an item, so that one gather takes a whole row, wherever it lies.
    items = np.ndarray((len(data) - width + 1,), f"V{width}", data, strides=(1,))
    rows: NDArray[Any] = items[offsets].view(f"{order}u4").reshape(-1, count)
    return rows.astype(np.uint32, copy=False)
