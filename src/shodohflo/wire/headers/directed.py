"""Link types with a byte for the direction before the usual header (tcpdump.org, LINKTYPE_..._WITH_DIR).

0  direction: 0 if the capturing host received the packet, anything else if it sent it    1  the usual header
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


def directed(decoding: Decoding[Any], rows: Rows, *, layer: int) -> None:
    """Pass the packets that the host received to the header of `layer`."""
    rows = decoding.require(rows, 1, Refusal.LINK_CUT)
    decoding.next_header(decoding.keep_received(rows, rows.u8(0) != 0).advance(1), layer)
