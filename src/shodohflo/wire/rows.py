"""Rows: places in a buffer where one and the same header begins, read a column at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from shodohflo.columns.table import Table, column, shared, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.frames import Frames


class Bytes:
    """What rows share: the buffer, as overlapping blocks, and when each frame was received."""

    def __init__(self, frames: Frames) -> None:
        """Look at the buffer of `frames`, without copying it."""
        self.time = frames.time
        self._buffer = frames.buffer
        self._blocks: dict[int, NDArray[np.void]] = {}

    def fetch(self, places: NDArray[np.int64], size: int) -> Header:
        """Copy the `size` bytes at each of `places`, which must be within the buffer."""
        blocks = self._blocks.get(size)
        if blocks is None:
            count = max(0, len(self._buffer) - size + 1)
            blocks = self._blocks[size] = np.ndarray((count,), f"V{size}", self._buffer, strides=(1,))
        return Header(blocks[places].view(np.uint8).reshape(len(places), size))


class Header:
    """The same bytes of many headers, one header in each row of a matrix.

    Fetching them all at once costs as little as fetching one field. A subclass names the fields of one kind of
    header; each access reads the column anew, and the caller may write into it.
    """

    SIZE: ClassVar[int] = 0
    """Bytes that `of` fetches: the part of the header that is always there."""

    def __init__(self, octets: NDArray[np.uint8]) -> None:
        """Take a matrix of bytes; columns behind the header do no harm."""
        self.octets = octets

    @classmethod
    def of(cls, rows: Rows, size: int = 0) -> Self:
        """Fetch the header at each row's `at`; only its first `size` bytes if that is given.

        The bytes must have been captured (`Decoding.require`); fields that lie behind them must not be read.
        """
        return cls(rows.header(size or cls.SIZE).octets)

    def u8(self, offset: int) -> NDArray[np.uint8]:
        """Return the byte at `offset`."""
        return self.octets[:, offset].copy()

    def u16(self, offset: int) -> NDArray[np.uint16]:
        """Return the two bytes at `offset`, in network order."""
        return self.octets[:, offset : offset + 2].view(">u2")[:, 0].astype(np.uint16)

    def u32(self, offset: int) -> NDArray[np.uint32]:
        """Return the four bytes at `offset`, in network order."""
        return self.octets[:, offset : offset + 4].view(">u4")[:, 0].astype(np.uint32)

    def s16(self, offset: int) -> NDArray[np.bytes_]:
        """Return the sixteen bytes at `offset`."""
        return self.octets[:, offset : offset + 16].view("S16")[:, 0].copy()

    def keep(self, mask: NDArray[np.bool_]) -> Self:
        """Return the rows where `mask` is true; all of them without copying."""
        return self if mask.all() else type(self)(self.octets[mask])


@table
class Rows(Table):
    """The packets whose next header is of one kind, as equal-length columns.

    A decoder may read a row's bytes from `at` up to `end` and no others: it calls `Decoding.require`
    before it reads.
    """

    data: Bytes = shared()
    frame: NDArray[np.int64] = column(np.int64)
    """Which frame each row is of."""
    at: NDArray[np.int64] = column(np.int64)
    """Where the header begins."""
    end: NDArray[np.int64] = column(np.int64)
    """Where the captured bytes that belong to it end."""
    wire_end: NDArray[np.int64] = column(np.int64)
    """Where they would end, had all that was sent been captured; never before `end`."""
    network: NDArray[np.int64] = column(np.int64)
    """Where the innermost IP header begins."""
    octets: NDArray[np.int64] = column(np.int64)
    """The network-layer bytes of the innermost IP packet."""

    @classmethod
    def from_frames(cls, frames: Frames) -> Rows:
        """Begin at the first byte of each frame."""
        end, wire_end = frames.start + frames.captured, frames.start + frames.original
        return cls(Bytes(frames), np.arange(len(frames)), frames.start, end, wire_end, frames.start, frames.original)

    def header(self, size: int) -> Header:
        """Fetch the first `size` bytes of the header."""
        return self.data.fetch(self.at, size)

    def u8(self, offset: int) -> NDArray[np.uint8]:
        """Read one byte, `offset` bytes into the header."""
        return self.data.fetch(self.at + offset, 1).u8(0)

    def u16(self, offset: int) -> NDArray[np.uint16]:
        """Read two bytes in network order."""
        return self.data.fetch(self.at + offset, 2).u16(0)

    def u32(self, offset: int) -> NDArray[np.uint32]:
        """Read four bytes in network order."""
        return self.data.fetch(self.at + offset, 4).u32(0)

    @property
    def time(self) -> NDArray[np.int64]:
        """When each row's frame was received, in ns since 1970."""
        return self.data.time[self.frame]

    def wire_left(self) -> NDArray[np.int64]:
        """Count the bytes from the header to the end of what was sent."""
        return self.wire_end - self.at

    def advance(self, size: int | NDArray[Any]) -> Rows:
        """Step over `size` bytes, to the header that follows."""
        return Rows(self.data, self.frame, self.at + size, self.end, self.wire_end, self.network, self.octets)

    def within(self, header: int | NDArray[np.int64], total: NDArray[np.int64]) -> Rows:
        """Step into the payload of IP packets of `total` bytes that begin at `at` with a header of `header` bytes."""
        wire_end = self.at + total
        return Rows(self.data, self.frame, self.at + header, np.minimum(self.end, wire_end), wire_end, self.at, total)
