"""The interface description block of pcapng: the link type, snapshot length and clock of one interface.

See draft-ietf-opsawg-pcapng section 4.2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.capture.files.linktypes import link_type
from shodohflo.capture.files.pcapng_clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.capture.files.records import ByteOrder

_END_OF_OPTIONS: Final = 0
_RESOLUTION: Final = 9
_OFFSET: Final = 14


@dataclass(frozen=True, slots=True)
class InterfaceBlock:
    """One interface of a section."""

    layer: int
    """The LINKTYPE_ number of its packets."""
    snap_length: int
    """The most captured bytes of a packet; 0 means no limit."""
    clock: Clock

    @classmethod
    def from_block(cls, body: bytes, order: ByteOrder) -> InterfaceBlock:
        """Decode the part of a block between its two lengths; raises `ValueError` if an option is malformed."""
        link, snap_length = struct.unpack_from(f"{order}HxxI", body)
        resolution, offset = 6, 0
        for code, value in _options(body[8:], order):
            if code == _RESOLUTION:
                resolution = _number("if_tsresol", value, f"{order}B")
            elif code == _OFFSET:
                offset = _number("if_tsoffset", value, f"{order}q")
        return cls(link_type(link), snap_length, Clock(resolution, offset))


def _options(data: bytes, order: ByteOrder) -> Iterator[tuple[int, bytes]]:
    """Yield each option's code and value (section 3.5)."""
    offset = 0
    while offset + 4 <= len(data):
        code, length = struct.unpack_from(f"{order}HH", data, offset)
        if code == _END_OF_OPTIONS:
            return
        value = data[offset + 4 : offset + 4 + length]
        if len(value) < length:
            raise ValueError(f"option {code} of an interface runs past the end of its block")
        yield code, value
        offset += 4 + (length + 3) // 4 * 4


def _number(option: str, value: bytes, layout: str) -> int:
    size = struct.calcsize(layout)
    if len(value) != size:
        raise ValueError(f"{option} has {len(value)} bytes, not {size}")
    number: int = struct.unpack(layout, value)[0]
    return number
