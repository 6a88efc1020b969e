"""MPLS (RFC 3032 section 2.1): label (20 bits), class (3), bottom of stack (1), time to live (8).

No field says what a label stack carries; as routers do, we tell by the first four bits past the
bottom (RFC 4928 section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.layers import IPV4, IPV6, MPLS
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_BOTTOM = 0x01


def mpls(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over one label, to the next or to the packet."""
    rows = decoding.require(rows, 5, Refusal.LINK_CUT)
    bottom, nibble = rows.u8(2) & _BOTTOM == _BOTTOM, rows.u8(4) >> 4
    is_ipv4, is_ipv6 = bottom & (nibble == 4), bottom & (nibble == 6)
    rows = rows.advance(4)
    decoding.next_header(rows.keep(~bottom), MPLS)
    decoding.next_header(rows.keep(is_ipv4), IPV4)
    decoding.next_header(rows.keep(is_ipv6), IPV6)
    decoding.refuse(rows.keep(bottom & ~is_ipv4 & ~is_ipv6), Refusal.NOT_IP)
