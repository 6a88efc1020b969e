"""TCP (RFC 9293 section 3.1).

0  source port    2  destination port    12  data offset in 4-byte words (4 bits)    13  control bits
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.model import TCP
from shodohflo.wire.headers.segments import Ports, segments
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_THROUGH_FLAGS = 14
"""The first bytes, up to the control bits; the rest need not have been captured."""


class TcpHeader(Ports):
    """The fields of a TCP header that a flow needs."""

    SIZE = 20

    @property
    def header_length(self) -> NDArray[np.int64]:
        """Bytes, options included: 20 to 60 in a valid header."""
        return (self.u8(12) >> 4).astype(np.int64) * 4

    @property
    def flags(self) -> NDArray[np.uint8]:
        """The eight control bits, from CWR (0x80) to FIN (0x01)."""
        return self.u8(13)


def tcp(decoding: Decoding[Any], rows: Rows, family: Family) -> None:
    """Decode a segment, or the first fragment of one."""
    left = rows.wire_left()
    good = decoding.check(
        rows,
        (left >= TcpHeader.SIZE, Refusal.TCP_LENGTH),
        (rows.end - rows.at >= _THROUGH_FLAGS, Refusal.TCP_CUT),
    )
    rows, left = rows.keep(good), left[good]
    header = TcpHeader.of(rows, _THROUGH_FLAGS)
    size = header.header_length
    good = decoding.check(
        rows,
        (size >= TcpHeader.SIZE, Refusal.TCP_DATA_OFFSET),
        (size <= left, Refusal.TCP_LENGTH),
    )
    decoding.decoded.append(segments(rows.keep(good), family, TCP, header.flags[good]))
