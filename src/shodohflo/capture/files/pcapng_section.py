"""The chain of blocks of a pcapng file, through sections of either byte order.

See draft-ietf-opsawg-pcapng sections 3.1 and 4.1. `Section` follows the blocks of one byte order, section headers
included; `follow` goes on through sections of the other.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.files.lanes import walk_in_lanes
from shodohflo.capture.files.records import HELD, NO_RECORD, ByteOrder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.capture.files.lanes import Fields

MAGIC: Final = b"\x0a\x0d\x0d\x0a"
SECTION_HEADER: Final = 0x0A0D0D0A
"""The type of a section header, alike in both byte orders: every section and every file begins with it."""

HEADER_SIZE: Final = 28
"""The minimum size of a section header in bytes."""

BYTE_ORDER: Final = 0x1A2B3C4D
"""The third word of a section header, in the byte order of the section."""

_TURNED: Final = 0x4D3C2B1A
"""The same, in the other byte order."""

SMALLEST: Final = 12
"""The minimum size of a block in bytes."""

Walk = Callable[["Section", memoryview, int], tuple["NDArray[np.int64]", int]]
"""Follows the blocks of one byte order from an offset; returns where each begins, and where the last of them ends."""

_USUAL: Final = 1 << 16
"""Bytes of a block that a lane may start at: bytes of packets would often look like the size of a larger one."""

_STRETCH: Final = 1 << 16
"""Bytes to walk plainly after a change of the byte order; twice as many after each further one."""


def is_size(size: int) -> bool:
    """Return whether a block can have `size` bytes: it is padded to 32 bits."""
    return size >= SMALLEST and size % 4 == 0


def _is_held(kind: int, size: int, magic: int) -> bool:
    """Return whether a block with these first three words can be one that is held in memory."""
    if kind == SECTION_HEADER:
        return magic == BYTE_ORDER and HEADER_SIZE <= size <= HELD and size % 4 == 0
    return SMALLEST <= size <= HELD and size % 4 == 0


class Section:
    """As `Records`, the blocks of a byte order that are short enough to be held."""

    header = SMALLEST
    stride = 4

    def __init__(self, order: ByteOrder) -> None:
        """Walk in one byte order."""
        self.order: ByteOrder = order
        self.head = struct.Struct(f"{order}III")

    def size(self, data: memoryview, offset: int) -> int:
        """Return the size of the block at `offset`, or `NO_RECORD` if the chain in this byte order ends there."""
        kind, size, magic = self.head.unpack_from(data, offset)
        return int(size) if _is_held(kind, size, magic) else NO_RECORD

    def sizes(self, fields: Fields, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what `size` returns for each offset."""
        size = fields[offsets + 4].astype(np.int64)
        good = (size >= SMALLEST) & (size <= HELD) & (size % 4 == 0)
        header = np.flatnonzero(fields[offsets] == SECTION_HEADER)
        if len(header):
            good[header] &= (fields[offsets[header] + 8] == BYTE_ORDER) & (size[header] >= HEADER_SIZE)
        return np.where(good, size, NO_RECORD)

    def plausible(self, fields: Fields, offsets: NDArray[np.int64], like: np.int64) -> NDArray[np.bool_]:  # noqa: ARG002 - blocks of all types may follow one another
        """Return where a block may begin: its two lengths agree, and are not larger than those of most blocks."""
        size = self.sizes(fields, offsets)
        is_inside = (size <= _USUAL) & (offsets + size <= len(fields))
        trailer = fields[np.where(is_inside, offsets + size - 4, offsets)]
        likely: NDArray[np.bool_] = is_inside & (trailer == size)
        return likely


_LITTLE, _BIG = Section("<"), Section(">")
_OTHER: Final[dict[ByteOrder, Section]] = {"<": _BIG, ">": _LITTLE}


@dataclass(frozen=True, slots=True)
class Followed:
    """The complete blocks of some data."""

    offsets: NDArray[np.int64]
    """Where each of them begins."""
    end: int
    """Where the last of them ends."""
    section: Section
    """The byte order there."""


def follow(data: memoryview, order: ByteOrder, walk: Walk = walk_in_lanes) -> Followed:
    """Follow the chain from the beginning of `data`, which is in a section of this byte order.

    Tests pass another `walk` for the blocks of one byte order.
    """
    section = _LITTLE if order == "<" else _BIG
    pieces, here, stretch = [], 0, _STRETCH
    while True:
        offsets, here = walk(section, data, here)
        pieces.append(offsets)
        turned = _turned(section, data, here)
        if turned is None:
            return Followed(np.concatenate(pieces), here, section)
        # Where byte orders alternate, walking in lanes would begin again and again, and find little each time.
        plain, here, section = _walk_turning(turned, data, here, here + stretch)
        pieces.append(np.array(plain, np.int64))
        stretch *= 2


def _turned(section: Section, data: memoryview, offset: int) -> Section | None:
    """Return the other byte order if a complete section header of it begins at `offset`."""
    other = _OTHER[section.order]
    is_header = len(data) - offset >= SMALLEST and bytes(data[offset : offset + 4]) == MAGIC
    return other if is_header and other.size(data, offset) <= len(data) - offset else None


def _walk_turning(section: Section, data: memoryview, offset: int, until: int) -> tuple[list[int], int, Section]:
    """Walk plainly, and change the byte order where a section does; return blocks, end, and byte order there."""
    offsets = []
    last = min(until, len(data)) - SMALLEST
    while offset <= last:
        kind, size, magic = section.head.unpack_from(data, offset)
        if kind == SECTION_HEADER and magic == _TURNED:
            section = _OTHER[section.order]
            kind, size, magic = section.head.unpack_from(data, offset)
        if size > len(data) - offset or not _is_held(kind, size, magic):
            break
        offsets.append(offset)
        offset += size
    return offsets, offset, section
