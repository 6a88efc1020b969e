"""PPP (RFC 1661) and what carries it: HDLC-like framing (RFC 1662), PPPoE sessions (RFC 2516).

A PPP packet is a protocol number of two bytes, or of one where the peers agreed to leave out the
first (RFC 1661 section 6.5): low bytes are odd, high ones even.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import PPP, PPP_PAYLOAD
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.rows import Rows
    from shodohflo.wire.work import Work

_ADDRESS_CONTROL = 0xFF03
_SESSION_HEADER = 6


def ppp(work: Work[Any], rows: Rows) -> None:
    """Read the protocol number."""
    rows = work.require(rows, 2, Refusal.LINK_CUT)
    short = rows.u8(0) & 1 == 1
    number = np.where(short, rows.u8(0), rows.u16(0)).astype(np.uint16)
    work.dispatch(rows.advance(np.where(short, 1, 2)), PPP_PAYLOAD, number)


def framed_ppp(work: Work[Any], rows: Rows) -> None:
    """Step over address and control, all stations and unnumbered, where the peers kept them."""
    rows = work.require(rows, 2, Refusal.LINK_CUT)
    work.onward(rows.advance(np.where(rows.u16(0) == _ADDRESS_CONTROL, 2, 0)), PPP)


def directed_ppp(work: Work[Any], rows: Rows) -> None:
    """Step over the direction that some writers put first: one byte."""
    framed_ppp(work, work.require(rows, 1, Refusal.LINK_CUT).advance(1))


def pppoe(work: Work[Any], rows: Rows) -> None:
    """Step over a session's header: version and type, code, session, length (RFC 2516 section 4)."""
    rows = work.require(rows, _SESSION_HEADER, Refusal.LINK_CUT)
    work.onward(rows.advance(_SESSION_HEADER), PPP)
