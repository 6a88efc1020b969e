"""SLIP (RFC 1055; tcpdump.org, LINKTYPE_SLIP).

0  direction: 1 if the capturing host sent the packet, 0 if not    1  compressed TCP/IP header    16  the packet
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.layers import EITHER_IP
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_HEADER = 16
_SENT = 1


def slip(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header of the packets that the host received."""
    rows = decoding.require(rows, _HEADER, Refusal.LINK_CUT)
    decoding.next_header(decoding.keep_received(rows, rows.u8(0) == _SENT).advance(_HEADER), EITHER_IP)
