"""Tunnels directly over IP.

Protocols 4 (IPv4, RFC 2003), 41 (6in4, RFC 4213), 137 (MPLS, RFC 4023) and 143 (Ethernet, RFC 8986) have no own header.

EtherIP, protocol 97 (RFC 3378): 0  version (4 bits), reserved (12)    2  an Ethernet frame
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.layers import ETHERNET
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_ETHER_IP = 2
"""Bytes of the EtherIP header."""


def carried(decoding: Decoding[Any], rows: Rows, *, layer: int, name: str) -> None:
    """Count the tunnel `name`, and pass its packet to the decoder of `layer`."""
    decoding.open(rows, name)
    decoding.next_header(rows, layer)


def ether_ip(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the EtherIP header, to the Ethernet frame."""
    rows = decoding.require(rows, _ETHER_IP, Refusal.TUNNEL_CUT)
    decoding.open(rows, "etherip")
    decoding.next_header(rows.advance(_ETHER_IP), ETHERNET)
