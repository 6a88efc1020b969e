"""IP in IP: protocol 4 (RFC 2003), 41 (6in4, RFC 4213) and 137 (MPLS, RFC 4023) need no header of their own.

EtherIP, protocol 97, has two bytes before an Ethernet frame (RFC 3378).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.layers import ETHERNET
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


def carried(decoding: Decoding[Any], rows: Rows, *, layer: int, name: str) -> None:
    """Go on with the packet of `layer` that begins here."""
    decoding.open(rows, name)
    decoding.next_header(rows, layer)


def ether_ip(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over version and reserved bits."""
    rows = decoding.require(rows, 2, Refusal.TUNNEL_CUT)
    decoding.open(rows, "etherip")
    decoding.next_header(rows.advance(2), ETHERNET)
