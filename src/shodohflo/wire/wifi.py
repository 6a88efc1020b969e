"""IEEE 802.11 (clause 9.2) and what captures put before it: radiotap (radiotap.org) and PPI.

    0  frame control: version (2 bits), type (2), subtype (4), then flags    2  duration
    4  three addresses    22  sequence control: fragment (4 bits), sequence (12)
   24  a fourth address between access points; 2 bytes QoS control; 4 bytes HT control

All in little-endian order. A data frame that is neither null nor encrypted carries LLC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import LLC, WIFI
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.rows import Rows
    from shodohflo.wire.work import Work

_TYPE = 0x0C
_DATA = 0x08
_NO_DATA = 0x40
_QOS = 0x80
"""In the first byte: frame type, and two bits of a data frame's subtype."""

_BETWEEN_ACCESS_POINTS = 0x03
_PROTECTED = 0x40
_ORDER = 0x80
"""In the second byte; with QoS, "order" says that HT control follows."""

_AGGREGATED = 0x80
"""In the first byte of QoS control: several packets in one frame, each behind an address header of its own."""

_PPI_WIFI = 105
_EXTENDED = 1 << 31
_RADIOTAP_TIME, _RADIOTAP_FLAGS = 1 << 0, 1 << 1
_PADDED = 0x20


def wifi(work: Work[Any], rows: Rows) -> None:
    """Step over the header of a data frame."""
    _wifi(work, rows, np.zeros(len(rows), np.bool_))


def _wifi(work: Work[Any], rows: Rows, padded: NDArray[np.bool_]) -> None:
    long_enough = rows.end - rows.at >= 24
    rows, padded = work.insist(rows, long_enough, Refusal.LINK_CUT), padded[long_enough]
    kind = rows.u8(0)
    data = (kind & (_TYPE | _NO_DATA)) == _DATA
    rows, padded = work.insist(rows, data, Refusal.NOT_IP), padded[data]
    clear = rows.u8(1) & _PROTECTED == 0
    rows, padded = work.insist(rows, clear, Refusal.ENCRYPTED), padded[clear]
    first = rows.u8(22) & 0x0F == 0
    rows, padded = work.insist(rows, first, Refusal.LATER_FRAGMENT), padded[first]
    _payload(work, rows, padded)


def _payload(work: Work[Any], rows: Rows, padded: NDArray[np.bool_]) -> None:
    flags = rows.u8(1)
    qos = rows.u8(0) & _QOS != 0
    control = 24 + 6 * (flags & _BETWEEN_ACCESS_POINTS == _BETWEEN_ACCESS_POINTS)
    header = control + 2 * qos + 4 * (qos & (flags & _ORDER != 0))
    header = np.where(padded, (header + 3) // 4 * 4, header)
    enough = rows.end - rows.at >= header
    rows, qos, control, header = (
        work.insist(rows, enough, Refusal.LINK_CUT),
        qos[enough],
        control[enough],
        header[enough],
    )
    aggregated = np.zeros(len(rows), np.bool_)
    with_qos = rows.keep(qos).advance(control[qos])
    aggregated[qos] = with_qos.u8(0) & _AGGREGATED != 0
    work.refuse(rows.keep(aggregated), Refusal.AGGREGATED)
    work.onward(rows.advance(header).keep(~aggregated), LLC)


def radiotap(work: Work[Any], rows: Rows) -> None:
    """Step over: version, pad, 2 bytes length, 4 bytes telling which fields are present, the fields."""
    rows = work.require(rows, 8, Refusal.LINK_CUT)
    size = rows.u16(2).byteswap().astype(np.int64)
    sound = (size >= 8) & (size <= rows.end - rows.at)
    rows, size = work.insist(rows, sound, Refusal.LINK_CUT), size[sound]
    _wifi(work, rows.advance(size), _is_padded(rows, size))


def _is_padded(rows: Rows, size: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell whether the 802.11 header is padded to 4 bytes: bit 5 of the flags, behind the time if there is one."""
    present = rows.u32(4).byteswap()
    # A chain of further "present" words would move the fields; who writes one does not pad.
    simple = present & np.uint32(_EXTENDED | _RADIOTAP_FLAGS) == _RADIOTAP_FLAGS
    place = np.where(present & np.uint32(_RADIOTAP_TIME) != 0, 16, 8)
    readable = simple & (place < size)
    padded = np.zeros(len(rows), np.bool_)
    padded[readable] = rows.keep(readable).advance(place[readable]).u8(0) & _PADDED != 0
    return padded


def ppi(work: Work[Any], rows: Rows) -> None:
    """Step over: version, flags, 2 bytes length, 4 bytes link type, fields (CACE PPI 1.0.10)."""
    rows = work.require(rows, 8, Refusal.LINK_CUT)
    size = rows.u16(2).byteswap().astype(np.int64)
    size_is_sound = size >= 8
    rows, size = work.insist(rows, size_is_sound, Refusal.LINK_CUT), size[size_is_sound]
    is_wifi = rows.u32(4).byteswap() == _PPI_WIFI
    work.onward(rows.advance(size).keep(is_wifi), WIFI)
    work.refuse(rows.keep(~is_wifi), Refusal.NOT_IP)
