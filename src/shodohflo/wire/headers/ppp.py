"""PPP (RFC 1661) and what carries it: HDLC-like framing (RFC 1662), PPPoE sessions (RFC 2516).

A PPP packet is a protocol number of two bytes, or of one where the peers agreed to leave out the
first (RFC 1661 section 6.5): low bytes are odd, high ones even.
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
"""What pppd writes instead: the direction in the place of the address."""

_CISCO = (0x0F, 0x8F)
_SESSION_HEADER = 6


def ppp(decoding: Decoding[Any], rows: Rows) -> None:
    """Read the protocol number."""
    rows = decoding.require(rows, 2, Refusal.LINK_CUT)
    short = rows.u8(0) & 1 == 1
    number = np.where(short, rows.u8(0), rows.u16(0)).astype(np.uint16)
    decoding.dispatch(rows.advance(np.where(short, 1, 2)), PPP_PAYLOAD, number)


def framed_ppp(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over address and control, all stations and unnumbered, where the peers kept them."""
    rows = decoding.require(rows, 2, Refusal.LINK_CUT)
    framed = np.isin(rows.u16(0), (_ADDRESS_CONTROL, _INCOMING, _OUTGOING))
    decoding.next_header(rows.advance(np.where(framed, 2, 0)), PPP)


def hdlc_ppp(decoding: Decoding[Any], rows: Rows) -> None:
    """Tell PPP in HDLC-like framing from Cisco's HDLC by the address (tcpdump.org, LINKTYPE_PPP_HDLC)."""
    rows = decoding.require(rows, 1, Refusal.LINK_CUT)
    cisco = np.isin(rows.u8(0), _CISCO)
    decoding.next_header(rows.keep(cisco), CISCO_HDLC)
    framed_ppp(decoding, rows.keep(~cisco))


def pppoe(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over a session's header: version and type, code, session, length, 6 bytes in all (RFC 2516 section 4).

    The length is not believed: writers were seen to leave it wrong, and the IP length tells padding as well.
    """
    rows = decoding.require(rows, _SESSION_HEADER, Refusal.LINK_CUT)
    # Any other code is discovery's, which carries no packet.
    rows = decoding.keep_if(rows, rows.u8(1) == 0, Refusal.NOT_IP)
    decoding.next_header(rows.advance(_SESSION_HEADER), PPP)
