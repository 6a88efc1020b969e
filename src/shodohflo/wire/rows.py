"""Rows: positions in a buffer at which the same kind of header begins; its fields are read as columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from shodohflo.columns.table import Table, column, shared, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.frames import Frames

CHECK_SEQUENCE: Final = 4
"""Bytes of the check sequence at the end of an Ethernet or 802.11 frame."""


class Bytes:
    """What all rows of a decoding share: the buffer of the frames, and the time at which each was received."""

    def __init__(self, frames: Frames) -> None:
        """Refer to the buffer of `frames` without copying it."""
        self.time = frames.time
        self._buffer = frames.buffer
        self._blocks: dict[int, NDArray[np.void]] = {}

    def fetch(self, places: NDArray[np.int64], size: int) -> Header:
        """Copy the `size` bytes at each of `places`; they must lie within the buffer."""
        blocks = self._blocks.get(size)
        if blocks is None:
            count = max(0, len(self._buffer) - size + 1)
            blocks = self._blocks[size] = np.ndarray((count,), f"V{size}", self._buffer, strides=(1,))
        return Header(blocks[places].view(np.uint8).reshape(len(places), size))


class Header:
    """The bytes of many headers of one kind, as a matrix with a row for each header.

    Fetching a whole header costs little more than fetching one of its fields. A subclass has a property for each
    field. Each access copies the column again, so the caller may write into it.
    """

    SIZE: ClassVar[int] = 0
    """The bytes that `of` fetches: the part of the header that is always present."""

    def __init__(self, octets: NDArray[np.uint8]) -> None:
        """Wrap a matrix of bytes, which may have more columns than the header has bytes."""
        self.octets = octets

    @classmethod
    def of(cls, rows: Rows, size: int = 0) -> Self:
        """Fetch the header at each row's `at`, or only its first `size` bytes.

        The bytes must have been captured (`Decoding.require`). Fields beyond them must not be read.
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

    def little_u16(self, offset: int) -> NDArray[np.uint16]:
        """Return the two bytes at `offset`, in little-endian order."""
        return self.octets[:, offset : offset + 2].view("<u2")[:, 0].astype(np.uint16)

    def little_u32(self, offset: int) -> NDArray[np.uint32]:
        """Return the four bytes at `offset`, in little-endian order."""
        return self.octets[:, offset : offset + 4].view("<u4")[:, 0].astype(np.uint32)

    def s16(self, offset: int) -> NDArray[np.bytes_]:
        """Return the sixteen bytes at `offset`."""
        return self.octets[:, offset : offset + 16].view("S16")[:, 0].copy()

    def keep(self, mask: NDArray[np.bool_]) -> Self:
        """Return the headers for which `mask` is true, without a copy if they are all of them."""
        return self if mask.all() else type(self)(self.octets[mask])


@table
class Rows(Table):
    """Packets whose next header is of the same kind, as columns of equal length.

    A decoder may read the bytes of a row from `at` up to `end` and no others; it calls `Decoding.require` before it
    reads any.
    """

    data: Bytes = shared()
    frame: NDArray[np.int64] = column(np.int64)
    """The index of the frame that the row belongs to."""
    at: NDArray[np.int64] = column(np.int64)
    """The position in the buffer at which the header begins."""
    end: NDArray[np.int64] = column(np.int64)
    """The position at which the captured bytes end that belong to the header and its payload."""
    wire_end: NDArray[np.int64] = column(np.int64)
    """The position that no length in the payload may exceed; at least `end`.

    It is the end of the innermost IP packet by its own length, which may be beyond the frame: mirrors truncate. Behind
    a header that doesn't state a length, it is the end of the longest packet that there could be.
    """
    network: NDArray[np.int64] = column(np.int64)
    """The position at which the innermost IP header begins."""
    octets: NDArray[np.int64] = column(np.int64)
    """The length of the innermost IP packet in bytes, header included; before any, that of the frame."""

    @classmethod
    def from_frames(cls, frames: Frames) -> Rows:
        """Return rows at the first byte of each frame."""
        end, wire_end = frames.start + frames.captured, frames.start + frames.original
        return cls(Bytes(frames), np.arange(len(frames)), frames.start, end, wire_end, frames.start, frames.original)

    def header(self, size: int) -> Header:
        """Fetch the first `size` bytes of each header."""
        return self.data.fetch(self.at, size)

    def u8(self, offset: int) -> NDArray[np.uint8]:
        """Return the byte at `offset` of each header."""
        return self.data.fetch(self.at + offset, 1).u8(0)

    def u16(self, offset: int) -> NDArray[np.uint16]:
        """Return the two bytes at `offset`, in network order."""
        return self.data.fetch(self.at + offset, 2).u16(0)

    def u32(self, offset: int) -> NDArray[np.uint32]:
        """Return the four bytes at `offset`, in network order."""
        return self.data.fetch(self.at + offset, 4).u32(0)

    @property
    def time(self) -> NDArray[np.int64]:
        """The time at which each row's frame was received, in ns since 1970."""
        return self.data.time[self.frame]

    def wire_left(self) -> NDArray[np.int64]:
        """Return the most bytes that the header and its payload can have."""
        return self.wire_end - self.at

    def carried(self) -> NDArray[np.int64]:
        """Return the bytes from the header to the end of the IP packet around it, or to that of the frame."""
        return self.network + self.octets - self.at

    def advance(self, size: int | NDArray[Any]) -> Rows:
        """Return the rows at the header that begins `size` bytes further on."""
        return Rows(self.data, self.frame, self.at + size, self.end, self.wire_end, self.network, self.octets)

    def at_network(self) -> Rows:
        """Return the rows at their innermost IP header."""
        return self.advance(self.network - self.at)

    def within(self, header: int | NDArray[np.int64], total: NDArray[np.int64]) -> Rows:
        """Return the rows at the payload of IP packets of `total` bytes, of which the first `header` are the header."""
        wire_end = self.at + total
        return Rows(self.data, self.frame, self.at + header, np.minimum(self.end, wire_end), wire_end, self.at, total)

    def up_to(self, position: NDArray[np.int64]) -> Rows:
        """Return the rows without what stands from `position` on, such as a frame check sequence."""
        return replace(
            self,
            end=np.minimum(self.end, position),
            wire_end=np.minimum(self.wire_end, position),
            octets=np.minimum(self.octets, position - self.network),
        )

    def without_check_sequence(self, where: NDArray[np.bool_]) -> Rows:
        """Return the rows; the frames of `where` end before the last 4 bytes, their check sequence."""
        return self.up_to(self.wire_end - CHECK_SEQUENCE * where) if where.any() else self

    def open_ended(self, where: NDArray[np.bool_], longest: int) -> Rows:
        """Return the rows; those of `where` may have lengths in their payload as in an IP packet of `longest` bytes."""
        if not where.any():
            return self
        return replace(self, wire_end=np.where(where, self.network + longest, self.wire_end))
