"""UDP (RFC 768): source port, destination port, length, checksum, of two bytes each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.model import UDP
from shodohflo.wire.headers.segments import segments
from shodohflo.wire.headers.udp_tunnels import look_inside
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_HEADER = 8
_THROUGH_PORTS = 4
_THROUGH_LENGTH = 6


def udp(decoding: Decoding[Any], rows: Rows, family: Family) -> None:
    """Find a datagram, or the first fragment of one."""
    rows = decoding.keep_if(rows, rows.wire_left() >= _HEADER, Refusal.UDP_LENGTH)
    rows = decoding.require(rows, _THROUGH_PORTS, Refusal.UDP_CUT)
    rows = decoding.keep_if(rows, _plausible(rows), Refusal.UDP_LENGTH)
    decoding.decoded.append(segments(rows, family, UDP, np.zeros(len(rows), np.uint8)))
    if decoding.tunnels:
        look_inside(decoding, rows)


def _plausible(rows: Rows) -> NDArray[np.bool_]:
    """Hold the length, where it was captured, against what there is; 0 is a jumbogram's (RFC 2675 section 4)."""
    plausible = np.ones(len(rows), np.bool_)
    captured = rows.end - rows.at >= _THROUGH_LENGTH
    there = rows.keep(captured)
    length = there.u16(4)
    plausible[captured] = (length == 0) | ((length >= _HEADER) & (length <= there.wire_left()))
    return plausible
