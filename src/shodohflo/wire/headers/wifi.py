"""IEEE 802.11 (clause 9.2): the header of a data frame.

    0  frame control: version (2 bits), type (2), subtype (4), then flags    2  duration
    4  three addresses    22  sequence control: fragment (4 bits), sequence (12)
   24  a fourth address between access points; 2 bytes QoS control; 4 bytes HT control

All in little-endian order. A data frame that is neither null nor encrypted carries LLC.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import LLC
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_SHORTEST = 24

_VERSION_AND_TYPE, _DATA = 0x0F, 0x08
_NO_DATA = 0x40
_QOS = 0x80
"""In the first byte: version 0, type 2, and two bits of a data frame's subtype."""

_BETWEEN_ACCESS_POINTS = 0x03
_MORE_FRAGMENTS = 0x04
_PROTECTED = 0x40
_ORDER = 0x80
"""In the second byte; with QoS, "order" says that HT control follows."""

_FRAGMENT = 0x0F
"""In the first byte of sequence control."""

_AGGREGATED = 0x80
"""In the first byte of QoS control: several packets in one frame, each behind an address header of its own."""

_LONGEST = 1 << 16
"""How far a frame may go on in later fragments: no IP packet is longer."""


def wifi(decoding: Decoding[Any], rows: Rows, *, alignment: int = 1) -> None:
    """Step over the header of a data frame, and over what pads it to `alignment`."""
    rows = decoding.require(rows, 2, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, rows.u8(0) & (_VERSION_AND_TYPE | _NO_DATA) == _DATA, Refusal.NOT_IP)
    rows = decoding.keep_if(rows, rows.u8(1) & _PROTECTED == 0, Refusal.ENCRYPTED)
    rows = decoding.require(rows, _SHORTEST, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, rows.u8(22) & _FRAGMENT == 0, Refusal.LATER_FRAGMENT)
    rows = decoding.require(rows, _size(rows, alignment), Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, ~_is_aggregated(rows), Refusal.AGGREGATED)
    fragmented = rows.u8(1) & _MORE_FRAGMENTS != 0
    wire_end = np.where(fragmented, rows.wire_end + _LONGEST, rows.wire_end)
    decoding.next_header(replace(rows, wire_end=wire_end).advance(_size(rows, alignment)), LLC)


def _is_aggregated(rows: Rows) -> NDArray[np.bool_]:
    aggregated: NDArray[np.bool_] = rows.u8(0) & _QOS != 0
    with_qos = rows.keep(aggregated)
    aggregated[aggregated] = with_qos.advance(_addresses_end(with_qos)).u8(0) & _AGGREGATED != 0
    return aggregated


def _addresses_end(rows: Rows) -> NDArray[np.int64]:
    return np.where(rows.u8(1) & _BETWEEN_ACCESS_POINTS == _BETWEEN_ACCESS_POINTS, _SHORTEST + 6, _SHORTEST)


def _size(rows: Rows, alignment: int) -> NDArray[np.int64]:
    qos = rows.u8(0) & _QOS != 0
    size = _addresses_end(rows) + 2 * qos + 4 * (qos & (rows.u8(1) & _ORDER != 0))
    padded: NDArray[np.int64] = (size + alignment - 1) // alignment * alignment
    return padded
