"""L2TP version 3 directly over IP (RFC 3931 section 4.1.1), with Ethernet frames (RFC 4719).

0  session, 0 in control messages    4  cookie of 0, 4 or 8 bytes    then a sublayer of 0 or 4 bytes, then the frame

Both ends have agreed on the sizes, and no field has them. The frame is taken to begin at the first of the four possible
places where IP follows an EtherType that names it; without one, the packet is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.headers.pseudowire import CERTAIN, MOST_LOOKED_AT, likeness
from shodohflo.wire.layers import ETHERNET, L2TP
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_SESSION = 4
_PLACES = (4, 8, 12, 16)


def l2tp(decoding: Decoding[Any], rows: Rows) -> None:
    """Find the Ethernet frame of a session; refuse control messages, and sessions in which there is none."""
    rows = decoding.require(rows, _SESSION, Refusal.TUNNEL_CUT)
    control = rows.u32(0) == 0
    decoding.refuse_unread(rows.keep(control), L2TP)
    rows = rows.keep(~control)
    enough = np.minimum(rows.wire_left(), _PLACES[-1] + MOST_LOOKED_AT)
    rows = decoding.require(rows, enough, Refusal.TUNNEL_CUT)
    for place in _PLACES:
        found = likeness(rows.advance(place)) == CERTAIN
        decoding.open(rows.keep(found), "l2tp")
        decoding.next_header(rows.keep(found).advance(place), ETHERNET)
        rows = rows.keep(~found)
    decoding.refuse_unread(rows, L2TP)
