"""TCP (RFC 9293 section 3.1).

0  source port    2  destination port    12  data offset in 4-byte words (4 bits)    13  control bits
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.model import TCP
from shodohflo.wire.headers.segments import segments
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_SHORTEST = 20
_THROUGH_FLAGS = 14
"""The first bytes, with the ports and the flags; the rest need not have been captured."""


def tcp(decoding: Decoding[Any], rows: Rows, family: Family) -> None:
    """Find a segment."""
    left = rows.wire_left()
    good = decoding.check(
        rows,
        (left >= _SHORTEST, Refusal.TCP_LENGTH),
        (rows.end - rows.at >= _THROUGH_FLAGS, Refusal.TCP_CUT),
    )
    rows, left = rows.keep(good), left[good]
    header = rows.header(_THROUGH_FLAGS)
    words = (header.u8(12) >> 4).astype(np.int64)
    good = decoding.check(
        rows,
        (words * 4 >= _SHORTEST, Refusal.TCP_DATA_OFFSET),
        (words * 4 <= left, Refusal.TCP_LENGTH),
    )
    decoding.decoded.append(segments(rows.keep(good), family, TCP, header.u8(13)[good]))
