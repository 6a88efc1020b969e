"""PPI (Per-Packet Information Header Specification 1.0.10): what a capture tells of a frame of any kind, before it.

0  version, flags    2  length of it all    4  link type of the frame; then fields. All in little-endian order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import LINK
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


def ppi(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over it, to a frame of the link type named; 802.11 as a rule."""
    rows = decoding.require(rows, 8, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, rows.u16(2).byteswap() >= 8, Refusal.LINK_CUT)
    size, link_type = rows.u16(2).byteswap().astype(np.int64), rows.u32(4).byteswap()
    decoding.dispatch(rows.advance(size), LINK, np.minimum(link_type, ETHERTYPE - 1))
