"""GRE (RFC 2784, RFC 2890) and the mirrored frames it carries, ERSPAN (draft-foschiano-erspan).

0  flags: checksum (8000), routing (4000), key (2000), sequence (1000), version (0007)
2  protocol, an EtherType    4  4 bytes each for checksum, key and sequence, where flagged
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.frames import ETHERTYPE
from shodohflo.wire.layers import ETHERNET
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.rows import Rows
    from shodohflo.wire.work import Work

_CHECKSUM, _ROUTING, _KEY, _SEQUENCE, _VERSION = 0x8000, 0x4000, 0x2000, 0x1000, 0x0007

TRANSPARENT_ETHERNET = 0x6558
_ERSPAN = 0x88BE
"""Types I and II: II has a header of 8 bytes, and comes with GRE's sequence number, as I does not."""

_ERSPAN_III = 22 << 8 | 0xEB
_ERSPAN_III_HEADER, _ERSPAN_III_MORE = 12, 8
"""Its last bit tells whether a platform-specific part follows."""


def gre(work: Work[Any], rows: Rows) -> None:
    """Open the tunnel; routing (withdrawn by RFC 2784) and version 1 (PPTP) are not read."""
    rows = work.require(rows, 4, Refusal.TUNNEL_CUT)
    rows = work.insist(rows, rows.u16(0) & (_ROUTING | _VERSION) == 0, Refusal.PROTOCOL)
    flags, protocol = rows.u16(0), rows.u16(2)
    size = 4 + 4 * sum((flags & flag != 0).astype(np.int64) for flag in (_CHECKSUM, _KEY, _SEQUENCE))
    size += 8 * ((protocol == _ERSPAN) & (flags & _SEQUENCE != 0))
    mirrored = protocol == _ERSPAN
    version_3 = protocol == _ERSPAN_III
    work.open(rows, "gre")
    rows = rows.advance(size)
    work.onward(rows.keep(mirrored), ETHERNET)
    _erspan_iii(work, rows.keep(version_3))
    rest = ~mirrored & ~version_3
    work.dispatch(rows.keep(rest), ETHERTYPE, protocol[rest])


def _erspan_iii(work: Work[Any], rows: Rows) -> None:
    rows = work.require(rows, _ERSPAN_III_HEADER, Refusal.TUNNEL_CUT)
    more = rows.u8(_ERSPAN_III_HEADER - 1) & 1
    work.onward(rows.advance(_ERSPAN_III_HEADER + more.astype(np.int64) * _ERSPAN_III_MORE), ETHERNET)


def transparent_ethernet(work: Work[Any], rows: Rows) -> None:
    """Go on with the Ethernet frame that GRE or Geneve carries (EtherType 6558)."""
    work.onward(rows, ETHERNET)
