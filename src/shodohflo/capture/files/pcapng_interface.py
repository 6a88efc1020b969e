"""The interface description blocks of pcapng: link type, snapshot length and clock of each interface.

See draft-ietf-opsawg-pcapng section 4.2. `from_block` decodes one block and is the specification; `from_blocks` decodes
many at a time, with the same result.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.files.linktypes import link_type, link_types
from shodohflo.capture.files.pcapng_clock import MICROSECONDS
from shodohflo.capture.files.pcapng_options import MOST_OPTIONS, each_option
from shodohflo.capture.files.records import mixed_words
from shodohflo.columns.table import Table, column, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from shodohflo.capture.files.pcapng_options import Options
    from shodohflo.capture.files.records import ByteOrder

_FIELDS: Final = 8
"""Bytes before the options: the link type, 2 reserved bytes, the snapshot length."""

_END_OF_OPTIONS: Final = 0
_RESOLUTION: Final = 9
_OFFSET: Final = 14
_SIZES: Final = {_RESOLUTION: ("if_tsresol", "B"), _OFFSET: ("if_tsoffset", "q")}


@dataclass(frozen=True, slots=True)
class InterfaceBlock:
    """One interface of a section."""

    layer: int
    """The LINKTYPE_ number of its packets."""
    snap_length: int
    """The most captured bytes of a packet; 0 means no limit."""
    resolution: int = MICROSECONDS
    """The if_tsresol byte."""
    offset: int = 0
    """Seconds from 1970 to tick 0; may be negative."""

    @classmethod
    def from_block(cls, body: bytes, order: ByteOrder) -> InterfaceBlock:
        """Decode the part of a block between its two lengths; raises `ValueError` if an option is malformed."""
        link, snap_length = struct.unpack_from(f"{order}HxxI", body)
        found = {_RESOLUTION: MICROSECONDS, _OFFSET: 0}
        for count, (code, value) in enumerate(_options(body[_FIELDS:], order)):
            if count == MOST_OPTIONS:
                raise ValueError(f"an interface has more than {MOST_OPTIONS} options")
            if code in _SIZES:
                found[code] = _number(code, value, order)
        return cls(link_type(link), snap_length, found[_RESOLUTION], found[_OFFSET])


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


def _number(code: int, value: bytes, order: ByteOrder) -> int:
    name, layout = _SIZES[code]
    size = struct.calcsize(f"{order}{layout}")
    if len(value) != size:
        raise ValueError(f"{name} has {len(value)} bytes, not {size}")
    number: int = struct.unpack(f"{order}{layout}", value)[0]
    return number


@table
class Interfaces(Table):
    """The fields of `InterfaceBlock` as columns, one row for each interface."""

    layer: NDArray[np.uint32] = column(np.uint32)
    snap_length: NDArray[np.int64] = column(np.int64)
    resolution: NDArray[np.uint8] = column(np.uint8)
    offset: NDArray[np.int64] = column(np.int64)


def from_blocks(
    data: memoryview, begin: NDArray[np.int64], end: NDArray[np.int64], big: NDArray[np.bool_]
) -> tuple[Interfaces, NDArray[np.bool_]]:
    """Decode the blocks whose bodies lie from `begin` to `end`; return them, and which of them `from_block` refuses."""
    fields = mixed_words(data, begin, 2, big)
    link = np.where(big, fields[:, 0] >> 16, fields[:, 0] & 0xFFFF)
    resolution, offset = np.full(len(begin), MICROSECONDS, np.uint8), np.zeros(len(begin), np.int64)
    wrong = np.zeros(len(begin), np.bool_)
    for count, options in enumerate(each_option(data, begin + _FIELDS, end, big)):
        is_resolution, is_offset = options.code == _RESOLUTION, options.code == _OFFSET
        is_wrong = ~options.fits | (is_resolution & (options.length != 1)) | (is_offset & (options.length != 8))
        wrong[options.block[is_wrong | np.bool_(count == MOST_OPTIONS)]] = True
        _take(data, options, is_resolution & ~is_wrong, resolution)
        chosen = is_offset & ~is_wrong
        rows = options.block[chosen]
        offset[rows] = _signed(data, options.value[chosen], big[rows])
    return Interfaces(link_types(link), fields[:, 1].astype(np.int64), resolution, offset), wrong


def _take(data: memoryview, options: Options, chosen: NDArray[np.bool_], into: NDArray[np.uint8]) -> None:
    """Write the one-byte values of the `chosen` options into the rows of their blocks."""
    into[options.block[chosen]] = np.frombuffer(data, np.uint8)[options.value[chosen]]


def _signed(data: memoryview, at: NDArray[np.int64], big: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the signed 64-bit number at each place."""
    first, second = mixed_words(data, at, 2, big).astype(np.uint64).T
    high, low = np.where(big, first, second), np.where(big, second, first)
    number: NDArray[np.uint64] = high << np.uint64(32) | low
    return number.view(np.int64)
