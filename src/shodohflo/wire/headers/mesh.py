"""Mesh control (IEEE 802.11 clause 9.2.4.8.3), which a mesh station puts between the 802.11 header and LLC.

0  flags: the number of addresses that follow (2 bits), the rest 0    1  time to live    2  sequence    6  addresses

A bit of QoS control announces it, but outside a mesh that bit is part of a queue size or a transmission time. So
`is_mesh` also asks for a frame from an access point, as mesh frames are, and for flags that a station can have sent.
LLC begins with a service access point such as AA, which is none of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import LLC
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_CONTROL, _ADDRESS = 6, 6
_MOST_ADDRESSES = 2


def is_mesh(body: Rows) -> NDArray[np.bool_]:
    """Return which rows, at the first byte of a frame's body, can begin with mesh control."""
    found = body.end > body.at
    found[found] = body.keep(found).u8(0) <= _MOST_ADDRESSES
    return found


def mesh(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over mesh control and its addresses, to LLC."""
    rows = decoding.require(rows, _CONTROL, Refusal.LINK_CUT)
    decoding.next_header(rows.advance(_CONTROL + _ADDRESS * rows.u8(0).astype(np.int64)), LLC)
