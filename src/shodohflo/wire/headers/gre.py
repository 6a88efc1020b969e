"""GRE (RFC 2784, RFC 2890) and the mirrored frames it carries, ERSPAN (draft-foschiano-erspan).

0  flags: checksum (8000), routing (4000), key (2000), sequence (1000), version (0007)
2  protocol, an EtherType    4  4 bytes each for checksum, key and sequence, where flagged
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import EITHER_IP, ERSPAN_II, ERSPAN_III, ETHERNET
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_CHECKSUM, _ROUTING, _KEY, _SEQUENCE, _VERSION = 0x8000, 0x4000, 0x2000, 0x1000, 0x0007

_FIELDS = (_CHECKSUM, _KEY, _SEQUENCE)

_ERSPAN = 0x88BE
"""Types I and II: II comes with GRE's sequence number, and has a header of its own, as I has not."""

_ERSPAN_III = 0x22EB
_ERSPAN_II_HEADER = 8
_ERSPAN_III_HEADER, _ERSPAN_III_MORE = 12, 8
"""The last bit of the longer one tells whether a platform-specific part follows."""

_MIRRORED_IP = 2
"""The frame type, 5 bits in byte 10 of ERSPAN III, of packets without an Ethernet header."""


def gre(decoding: Decoding[Any], rows: Rows) -> None:
    """Open the tunnel; routing (withdrawn by RFC 2784) and version 1 (PPTP) are not read."""
    rows = decoding.require(rows, 4, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, rows.u16(0) & (_ROUTING | _VERSION) == 0, Refusal.PROTOCOL)
    rows = decoding.require(rows, _size(rows.u16(0)), Refusal.TUNNEL_CUT)
    flags, protocol = rows.u16(0), rows.u16(2)
    version_2 = (protocol == _ERSPAN) & (flags & _SEQUENCE != 0)
    version_1, version_3 = (protocol == _ERSPAN) & ~version_2, protocol == _ERSPAN_III
    mirrored = version_1 | version_2 | version_3
    decoding.open(rows.keep(mirrored), "erspan")
    decoding.open(rows.keep(~mirrored), "gre")
    rows = rows.advance(_size(flags))
    decoding.next_header(rows.keep(version_1), ETHERNET)
    decoding.next_header(rows.keep(version_2), ERSPAN_II)
    decoding.next_header(rows.keep(version_3), ERSPAN_III)
    decoding.dispatch(rows.keep(~mirrored), ETHERTYPE, protocol[~mirrored])


def _size(flags: NDArray[np.uint16]) -> NDArray[np.int64]:
    size: NDArray[np.int64] = 4 + 4 * sum((flags & flag != 0).astype(np.int64) for flag in _FIELDS)
    return size


def erspan_ii(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over version, VLAN, session and index."""
    rows = decoding.require(rows, _ERSPAN_II_HEADER, Refusal.TUNNEL_CUT)
    decoding.next_header(rows.advance(_ERSPAN_II_HEADER), ETHERNET)


def erspan_iii(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the same, time and group, and what some platforms add; most send Ethernet frames, some packets."""
    rows = decoding.require(rows, _ERSPAN_III_HEADER, Refusal.TUNNEL_CUT)
    more = rows.u8(_ERSPAN_III_HEADER - 1) & 1
    is_ip = rows.u8(10) >> 2 & 0x1F == _MIRRORED_IP
    rows = rows.advance(_ERSPAN_III_HEADER + more.astype(np.int64) * _ERSPAN_III_MORE)
    decoding.next_header(rows.keep(is_ip), EITHER_IP)
    decoding.next_header(rows.keep(~is_ip), ETHERNET)


def transparent_ethernet(decoding: Decoding[Any], rows: Rows) -> None:
    """Go on with the Ethernet frame that GRE or Geneve carries (EtherType 6558)."""
    decoding.next_header(rows, ETHERNET)
