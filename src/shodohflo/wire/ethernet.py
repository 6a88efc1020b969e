"""Ethernet: 6 bytes destination, 6 source, then an EtherType or, up to 1500, a length (IEEE 802.3 clause 3.2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.frames import ETHERTYPE
from shodohflo.wire.layers import LLC
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.rows import Rows
    from shodohflo.wire.work import Work

_LONGEST_LENGTH = 1500


def ethernet(work: Work[Any], rows: Rows) -> None:
    """Read the EtherType."""
    rows = work.require(rows, 14, Refusal.LINK_CUT)
    by_ethertype(work, rows.advance(14), rows.u16(12))


def vlan(work: Work[Any], rows: Rows) -> None:
    """Step over a tag: 2 bytes of control information, then the EtherType of what it tags (IEEE 802.1Q clause 9)."""
    rows = work.require(rows, 4, Refusal.LINK_CUT)
    by_ethertype(work, rows.advance(4), rows.u16(2))


def by_ethertype(work: Work[Any], rows: Rows, ethertype: NDArray[np.uint16]) -> None:
    """Go on with what `ethertype` names; a length stands where an LLC header follows."""
    work.dispatch(rows, ETHERTYPE, np.where(ethertype <= _LONGEST_LENGTH, np.uint16(LLC - ETHERTYPE), ethertype))


def llc(work: Work[Any], rows: Rows) -> None:
    """Read IEEE 802.2: SNAP (AA AA 03 and five bytes, RFC 1042) names an EtherType; nothing else carries IP here."""
    rows = work.require(rows, 3, Refusal.LINK_CUT)
    snap = (rows.u16(0) == 0xAAAA) & (rows.u8(2) == 0x03)
    rows = work.insist(rows, snap, Refusal.NOT_IP)
    rows = work.require(rows, 8, Refusal.LINK_CUT)
    work.dispatch(rows.advance(8), ETHERTYPE, rows.u16(6))
