"""PPI (Per-Packet Information Header Specification 1.0.10): metadata before a frame of any link type.

0  version, flags    2  length, fields included    4  link type of the frame    8  fields; all little-endian
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import LINK
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


class PpiHeader(Header):
    """The fields that lead to the frame."""

    SIZE = 8

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes from the beginning of the header to the frame."""
        return self.little_u16(2).astype(np.int64)

    @property
    def link_type(self) -> NDArray[np.uint32]:
        """The LINKTYPE_ number of the frame."""
        return self.little_u32(4)


def ppi(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header, to a frame of the link type it names, usually 802.11."""
    rows = decoding.require(rows, PpiHeader.SIZE, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, PpiHeader.of(rows).length >= PpiHeader.SIZE, Refusal.LINK_CUT)
    header = PpiHeader.of(rows)
    decoding.dispatch(rows.advance(header.length), LINK, np.minimum(header.link_type, ETHERTYPE - 1))
