"""L2TP: version 2 over UDP with PPP (RFC 2661), version 3 over UDP or IP with Ethernet (RFC 3931, RFC 4719).

UDP        0  flags: control (8000), length (4000), sequence (0800), offset (0200), version (000F)
version 2  2  length, tunnel, session, sequence numbers (4 bytes), size of the offset, of 2 bytes each, where flagged
              (tunnel and session always), then the offset, then PPP
version 3  0  in UDP only: flags, and 2 reserved bytes; then the session, 0 in control messages over IP
           4  cookie of 0, 4 or 8 bytes, sublayer of 0 or 4 bytes, then the frame

Both ends of version 3 have agreed on the sizes, and no field has them. The frame is taken to begin at the first of the
four possible places where IP follows an EtherType that names it; without one, at the first where the EtherType is one
that bridges often carry, such as MPLS or ARP; without that, the packet is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.headers.pseudowire import MOST_LOOKED_AT, POSSIBLE, likeness
from shodohflo.wire.layers import ETHERNET, FRAMED_PPP, L2TP
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_CONTROL, _LENGTH, _SEQUENCE, _OFFSET, _VERSION = 0x8000, 0x4000, 0x0800, 0x0200, 0x000F
_SESSION = 4
_PLACES = (4, 8, 12, 16)


class L2tpHeader(Header):
    """The header in UDP; only its version and whether it is a control message are the same in both versions."""

    SIZE = 6

    @property
    def version(self) -> NDArray[np.uint16]:
        """2 or 3; 1 is L2F."""
        return self.u16(0) & np.uint16(_VERSION)

    @property
    def is_control(self) -> NDArray[np.bool_]:
        """Whether this is a control message."""
        return self._has(_CONTROL)

    @property
    def has_offset(self) -> NDArray[np.bool_]:
        """Whether the header of version 2 ends with the size of an offset that follows it."""
        return self._has(_OFFSET)

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes of the header of version 2, without the offset: 6 to 14."""
        length: NDArray[np.int64] = self.SIZE + 2 * self._has(_LENGTH) + 4 * self._has(_SEQUENCE) + 2 * self.has_offset
        return length

    def _has(self, flag: int) -> NDArray[np.bool_]:
        flagged: NDArray[np.bool_] = self.u16(0) & flag != 0
        return flagged


def l2tp(decoding: Decoding[Any], rows: Rows) -> None:
    """Find the Ethernet frame of a session; refuse control messages, and sessions in which there is none."""
    rows = decoding.require(rows, _SESSION, Refusal.TUNNEL_CUT)
    control = rows.u32(0) == 0
    decoding.refuse_unread(rows.keep(control), L2TP)
    rows = rows.keep(~control)
    enough = np.minimum(rows.wire_left(), _PLACES[-1] + MOST_LOOKED_AT)
    rows = decoding.require(rows, enough, Refusal.TUNNEL_CUT)
    alike = np.stack([likeness(rows.advance(place)) for place in _PLACES])
    # Of equal likenesses, the first.
    best, place = alike.max(axis=0), np.array(_PLACES)[alike.argmax(axis=0)]
    found = best >= POSSIBLE
    decoding.open(rows.keep(found), "l2tpv3")
    decoding.next_header(rows.advance(place).keep(found), ETHERNET)
    decoding.refuse_unread(rows.keep(~found), L2TP)


def l2tp_over_udp(decoding: Decoding[Any], rows: Rows) -> None:
    """Pass on PPP of version 2 and the sessions of version 3; refuse control messages."""
    rows = decoding.require(rows, L2tpHeader.SIZE, Refusal.TUNNEL_CUT)
    header = L2tpHeader.of(rows)
    second, third = ~header.is_control & (header.version == 2), ~header.is_control & (header.version == 3)
    decoding.refuse(rows.keep(~second & ~third), Refusal.NOT_IP)
    decoding.next_header(rows.keep(third).advance(_SESSION), L2TP)
    _version_2(decoding, rows.keep(second), header.keep(second))


def _version_2(decoding: Decoding[Any], rows: Rows, header: L2tpHeader) -> None:
    """Step over the header and its offset, to PPP."""
    size, has_offset = header.length, header.has_offset
    enough = rows.end - rows.at >= size
    rows, size, has_offset = decoding.keep_if(rows, enough, Refusal.TUNNEL_CUT), size[enough], has_offset[enough]
    offset = np.where(has_offset, rows.advance(size - 2).u16(0), 0)
    decoding.next_header(rows.advance(size + offset), FRAMED_PPP)
