"""Enhanced GRE, version 1: PPP of PPTP (RFC 2637 section 4.1), and Ethernet over IP of MikroTik.

PPTP  0  flags: key (2000), sequence (1000), acknowledgement (0080), version 1    2  880B    4  length of the payload
      6  call    8  sequence and acknowledgement numbers, of 4 bytes each, where flagged; then PPP
EoIP  0  2001    2  6400    4  length of the frame, 0 in a keepalive    6  tunnel    8  the Ethernet frame
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import ETHERNET, FRAMED_PPP, GRE
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_PPP, _ETHERNET_OVER_IP = 0x880B, 0x6400
_SEQUENCE, _ACKNOWLEDGEMENT = 0x1000, 0x0080


class EnhancedGreHeader(Header):
    """The fields of an enhanced GRE header that are always present."""

    SIZE = 8

    @property
    def protocol(self) -> NDArray[np.uint16]:
        """What the tunnel carries."""
        return self.u16(2)

    @property
    def payload_length(self) -> NDArray[np.uint16]:
        """Bytes after the header: 0 in an acknowledgement and in a keepalive."""
        return self.u16(4)

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes, optional fields of PPTP included: 8 to 16."""
        flags = self.u16(0)
        optional: NDArray[np.int64] = sum(
            (flags & flag != 0).astype(np.int64) for flag in (_SEQUENCE, _ACKNOWLEDGEMENT)
        )
        return self.SIZE + 4 * optional


def enhanced_gre(decoding: Decoding[Any], rows: Rows) -> None:
    """Pass on PPP and Ethernet frames; refuse acknowledgements and keepalives, which carry nothing."""
    rows = decoding.require(rows, EnhancedGreHeader.SIZE, Refusal.TUNNEL_CUT)
    header = EnhancedGreHeader.of(rows)
    carries = header.payload_length > 0
    is_ppp, is_ethernet = carries & (header.protocol == _PPP), carries & (header.protocol == _ETHERNET_OVER_IP)
    decoding.refuse_unread(rows.keep(~is_ppp & ~is_ethernet), GRE)
    _pptp(decoding, rows.keep(is_ppp), header.length[is_ppp])
    eoip = rows.keep(is_ethernet)
    decoding.open(eoip, "eoip")
    decoding.next_header(eoip.advance(EnhancedGreHeader.SIZE), ETHERNET)


def _pptp(decoding: Decoding[Any], rows: Rows, length: NDArray[np.int64]) -> None:
    decoding.open(rows, "pptp")
    decoding.next_header(rows.advance(length), FRAMED_PPP)
