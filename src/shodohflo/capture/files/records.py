"""Chains of records: each contains its own size, and the next one begins where it ends.

`walk` is the simple implementation, and the specification of `lanes`, which does the same faster.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np

from shodohflo.capture.files.window import CHUNK
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


HELD: Final = CHUNK
"""Bytes of the largest record that is held in memory as a whole."""

HEAD: Final = 1 << 20
"""Bytes of the beginning of a longer one, far more than all headers of a packet have."""

TAIL: Final = 4
"""Bytes of its end: those that repeat the size of a pcapng block."""


@dataclass(frozen=True, slots=True)
class LongRecord:
    """A record too long to be held, while it is skipped up to its tail."""

    size: int
    frames: Frames
    """Its packet, from a copy of its head; or none."""
    order: ByteOrder | None = None
    """The byte order in which the tail repeats the size, if it does."""

    def damage(self, tail: bytes) -> str:
        """Say what is wrong with the record, of which `tail` are the last bytes; nothing, if it is sound."""
        if self.order is None or tail == struct.pack(f"{self.order}I", self.size):
            return ""
        return f"the two lengths of a block differ: {self.size} and {struct.unpack(f'{self.order}I', tail)[0]} bytes"


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
    long: LongRecord | None = None
    """The next record, if it is too long to be held; `need` is then about the record after it."""


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


def mixed_words(data: memoryview, offsets: NDArray[np.int64], count: int, big: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Return what `words` returns, where `big` tells the byte order of each row."""
    if big.all():
        return words(data, offsets, count, ">")
    rows = words(data, offsets, count, "<")
    if big.any():
        rows[big] = rows[big].byteswap()
    return rows
