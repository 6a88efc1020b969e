"""pcapng files: sections one after the other, each with a byte order of its own.

draft-ietf-opsawg-pcapng section 4.1 for the section header; `section` reads what follows one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.records import ByteOrder, Taken, join, needed, walk
from shodohflo.capture.section import Section, is_size

if TYPE_CHECKING:
    from shodohflo.frames import Frames

MAGIC: Final = b"\x0a\x0d\x0d\x0a"
"""The four bytes every section begins with, in either byte order."""

HEADER: Final = 28
"""The least size of a section header."""

_ORDERS: Final[dict[bytes, ByteOrder]] = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


class Pcapng:
    """What the file has said so far."""

    def __init__(self) -> None:
        """Begin before the first section header."""
        self._section = Section("<")

    def take(self, data: bytes) -> Taken:
        """Read all blocks that are complete, through as many sections as there are."""
        parts: list[Frames] = []
        offset = 0
        while True:
            offsets, end = walk(self._section, data, offset, len(data))
            frames, damage = self._section.read(data, np.array(offsets, np.int64))
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

    def _next(self, data: bytes, offset: int) -> int:
        """Look at what ended the walk: return how many bytes it needs; a `ValueError` says what is wrong with it."""
        if data.startswith(MAGIC, offset):
            return self._begin(data, offset)
        need = needed(self._section, data, offset)
        if need == 0:
            size = int.from_bytes(data[offset + 4 : offset + 8], self._section.endian)
            raise ValueError(f"a block claims {size} bytes, which no block can have")
        return need

    def _begin(self, data: bytes, offset: int) -> int:
        """Enter a section, if its header is complete; return how many bytes that has."""
        if len(data) - offset < HEADER:
            return HEADER
        order = _ORDERS.get(data[offset + 8 : offset + 12])
        if order is None:
            raise ValueError(f"a section header has no byte order: {data[offset + 8 : offset + 12].hex(' ')}")
        size, major = struct.unpack_from(f"{order}4xI4xH", data, offset)
        if not is_size(size) or size < HEADER:
            raise ValueError(f"a section header claims {size} bytes, which none can have")
        if len(data) - offset >= size:
            self._enter(order, major, data[offset : offset + size])
        return int(size)

    def _enter(self, order: ByteOrder, major: int, header: bytes) -> None:
        (trailer,) = struct.unpack_from(f"{order}I", header, len(header) - 4)
        if trailer != len(header):
            raise ValueError(f"a section header has {len(header)} bytes by its beginning and {trailer} by its end")
        if major != 1:
            raise ValueError(f"pcapng version {major} is not known (1 is)")
        self._section = Section(order, self._section.time)
