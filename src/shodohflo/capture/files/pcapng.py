"""pcapng files: sections one after the other, each with a byte order of its own.

draft-ietf-opsawg-pcapng section 4.1 for the section header; `section` reads what follows one.
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
"""The least size of a section header."""

_MOST_SECTIONS: Final = 1 << 10
"""Sections read at once: what each of them holds waits in memory until it is put together."""

_ORDERS: Final[dict[bytes, ByteOrder]] = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


class Pcapng:
    """What the file has said so far."""

    def __init__(self) -> None:
        """Begin before the first section header."""
        self._section = Section("<")

    def take(self, data: memoryview) -> Taken:
        """Read the blocks that are complete, through many sections if they are small."""
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
        """Look at what ended the walk: return how many bytes it needs; a `ValueError` says what is wrong with it."""
        if bytes(data[offset : offset + 4]) == MAGIC:
            return self._begin(data, offset)
        need = needed(self._section, data, offset)
        if need == NO_RECORD:
            size = int.from_bytes(data[offset + 4 : offset + 8], self._section.endian)
            raise ValueError(f"a block claims {size} bytes, which no block can have")
        return need

    def _begin(self, data: memoryview, offset: int) -> int:
        """Enter a section, if its header is complete; return how many bytes that has."""
        if len(data) - offset < HEADER:
            return HEADER
        order = _ORDERS.get(bytes(data[offset + 8 : offset + 12]))
        if order is None:
            raise ValueError(f"a section header has no byte order: {data[offset + 8 : offset + 12].hex(' ')}")
        size, major = struct.unpack_from(f"{order}4xI4xH", data, offset)
        if not is_size(size) or size < HEADER:
            raise ValueError(f"a section header claims {size} bytes, which none can have")
        if len(data) - offset >= size:
            self._enter(order, major, data[offset : offset + size])
        return int(size)

    def _enter(self, order: ByteOrder, major: int, header: memoryview) -> None:
        (trailer,) = struct.unpack_from(f"{order}I", header, len(header) - 4)
        if trailer != len(header):
            raise ValueError(f"a section header has {len(header)} bytes by its beginning and {trailer} by its end")
        if major != 1:
            raise ValueError(f"pcapng version {major} is not known (1 is)")
        self._section = Section(order, self._section.time)
