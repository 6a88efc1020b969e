"""Marks of pcapng packets: the direction and the errors of reception in their flags.

The option epb_flags of an enhanced packet, and pack_flags of an obsolete one, is a word of 32 bits
(draft-ietf-opsawg-pcapng section 4.3.1):

bits 0-1    direction: 0 unknown, 1 inbound, 2 outbound
bits 24-31  errors: 24 the check (CRC), 25 too long, 26 too short, 27 the gap before it, 28 not of whole bytes,
            29 the delimiter of its start, 30 its preamble, 31 a symbol
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.files.pcapng_options import each_option
from shodohflo.capture.files.records import mixed_words
from shodohflo.columns.frames import FAILED_CHECK, SENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FLAGS: Final = 2
_SIZE: Final = 4

_DIRECTION: Final = 0x3
_OUTBOUND: Final = 0x2

_WRONG_BITS: Final = 1 << 24 | 1 << 28 | 1 << 31
"""The errors that mean that bits of the frame are not those that were sent. The others are about what surrounds it, or
about its size: its bytes are sound."""


def marked(
    data: memoryview,
    layer: NDArray[np.uint32],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    big: NDArray[np.bool_],
) -> NDArray[np.uint32]:
    """Return the layer of each packet, or its mark; its options lie from `begin` to `end`."""
    having = np.flatnonzero(begin + _SIZE <= end)
    if not len(having):
        return layer
    layer, big = layer.copy(), big[having]
    for options in each_option(data, begin[having], end[having], big):
        chosen = (options.code == _FLAGS) & (options.length == _SIZE) & options.fits
        if not chosen.any():
            continue
        block = options.block[chosen]
        flags = mixed_words(data, options.value[chosen], 1, big[block])[:, 0]
        packet = having[block]
        layer[packet[flags & _WRONG_BITS != 0]] = FAILED_CHECK
        layer[packet[flags & _DIRECTION == _OUTBOUND]] = SENT
    return layer
