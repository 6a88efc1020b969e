"""pcapng files: a chain of blocks in sections (draft-ietf-opsawg-pcapng section 3).

`pcapng_section` finds the blocks and `pcapng_blocks` decodes them. A block that is too long to be held is skipped; if
it is a packet, its beginning is decoded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from shodohflo.capture.files.pcapng_blocks import INTERFACE, LEAST_OF_PACKETS, PACKETS, State, read, read_head
from shodohflo.capture.files.pcapng_section import (
    BYTE_ORDER,
    HEADER_SIZE,
    SECTION_HEADER,
    SMALLEST,
    Section,
    follow,
    is_size,
)
from shodohflo.capture.files.records import HEAD, HELD, ByteOrder, LongRecord, Taken, join
from shodohflo.columns.frames import Frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.capture.files.pcapng_blocks import Damage

_SLICE: Final = 1 << 15
"""The most blocks decoded at once: bounds the memory for the columns of blocks that are no packets."""

_ENDIANS: Final[dict[ByteOrder, Literal["little", "big"]]] = {"<": "little", ">": "big"}
_ORDERS: Final[dict[bytes, Literal["little", "big"]]] = {
    BYTE_ORDER.to_bytes(4, endian): endian for endian in _ENDIANS.values()
}
"""By the byte-order magic of a section header."""


class Pcapng:
    """The reader of one pcapng file, with its current section."""

    def __init__(self) -> None:
        """Start before the first section header."""
        self._state = State()

    def take(self, data: memoryview) -> Taken:
        """Decode the complete blocks in `data`, of any number of sections."""
        followed = follow(data, self._state.order)
        frames, damage = self._read(data, followed.offsets)
        if damage:
            return Taken(frames, damage.offset, 0, damage.what)
        try:
            need = self._needed(followed.section, data, followed.end)
        except ValueError as error:
            return Taken(frames, followed.end, 0, str(error))
        taken = Taken(frames, followed.end, need)
        return taken if need <= HELD else self._begin_long(data, taken)

    def _read(self, data: memoryview, offsets: NDArray[np.int64]) -> tuple[Frames, Damage | None]:
        """Decode the blocks at `offsets`, some at a time, up to the first that is damaged."""
        parts: list[Frames] = []
        for begin in range(0, len(offsets), _SLICE):
            found = read(data, offsets[begin : begin + _SLICE], self._state)
            self._state = found.state
            parts.append(found.frames)
            if found.damage:
                return join(data, parts), found.damage
        return join(data, parts), None

    def _needed(self, section: Section, data: memoryview, offset: int) -> int:
        """Return how many bytes the block at `offset` needs; raises `ValueError` if it cannot be one."""
        if len(data) - offset < SMALLEST:
            return SMALLEST
        kind, size, _ = section.head.unpack_from(data, offset)
        if kind == SECTION_HEADER:
            return self._header_needed(data, offset)
        if not is_size(size) or (size > HELD and kind == INTERFACE):
            raise ValueError(f"a block claims an invalid size of {size} bytes")
        return int(size)

    def _header_needed(self, data: memoryview, offset: int) -> int:
        """Return the size of a section header, in its own byte order; raises `ValueError` if it cannot be one."""
        order = _ORDERS.get(bytes(data[offset + 8 : offset + 12]))
        if order is None:
            raise ValueError(f"a section header has no byte-order magic: {data[offset + 8 : offset + 12].hex(' ')}")
        size = int.from_bytes(data[offset + 4 : offset + 8], order)
        if not is_size(size) or not HEADER_SIZE <= size <= HELD:
            raise ValueError(f"a section header claims an invalid size of {size} bytes")
        return size

    def _begin_long(self, data: memoryview, taken: Taken) -> Taken:
        """Have a block skipped that is too long to be held; if it is a packet, decode its beginning."""
        block, order = data[taken.used : taken.used + HEAD], self._state.order
        frames = Frames.empty(np.empty(0, np.uint8))
        if int.from_bytes(block[:4], _ENDIANS[order]) in PACKETS:
            if len(block) < LEAST_OF_PACKETS:
                return replace(taken, need=LEAST_OF_PACKETS)
            found = read_head(block, self._state)
            if found.damage:
                return replace(taken, damage=found.damage.what)
            if len(block) < HEAD:
                return replace(taken, need=HEAD)
            # A copy: the bytes in memory are dropped before the end of the block is known.
            frames, self._state = replace(found.frames, buffer=found.frames.buffer.copy()), found.state
        return replace(taken, need=SMALLEST, long=LongRecord(taken.need, frames, order))
