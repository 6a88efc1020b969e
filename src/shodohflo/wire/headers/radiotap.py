"""Radiotap (radiotap.org): a network card's metadata before an 802.11 frame, in little-endian order.

0  version, padding    2  length, fields included    4  a bit for each field that is present; the highest bit of a
   word announces another word of 4 bytes; then the fields, each aligned to its size
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from shodohflo.wire.layers import PADDED_WIFI, WIFI
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


class _Field(NamedTuple):
    """Size and alignment of a field, in bytes; they differ where a field has several parts."""

    size: int
    alignment: int


_FIELDS: Final = (
    _Field(8, 8),  # time
    _Field(1, 1),  # flags
    _Field(1, 1),  # rate
    _Field(4, 2),  # channel
    _Field(2, 2),  # hopping
    _Field(1, 1),  # signal, dBm
    _Field(1, 1),  # noise, dBm
    _Field(2, 2),  # lock quality
    _Field(2, 2),  # attenuation
    _Field(2, 2),  # attenuation, dB
    _Field(1, 1),  # power, dBm
    _Field(1, 1),  # antenna
    _Field(1, 1),  # signal, dB
    _Field(1, 1),  # noise, dB
    _Field(2, 2),  # flags of the receiver
)
"""The fields in the order of their bits in the first word, as far as they are needed."""

_FLAGS, _RECEIVER_FLAGS = 1, 14
"""The bits of fields that are read."""

_CHECK_SEQUENCE, _PADDED, _CHECK_FAILED = 0x10, 0x20, 0x40
"""Flags: the frame ends with its check sequence; its header is padded to a multiple of 4 bytes; its check failed."""

_SENT = np.uint32(1 << 15)
"""Of the first word: the field with the properties of a transmission, which only frames have that the host sent."""

_PREAMBLE_CHECK_FAILED = 0x0002
"""A flag of the receiver: the check of the PLCP header failed, which has the rate and length of the frame."""

_MORE = np.uint32(1 << 31)
"""The bit of a word that announces another."""

_MOST_WORDS = 16
"""The most words followed: the first, and one for each antenna."""


class RadiotapHeader(Header):
    """The fields that are always present."""

    SIZE = 8

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes from the beginning of the header to the frame."""
        return self.little_u16(2).astype(np.int64)

    @property
    def present(self) -> NDArray[np.uint32]:
        """The first word: which fields are present."""
        return self.little_u32(4)


def radiotap(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header, to an 802.11 frame that may be padded; set aside what was sent, or received damaged."""
    rows = decoding.require(rows, RadiotapHeader.SIZE, Refusal.LINK_CUT)
    rows = decoding.keep_received(rows, RadiotapHeader.of(rows).present & _SENT != 0)
    size = RadiotapHeader.of(rows).length
    sound = (size >= RadiotapHeader.SIZE) & (size <= rows.end - rows.at)
    rows, size = decoding.keep_if(rows, sound, Refusal.LINK_CUT), size[sound]
    fields = 4 + 4 * _present_words(rows, size)
    flags = _read(rows, size, fields, _FLAGS)
    intact = (flags & _CHECK_FAILED == 0) & (_read(rows, size, fields, _RECEIVER_FLAGS) & _PREAMBLE_CHECK_FAILED == 0)
    frame = rows.advance(size).without_check_sequence(flags & _CHECK_SEQUENCE != 0)
    frame, padded = decoding.keep_if(frame, intact, Refusal.FRAME_CHECK), flags[intact] & _PADDED != 0
    decoding.next_header(frame.keep(~padded), WIFI)
    decoding.next_header(frame.keep(padded), PADDED_WIFI)


def _read(rows: Rows, size: NDArray[np.int64], fields: NDArray[np.int64], bit: int) -> NDArray[np.uint16]:
    """Return the field of `bit`, or 0 where it is not present within the `size` bytes of the header.

    `fields` is the offset at which the fields begin.
    """
    present = RadiotapHeader.of(rows).present
    there = present >> np.uint32(bit) & 1 != 0
    offset = _offset(present, fields, bit)
    there &= offset + _FIELDS[bit].size <= size
    value = np.zeros(len(rows), np.uint16)
    chosen = rows.keep(there).advance(offset[there])
    value[there] = chosen.u8(0) if _FIELDS[bit].size == 1 else chosen.header(2).little_u16(0)
    return value


def _offset(present: NDArray[np.uint32], fields: NDArray[np.int64], bit: int) -> NDArray[np.int64]:
    """Return the offset of the field of `bit`, behind those of lower bits that are present."""
    offset = fields
    for number, field in enumerate(_FIELDS[:bit]):
        is_there = present >> np.uint32(number) & 1 != 0
        offset = np.where(is_there, _aligned(offset, field) + field.size, offset)
    return _aligned(offset, _FIELDS[bit])


def _aligned(offset: NDArray[np.int64], field: _Field) -> NDArray[np.int64]:
    return (offset + field.alignment - 1) // field.alignment * field.alignment


def _present_words(rows: Rows, size: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the words that say which fields are present."""
    words = np.ones(len(rows), np.int64)
    more = np.ones(len(rows), np.bool_)
    for word in range(1, _MOST_WORDS):
        more &= size >= 4 + 4 * word
        if not more.any():
            break
        more[more] = rows.keep(more).advance(4 * word).header(4).little_u32(0) & _MORE != 0
        words += more
    return words
