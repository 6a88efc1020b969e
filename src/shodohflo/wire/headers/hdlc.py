"""Cisco HDLC: 1 byte address (0F unicast, 8F multicast), 1 byte control, then an EtherType."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


def cisco_hdlc(decoding: Decoding[Any], rows: Rows) -> None:
    """Read the EtherType."""
    rows = decoding.require(rows, 4, Refusal.LINK_CUT)
    decoding.dispatch(rows.advance(4), ETHERTYPE, rows.u16(2))
