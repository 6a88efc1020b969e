"""IP in IP: protocol 4 (RFC 2003), 41 (6in4, RFC 4213) and 137 (MPLS, RFC 4023) need no header of their own.

EtherIP, protocol 97, has two bytes before an Ethernet frame (RFC 3378).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.layers import ETHERNET
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Work
    from shodohflo.wire.rows import Rows


def carried(work: Work[Any], rows: Rows, *, layer: int, name: str) -> None:
    """Go on with the packet of `layer` that begins here."""
    work.open(rows, name)
    work.onward(rows, layer)


def ether_ip(work: Work[Any], rows: Rows) -> None:
    """Step over version and reserved bits."""
    rows = work.require(rows, 2, Refusal.TUNNEL_CUT)
    work.open(rows, "etherip")
    work.onward(rows.advance(2), ETHERNET)
