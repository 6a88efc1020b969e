"""Cisco HDLC (tcpdump.org, LINKTYPE_C_HDLC).

0  address (0F unicast, 8F multicast)    1  control    2  EtherType    4  payload

FF 03 in the place of address and control is PPP (RFC 1662), to which some lines fall back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import PPP
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_PPP = 0xFF03


def cisco_hdlc(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch the payload by EtherType, or to PPP."""
    rows = decoding.require(rows, 4, Refusal.LINK_CUT)
    is_ppp = rows.u16(0) == _PPP
    decoding.next_header(rows.keep(is_ppp).advance(2), PPP)
    rows = rows.keep(~is_ppp)
    decoding.dispatch(rows.advance(4), ETHERTYPE, rows.u16(2))
