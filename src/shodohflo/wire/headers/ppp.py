"""PPP (RFC 1661), in HDLC-like framing (RFC 1662) and in PPPoE sessions (RFC 2516 section 4).

PPP        0  protocol, of two bytes; of one where the peers agreed to omit the first (RFC 1661 section 6.5):
              the last byte of a protocol number is odd, the first of two is even
HDLC-like  0  address (FF, all stations)    1  control (03, unnumbered information)    2  PPP
PPPoE      0  version and type    1  code    2  session    4  length    6  PPP
multilink  0  begins (80), ends (40), then a sequence number of 24 bits, or of 12 in the same two bytes; then PPP
              (RFC 1990 section 3): 24 bits are usual, and 12 are seen where one of the six bits after the flags is set
bridging   0  flags: 40, a LAN number is present    1  type of the frame, 1 is Ethernet    2  LAN number
              of 4 bytes, where flagged; then the frame (RFC 3518 section 4.2)

An address of Cisco HDLC in the place of FF is Cisco HDLC, also where the link type says PPP (tcpdump.org,
LINKTYPE_PPP_HDLC). PPP without address does not begin so: no protocol has these numbers, compressed or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import CISCO_HDLC, ETHERNET, FRAMED_PPP, PPP, PPP_BRIDGING, PPP_PAYLOAD, PPPOE_DISCOVERY
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_ADDRESS_CONTROL = 0xFF03
_INCOMING, _OUTGOING = 0x0003, 0x0103
"""What pppd writes to its log: the direction in the place of the address."""

_CISCO = (0x0F00, 0x8F00)
"""The addresses of Cisco HDLC, and its control byte."""

_SESSION_HEADER = 6
_SESSION_DATA = 0
"""The code of packets in a session; discovery has other codes."""

_BRIDGING_HEADER = 2
_LAN_NUMBER, _BRIDGED_ETHERNET = 0x40, 1

_BEGINS, _SHORT_SEQUENCE_BITS = 0x80, 0x3F
_LONG_SEQUENCE, _SHORT_SEQUENCE = 4, 2
"""Bytes of a multilink header, with either sequence number."""


def ppp(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch the packet by the protocol number, which has one or two bytes."""
    rows = decoding.require(rows, 2, Refusal.LINK_CUT)
    short = rows.u8(0) & 1 == 1
    number = np.where(short, rows.u8(0), rows.u16(0)).astype(np.uint16)
    decoding.dispatch(rows.advance(np.where(short, 1, 2)), PPP_PAYLOAD, number)


def framed_ppp(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over address and control, which the peers may have agreed to omit; dispatch Cisco HDLC to its decoder.

    The log of pppd marks what the host sent.
    """
    rows = decoding.require(rows, 2, Refusal.LINK_CUT)
    rows = decoding.keep_received(rows, rows.u16(0) == _OUTGOING)
    first = rows.u16(0)
    cisco, framed = np.isin(first, _CISCO), np.isin(first, (_ADDRESS_CONTROL, _INCOMING))
    decoding.next_header(rows.keep(cisco), CISCO_HDLC)
    decoding.next_header(rows.advance(np.where(framed, 2, 0)).keep(~cisco), PPP)


def multilink(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header of a first fragment, to the packet; refuse later fragments, which have no ports."""
    rows = decoding.require(rows, _LONG_SEQUENCE, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, rows.u8(0) & _BEGINS != 0, Refusal.LATER_FRAGMENT)
    flags = rows.u8(0)
    size = np.where(flags & _SHORT_SEQUENCE_BITS == 0, _LONG_SEQUENCE, _SHORT_SEQUENCE)
    decoding.next_header(rows.advance(size), FRAMED_PPP)


def bridging(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header of a bridged frame, to Ethernet; refuse other kinds of frame.

    A check sequence at the end is left there: the IP length separates the packet from it.
    """
    rows = decoding.require(rows, _BRIDGING_HEADER, Refusal.LINK_CUT)
    is_ethernet = rows.u8(1) == _BRIDGED_ETHERNET
    decoding.refuse_unread(rows.keep(~is_ethernet), PPP_BRIDGING)
    rows = rows.keep(is_ethernet)
    size = np.where(rows.u8(0) & _LAN_NUMBER != 0, _BRIDGING_HEADER + 4, _BRIDGING_HEADER)
    decoding.next_header(rows.advance(size), ETHERNET)


def pppoe(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header of a session's packet.

    Its length is ignored: some writers leave it wrong, and the IP length separates the packet from padding anyway.
    """
    rows = decoding.require(rows, _SESSION_HEADER, Refusal.LINK_CUT)
    session = rows.u8(1) == _SESSION_DATA
    decoding.refuse_unread(rows.keep(~session), PPPOE_DISCOVERY)
    decoding.next_header(rows.keep(session).advance(_SESSION_HEADER), PPP)
