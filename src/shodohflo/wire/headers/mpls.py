"""MPLS (RFC 3032 section 2.1).

0  label (20 bits), traffic class (3), bottom of stack (1)    3  time to live    4  the next entry or the payload

No field names the payload of a label stack. Like routers, we look at its first four bits (RFC 4928 section 3): 4 and 6
are IP, unless the rest says otherwise (`pseudowire.is_disguised`); all others are pseudowires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.headers.pseudowire import is_disguised
from shodohflo.wire.layers import IPV4, IPV6, MPLS, PSEUDOWIRE
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_BOTTOM = 0x01


class LabelStackEntry(Header):
    """The fields of an entry that are decoded, and the first byte after it."""

    SIZE = 5

    @property
    def is_bottom(self) -> NDArray[np.bool_]:
        """Whether the entry is the last of the stack."""
        bottom: NDArray[np.bool_] = self.u8(2) & _BOTTOM == _BOTTOM
        return bottom

    @property
    def payload_version(self) -> NDArray[np.uint8]:
        """The first four bits after the entry: the version, if an IP packet follows."""
        return self.u8(4) >> np.uint8(4)


def mpls(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over one entry, to the next, to the packet or to the frame of a pseudowire."""
    rows = decoding.require(rows, LabelStackEntry.SIZE, Refusal.LINK_CUT)
    entry = LabelStackEntry.of(rows)
    bottom, version = entry.is_bottom, entry.payload_version
    is_ip = bottom & ((version == 4) | (version == 6))
    rows = rows.advance(4)
    is_ip[is_ip] = ~is_disguised(rows.keep(is_ip))
    decoding.next_header(rows.keep(~bottom), MPLS)
    decoding.next_header(rows.keep(is_ip & (version == 4)), IPV4)
    decoding.next_header(rows.keep(is_ip & (version == 6)), IPV6)
    decoding.next_header(rows.keep(bottom & ~is_ip), PSEUDOWIRE)
