"""UDP (RFC 768).

0  source port    2  destination port    4  length of header and payload    6  checksum
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.model import UDP
from shodohflo.wire.headers.segments import Ports, segments
from shodohflo.wire.headers.udp_tunnels import look_inside
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.says import Datagrams, read_says

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Batch, Family
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_THROUGH_LENGTH = 6
"""The first bytes, ports and length; the checksum need not have been captured."""


class UdpHeader(Ports):
    """The fields of a UDP header."""

    SIZE = 8

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes of header and payload; 0 in a jumbogram (RFC 2675 section 4)."""
        return self.u16(4).astype(np.int64)

    def lengths(self, chosen: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the lengths of some datagrams, without reading those of the others."""
        return self.octets[:, 4:6].view(">u2")[:, 0][chosen].astype(np.int64)


def udp(decoding: Decoding[Any], rows: Rows, family: Family) -> None:
    """Decode a datagram, or the first fragment of one."""
    rows = decoding.keep_if(rows, rows.wire_left() >= UdpHeader.SIZE, Refusal.UDP_LENGTH)
    rows = decoding.require(rows, Ports.SIZE, Refusal.UDP_CUT)
    rows = decoding.keep_if(rows, _plausible(rows), Refusal.UDP_LENGTH)
    batch = segments(rows, family, UDP)
    decoding.decoded.append(replace(batch, says=_says(rows, batch)) if decoding.listens else batch)
    if decoding.tunnels:
        look_inside(decoding, rows)


def _plausible(rows: Rows) -> NDArray[np.bool_]:
    """Return whether the length, where it was captured, agrees with the IP length."""
    plausible = np.ones(len(rows), np.bool_)
    captured = rows.end - rows.at >= _THROUGH_LENGTH
    rows = rows.keep(captured)
    length = UdpHeader.of(rows, _THROUGH_LENGTH).length
    plausible[captured] = (length == 0) | ((length >= UdpHeader.SIZE) & (length <= rows.wire_left()))
    return plausible


def _says(rows: Rows, batch: Batch) -> NDArray[np.uint8]:
    """Return what the payloads say; a length of 0 stands for the rest of the packet."""
    captured = rows.end - rows.at >= UdpHeader.SIZE
    rows = rows.keep(captured)
    length = UdpHeader.of(rows, _THROUGH_LENGTH).length
    length = np.where(length == 0, rows.wire_left(), length)
    found = np.zeros(len(batch), np.uint8)
    found[captured] = read_says(
        Datagrams(
            data=rows.data,
            head=np.zeros((0, 0), np.uint8),
            row=np.zeros(len(rows), np.int64),
            at=rows.at + UdpHeader.SIZE,
            size=np.minimum(rows.end - rows.at, length) - UdpHeader.SIZE,
            length=length - UdpHeader.SIZE,
            src_port=batch.src_port[captured],
            dst_port=batch.dst_port[captured],
        )
    )
    return found
