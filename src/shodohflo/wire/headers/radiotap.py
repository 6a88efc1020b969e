"""Radiotap (radiotap.org): a network card's metadata before an 802.11 frame, in little-endian order.

0  version, padding    2  length, fields included    4  a bit for each field that is present; the highest bit of a
   word announces another word of 4 bytes; then the fields, each aligned to its size
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import PADDED_WIFI, WIFI
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_TIME, _FLAGS, _MORE = np.uint32(1 << 0), np.uint32(1 << 1), np.uint32(1 << 31)
"""Bits of the first word. The fields begin with the time (8 bytes) and the flags (1 byte), if present."""

_SENT = np.uint32(1 << 15)
"""Of the first word: the field with the properties of a transmission, which only frames have that the host sent."""

_PADDED = 0x20
"""The flag of an 802.11 header that is padded to a multiple of 4 bytes."""

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
    """Step over the header, to an 802.11 frame that may be padded, if the host received it."""
    rows = decoding.require(rows, RadiotapHeader.SIZE, Refusal.LINK_CUT)
    rows = decoding.keep_received(rows, RadiotapHeader.of(rows).present & _SENT != 0)
    size = RadiotapHeader.of(rows).length
    sound = (size >= RadiotapHeader.SIZE) & (size <= rows.end - rows.at)
    rows, size = decoding.keep_if(rows, sound, Refusal.LINK_CUT), size[sound]
    padded = _is_padded(rows, size)
    frame = rows.advance(size)
    decoding.next_header(frame.keep(~padded), WIFI)
    decoding.next_header(frame.keep(padded), PADDED_WIFI)


def _is_padded(rows: Rows, size: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the flags, if they are present within `size` bytes, say that the frame's header is padded."""
    present = RadiotapHeader.of(rows).present
    fields = 4 + 4 * _present_words(rows, size)
    flags = np.where(present & _TIME != 0, (fields + 7) // 8 * 8 + 8, fields)
    padded: NDArray[np.bool_] = (present & _FLAGS != 0) & (flags < size)
    padded[padded] = rows.keep(padded).advance(flags[padded]).u8(0) & _PADDED != 0
    return padded


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
