"""TCP (RFC 9293 section 3.1).

0  source port    2  destination port    12  data offset in 4-byte words (4 bits)    13  control bits
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.model import TCP
from shodohflo.wire.packets import segments
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.batch import Family
    from shodohflo.wire.rows import Rows
    from shodohflo.wire.work import Work

_SHORTEST = 20
_THROUGH_FLAGS = 14
"""The first bytes, with the ports and the flags; the rest need not have been captured."""


def tcp(work: Work[Any], rows: Rows, family: Family) -> None:
    """Find a segment."""
    rows = work.insist(rows, rows.room() >= _SHORTEST, Refusal.TCP_LENGTH)
    rows = work.require(rows, _THROUGH_FLAGS, Refusal.TCP_CUT)
    header = rows.header(_THROUGH_FLAGS)
    offset, flags = header.u8(12) >> 4, header.u8(13)
    good = offset >= 5
    rows, offset, flags = work.insist(rows, good, Refusal.TCP_DATA_OFFSET), offset[good], flags[good]
    good = offset.astype(np.int64) * 4 <= rows.room()
    rows, flags = work.insist(rows, good, Refusal.TCP_LENGTH), flags[good]
    work.found.append(segments(rows, family, TCP, flags))
