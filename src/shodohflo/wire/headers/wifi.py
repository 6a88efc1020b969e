"""IEEE 802.11 (clause 9.2): the header of a data frame.

    0  frame control: version (2 bits), type (2), subtype (4), then flags    2  duration
    4  three addresses    22  sequence control: fragment (4 bits), sequence (12)
   24  a fourth address between access points; 2 bytes QoS control; 4 bytes HT control

All in little-endian order. A data frame that is neither null nor encrypted carries LLC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import LLC
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_VERSION_AND_TYPE, _DATA = 0x0F, 0x08
_NO_DATA = 0x40
_QOS = 0x80
"""In the first byte: version 0 and type 2, and two bits of a data frame's subtype."""

_BETWEEN_ACCESS_POINTS = 0x03
_PROTECTED = 0x40
_ORDER = 0x80
"""In the second byte; in a QoS frame, "order" announces HT control."""

_FRAGMENT = 0x0F
"""In the first byte of sequence control."""

_AGGREGATED = 0x80
"""In the first byte of QoS control: several packets in one frame, each with an address header of its own."""


class FrameControl(Header):
    """The two bytes with which every 802.11 frame begins."""

    SIZE = 2

    @property
    def has_data(self) -> NDArray[np.bool_]:
        """Whether this is a data frame with a payload."""
        data: NDArray[np.bool_] = self.u8(0) & (_VERSION_AND_TYPE | _NO_DATA) == _DATA
        return data

    @property
    def has_qos(self) -> NDArray[np.bool_]:
        """Whether QoS control is present in a data frame."""
        present: NDArray[np.bool_] = self.u8(0) & _QOS != 0
        return present

    @property
    def has_ht(self) -> NDArray[np.bool_]:
        """Whether HT control is present in a data frame."""
        present: NDArray[np.bool_] = self.has_qos & (self.u8(1) & _ORDER != 0)
        return present

    @property
    def is_protected(self) -> NDArray[np.bool_]:
        """Whether the payload is encrypted."""
        protected: NDArray[np.bool_] = self.u8(1) & _PROTECTED != 0
        return protected

    @property
    def addresses_end(self) -> NDArray[np.int64]:
        """The offset at which addresses and sequence control end: 24, or 30 between access points."""
        four_addresses = self.u8(1) & _BETWEEN_ACCESS_POINTS == _BETWEEN_ACCESS_POINTS
        return np.where(four_addresses, WifiHeader.SIZE + 6, WifiHeader.SIZE)

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes of the whole header of a data frame, without padding: 24 to 36."""
        length: NDArray[np.int64] = self.addresses_end + 2 * self.has_qos + 4 * self.has_ht
        return length


class WifiHeader(FrameControl):
    """The part of a data frame's header that is always present."""

    SIZE = 24

    @property
    def fragment(self) -> NDArray[np.uint8]:
        """The number of the fragment: 0 in the first, and in frames that are not fragmented."""
        return self.u8(22) & np.uint8(_FRAGMENT)


def wifi(decoding: Decoding[Any], rows: Rows, *, alignment: int = 1) -> None:
    """Step over the header of a data frame and its padding to a multiple of `alignment` bytes, to LLC."""
    rows = decoding.require(rows, FrameControl.SIZE, Refusal.LINK_CUT)
    control = FrameControl.of(rows)
    good = decoding.check(rows, (control.has_data, Refusal.NOT_IP), (~control.is_protected, Refusal.ENCRYPTED))
    rows = decoding.require(rows.keep(good), WifiHeader.SIZE, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, WifiHeader.of(rows).fragment == 0, Refusal.LATER_FRAGMENT)
    rows = decoding.require(rows, _padded_length(FrameControl.of(rows), alignment), Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, ~_is_aggregated(rows), Refusal.AGGREGATED)
    decoding.next_header(rows.advance(_padded_length(FrameControl.of(rows), alignment)), LLC)


def _is_aggregated(rows: Rows) -> NDArray[np.bool_]:
    """Return whether QoS control, where it is present, announces several packets in the frame."""
    aggregated = FrameControl.of(rows).has_qos
    with_qos = rows.keep(aggregated)
    qos_control = with_qos.advance(FrameControl.of(with_qos).addresses_end)
    aggregated[aggregated] = qos_control.u8(0) & _AGGREGATED != 0
    return aggregated


def _padded_length(control: FrameControl, alignment: int) -> NDArray[np.int64]:
    padded: NDArray[np.int64] = (control.length + alignment - 1) // alignment * alignment
    return padded
