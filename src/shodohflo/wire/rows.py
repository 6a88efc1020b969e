"""Rows: places in a buffer where one and the same header begins, read a column at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.frames import Frames


class Bytes:
    """What rows share: a buffer seen as overlapping big-endian fields, and when each frame was received.

    Element `i` of a view begins at byte `i`.
    """

    def __init__(self, frames: Frames) -> None:
        """Look at the buffer of `frames`, without copying it."""
        self.u8 = frames.buffer
        self.time = frames.time

    @cached_property
    def u16(self) -> NDArray[Any]:
        """Two bytes at each offset."""
        return self._overlapping(">u2")

    @cached_property
    def u32(self) -> NDArray[Any]:
        """Four bytes at each offset."""
        return self._overlapping(">u4")

    @cached_property
    def s16(self) -> NDArray[Any]:
        """Sixteen bytes at each offset."""
        return self._overlapping("S16")

    def _overlapping(self, dtype: str) -> NDArray[Any]:
        count = max(0, len(self.u8) - np.dtype(dtype).itemsize + 1)
        return np.ndarray((count,), dtype, self.u8, strides=(1,))


@dataclass(frozen=True, slots=True)
class Rows:
    """The packets whose next header is of one kind, as equal-length columns.

    A decoder may read a row's bytes from `at` up to `end` and no others: it calls `Work.require`
    before it reads.
    """

    data: Bytes
    frame: NDArray[np.int64]
    """Which frame each row is of."""
    at: NDArray[np.int64]
    """Where the header begins."""
    end: NDArray[np.int64]
    """Where the captured bytes that belong to it end."""
    whole: NDArray[np.int64]
    """Where they would end, had all that was sent been captured; never before `end`."""
    network: NDArray[np.int64]
    """Where the innermost IP header begins."""
    octets: NDArray[np.int64]
    """The network-layer bytes of the innermost IP packet."""

    @classmethod
    def from_frames(cls, frames: Frames) -> Rows:
        """Begin at the first byte of each frame."""
        end, whole = frames.start + frames.captured, frames.start + frames.original
        return cls(Bytes(frames), np.arange(len(frames)), frames.start, end, whole, frames.start, frames.original)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.at)

    def u8(self, offset: int) -> NDArray[np.uint8]:
        """Read one byte, `offset` bytes into the header."""
        return self.data.u8[self.at + offset]

    def u16(self, offset: int) -> NDArray[np.uint16]:
        """Read two bytes in network order."""
        return self.data.u16[self.at + offset].astype(np.uint16)

    def u32(self, offset: int) -> NDArray[np.uint32]:
        """Read four bytes in network order."""
        return self.data.u32[self.at + offset].astype(np.uint32)

    @property
    def time(self) -> NDArray[np.int64]:
        """When each row's frame was received, in ns since 1970."""
        return self.data.time[self.frame]

    def room(self) -> NDArray[np.int64]:
        """Count the bytes from the header to the end of what was sent."""
        return self.whole - self.at

    def keep(self, mask: NDArray[np.bool_]) -> Rows:
        """Return the rows where `mask` is true; all of them without copying."""
        if mask.all():
            return self
        chosen = np.flatnonzero(mask)
        columns = (self.frame, self.at, self.end, self.whole, self.network, self.octets)
        return Rows(self.data, *(column[chosen] for column in columns))

    def advance(self, size: int | NDArray[Any]) -> Rows:
        """Step over `size` bytes, to the header that follows."""
        return Rows(self.data, self.frame, self.at + size, self.end, self.whole, self.network, self.octets)

    @staticmethod
    def join(several: list[Rows]) -> Rows:
        """Put rows over the same buffer into one."""
        if len(several) == 1:
            return several[0]
        columns = (
            np.concatenate([getattr(rows, name) for rows in several])
            for name in ("frame", "at", "end", "whole", "network", "octets")
        )
        return Rows(several[0].data, *columns)
