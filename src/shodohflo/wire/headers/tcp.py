"""TCP (RFC 9293 section 3.1).

0  source port    2  destination port    4  sequence number    8  acknowledgement number
12  data offset in 4-byte words (4 bits)    13  control bits
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.batch import ACK, FIN, RST, SYN
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


_OPENING = np.uint8(SYN | FIN | RST)
"""Of these control bits, only SYN is set in a segment that opens a connection."""


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

    def numbers(self, chosen: NDArray[np.intp]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Return the sequence and the acknowledgement numbers of some segments, without reading those of the others."""
        both = self.octets[:, 4:12].view(">u8")[:, 0][chosen]
        return (both >> np.uint64(32)).astype(np.uint32), both.astype(np.uint32)


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
    chosen = np.flatnonzero(good)
    flags = header.flags[chosen]
    batch = segments(rows.keep(good), family, TCP)
    number = opening_numbers(header, chosen, flags) if decoding.listens else batch.number
    decoding.decoded.append(replace(batch, tcp_flags=flags, number=number))


def opening_numbers(header: TcpHeader, chosen: NDArray[np.intp], flags: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return `Batch.number` of the segments `chosen`, whose control bits are `flags`: 0 where those open nothing."""
    numbers = np.zeros(len(flags), np.uint32)
    opening = np.flatnonzero((flags & _OPENING) == SYN)
    if len(opening):
        sequence, acknowledged = header.numbers(chosen[opening])
        numbers[opening] = np.where(flags[opening] & ACK, acknowledged - np.uint32(1), sequence)
    return numbers
