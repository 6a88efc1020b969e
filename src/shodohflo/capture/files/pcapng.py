"""pcapng files: a sequence of sections, each with its own byte order.

The section header is in draft-ietf-opsawg-pcapng section 4.1; `pcapng_section` decodes the blocks that follow it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from shodohflo.capture.files.lanes import walk_in_lanes
from shodohflo.capture.files.pcapng_section import Section, is_size
from shodohflo.capture.files.records import NO_RECORD, ByteOrder, Taken, join, needed

if TYPE_CHECKING:
    from shodohflo.columns.frames import Frames

MAGIC: Final = b"\x0a\x0d\x0d\x0a"
"""The four bytes every section begins with, in either byte order."""

HEADER: Final = 28
"""The minimum size of a section header in bytes."""

_MOST_SECTIONS: Final = 1 << 10
"""The most sections decoded in one call: their frames stay in memory until they are concatenated."""

_ORDERS: Final[dict[bytes, ByteOrder]] = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


class Pcapng:
    """The reader of one pcapng file, with its current section."""

    def __init__(self) -> None:
        """Start before the first section header."""
        self._section = Section("<")

    def take(self, data: memoryview) -> Taken:
        """Decode the complete blocks in `data`, of many sections if they are small."""
        parts: list[Frames] = []
        offset = 0
        for _ in range(_MOST_SECTIONS):
            offsets, end = walk_in_lanes(self._section, data, offset)
            if len(offsets):
                frames, damage = self._section.read(data, offsets)
                parts.append(frames)
                if damage:
                    return Taken(join(data, parts), damage.offset, 0, damage.what)
            try:
                need = self._next(data, end)
            except ValueError as error:
                return Taken(join(data, parts), end, 0, str(error))
            if need > len(data) - end:
                return Taken(join(data, parts), end, need)
            offset = end + need
        return Taken(join(data, parts), offset, self._section.header)

    def _next(self, data: memoryview, offset: int) -> int:
        """Return how many bytes the block at which the walk ended needs; raises `ValueError` if it is damaged."""
        if bytes(data[offset : offset + 4]) == MAGIC:
            return self._begin(data, offset)
        need = needed(self._section, data, offset)
        if need == NO_RECORD:
            size = int.from_bytes(data[offset + 4 : offset + 8], self._section.endian)
            raise ValueError(f"a block claims an invalid size of {size} bytes")
        return need

    def _begin(self, data: memoryview, offset: int) -> int:
        """Enter a section if its header is complete; return how many bytes the header needs."""
        if len(data) - offset < HEADER:
            return HEADER
        order = _ORDERS.get(bytes(data[offset + 8 : offset + 12]))
        if order is None:
            raise ValueError(f"a section header has no byte-order magic: {data[offset + 8 : offset + 12].hex(' ')}")
        size, major = struct.unpack_from(f"{order}4xI4xH", data, offset)
        if not is_size(size) or size < HEADER:
            raise ValueError(f"a section header claims an invalid size of {size} bytes")
        if len(data) - offset >= size:
            self._enter(order, major, data[offset : offset + size])
        return int(size)

    def _enter(self, order: ByteOrder, major: int, header: memoryview) -> None:
        (trailer,) = struct.unpack_from(f"{order}I", header, len(header) - 4)
        if trailer != len(header):
            raise ValueError(f"the two lengths of a section header differ: {len(header)} and {trailer} bytes")
        if major != 1:
            raise ValueError(f"pcapng version {major} is not supported (1 is)")
        self._section = Section(order, self._section.time)
