"""Linux cooked captures (tcpdump.org, LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2): what `-i any` writes.

v1: 2 bytes packet type, 2 ARPHRD, 2 address length, 8 address, 2 protocol: 16 in all.
v2: 2 bytes protocol, 2 reserved, 4 interface index, 2 ARPHRD, 1 packet type, 1 address length, 8 address: 20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.ethernet import by_ethertype
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.rows import Rows
    from shodohflo.wire.work import Work


def cooked_v1(work: Work[Any], rows: Rows) -> None:
    """Read the protocol at the header's end."""
    rows = work.require(rows, 16, Refusal.LINK_CUT)
    by_ethertype(work, rows.advance(16), rows.u16(14))


def cooked_v2(work: Work[Any], rows: Rows) -> None:
    """Read the protocol at the header's beginning."""
    rows = work.require(rows, 20, Refusal.LINK_CUT)
    by_ethertype(work, rows.advance(20), rows.u16(0))
