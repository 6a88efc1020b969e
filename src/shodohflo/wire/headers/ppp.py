"""PPP (RFC 1661), in HDLC-like framing (RFC 1662) and in PPPoE sessions (RFC 2516 section 4).

PPP        0  protocol, of two bytes; of one where the peers agreed to omit the first (RFC 1661 section 6.5):
              the last byte of a protocol number is odd, the first of two is even
HDLC-like  0  address (FF, all stations)    1  control (03, unnumbered information)    2  PPP
PPPoE      0  version and type    1  code    2  session    4  length    6  PPP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import CISCO_HDLC, PPP, PPP_PAYLOAD
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_ADDRESS_CONTROL = 0xFF03
_INCOMING, _OUTGOING = 0x0003, 0x0103
"""What pppd writes to its log: the direction in the place of the address."""

_CISCO = (0x0F, 0x8F)
"""The addresses of Cisco HDLC."""

_SESSION_HEADER = 6
_SESSION_DATA = 0
"""The code of packets in a session; discovery has other codes."""


def ppp(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch the packet by the protocol number, which has one or two bytes."""
    rows = decoding.require(rows, 2, Refusal.LINK_CUT)
    short = rows.u8(0) & 1 == 1
    number = np.where(short, rows.u8(0), rows.u16(0)).astype(np.uint16)
    decoding.dispatch(rows.advance(np.where(short, 1, 2)), PPP_PAYLOAD, number)


def framed_ppp(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over address and control, which the peers may have agreed to omit; pppd's log marks what the host sent."""
    rows = decoding.require(rows, 2, Refusal.LINK_CUT)
    rows = decoding.keep_received(rows, rows.u16(0) == _OUTGOING)
    framed = np.isin(rows.u16(0), (_ADDRESS_CONTROL, _INCOMING))
    decoding.next_header(rows.advance(np.where(framed, 2, 0)), PPP)


def hdlc_ppp(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch to Cisco HDLC or to PPP in HDLC-like framing, by the address (tcpdump.org, LINKTYPE_PPP_HDLC)."""
    rows = decoding.require(rows, 1, Refusal.LINK_CUT)
    cisco = np.isin(rows.u8(0), _CISCO)
    decoding.next_header(rows.keep(cisco), CISCO_HDLC)
    framed_ppp(decoding, rows.keep(~cisco))


def pppoe(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header of a session's packet.

    Its length is ignored: some writers leave it wrong, and the IP length separates the packet from padding anyway.
    """
    rows = decoding.require(rows, _SESSION_HEADER, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, rows.u8(1) == _SESSION_DATA, Refusal.NOT_IP)
    decoding.next_header(rows.advance(_SESSION_HEADER), PPP)
