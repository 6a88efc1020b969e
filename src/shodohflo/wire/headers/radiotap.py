"""Radiotap (radiotap.org): what a card tells of an 802.11 frame, before it; all in little-endian order.

0  version, padding    2  length of it all    4  which fields are present; the highest bit says that 4 more bytes
   tell of more, and so on; then the fields, each beginning at a multiple of its size
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import PADDED_WIFI, WIFI
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_TIME, _FLAGS, _MORE = np.uint32(1 << 0), np.uint32(1 << 1), np.uint32(1 << 31)
"""Bits that tell what is present: the time, of 8 bytes, and the flags, of 1, come first."""

_PADDED = 0x20
"""Among the flags: the 802.11 header is padded to 4 bytes."""

_MOST_WORDS = 16
"""Of 4 bytes, telling what is present: one, and one for each antenna."""


def radiotap(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over it, and see whether what follows is padded."""
    rows = decoding.require(rows, 8, Refusal.LINK_CUT)
    size = rows.u16(2).byteswap().astype(np.int64)
    sound = (size >= 8) & (size <= rows.end - rows.at)
    rows, size = decoding.keep_if(rows, sound, Refusal.LINK_CUT), size[sound]
    padded = _is_padded(rows, size)
    frame = rows.advance(size)
    decoding.next_header(frame.keep(~padded), WIFI)
    decoding.next_header(frame.keep(padded), PADDED_WIFI)


def _is_padded(rows: Rows, size: NDArray[np.int64]) -> NDArray[np.bool_]:
    present = rows.u32(4).byteswap()
    fields = 4 + 4 * _present_words(rows, size)
    flags = np.where(present & _TIME != 0, (fields + 7) // 8 * 8 + 8, fields)
    padded: NDArray[np.bool_] = (present & _FLAGS != 0) & (flags < size)
    padded[padded] = rows.keep(padded).advance(flags[padded]).u8(0) & _PADDED != 0
    return padded


def _present_words(rows: Rows, size: NDArray[np.int64]) -> NDArray[np.int64]:
    words = np.ones(len(rows), np.int64)
    more = np.ones(len(rows), np.bool_)
    for word in range(1, _MOST_WORDS):
        more &= size >= 4 + 4 * word
        if not more.any():
            break
        more[more] = rows.keep(more).u32(4 * word).byteswap() & _MORE != 0
        words += more
    return words
