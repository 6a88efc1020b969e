"""Cisco HDLC (tcpdump.org, LINKTYPE_C_HDLC).

0  address (0F unicast, 8F multicast)    1  control    2  EtherType    4  payload
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


def cisco_hdlc(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch the payload by EtherType."""
    rows = decoding.require(rows, 4, Refusal.LINK_CUT)
    decoding.dispatch(rows.advance(4), ETHERTYPE, rows.u16(2))
