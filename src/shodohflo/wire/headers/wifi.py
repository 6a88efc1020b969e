"""IEEE 802.11 (clause 9.2): the header of a data frame.

    0  frame control: version (2 bits), type (2), subtype (4), then flags    2  duration
    4  three addresses    22  sequence control: fragment (4 bits), sequence (12)
   24  a fourth address between access points; 2 bytes QoS control; 4 bytes HT control

All in little-endian order. A data frame that is neither null nor encrypted carries LLC, in a mesh behind mesh control.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.headers.mesh import is_mesh
from shodohflo.wire.layers import LLC, MESH, WIFI_WITHOUT_DATA
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
_FROM_ACCESS_POINT = 0x02
_PROTECTED = 0x40
_ORDER = 0x80
"""In the second byte; in a QoS frame, "order" announces HT control."""

_FRAGMENT = 0x0F
"""In the first byte of sequence control."""

_AGGREGATED = 0x80
"""In the first byte of QoS control: several packets in one frame, each with an address header of its own."""

_MESH_CONTROL = 0x01
"""In the second byte of QoS control, in a mesh: mesh control follows the header."""


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
    def is_from_access_point(self) -> NDArray[np.bool_]:
        """Whether an access point or a mesh station sent the frame."""
        sent: NDArray[np.bool_] = self.u8(1) & _FROM_ACCESS_POINT != 0
        return sent

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
    has_data = FrameControl.of(rows).has_data
    decoding.refuse_unread(rows.keep(~has_data), WIFI_WITHOUT_DATA)
    rows = rows.keep(has_data)
    rows = decoding.keep_if(rows, ~FrameControl.of(rows).is_protected, Refusal.ENCRYPTED)
    rows = decoding.require(rows, WifiHeader.SIZE, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, WifiHeader.of(rows).fragment == 0, Refusal.LATER_FRAGMENT)
    rows = decoding.require(rows, _padded_length(FrameControl.of(rows), alignment), Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, ~_qos_control_has(rows, 0, _AGGREGATED), Refusal.AGGREGATED)
    control = FrameControl.of(rows)
    body = rows.advance(_padded_length(control, alignment))
    meshed = control.is_from_access_point & _qos_control_has(rows, 1, _MESH_CONTROL) & is_mesh(body)
    decoding.next_header(body.keep(meshed), MESH)
    decoding.next_header(body.keep(~meshed), LLC)


def _qos_control_has(rows: Rows, byte: int, flag: int) -> NDArray[np.bool_]:
    """Return whether QoS control is present and has `flag` in one of its two bytes."""
    found = FrameControl.of(rows).has_qos
    with_qos = rows.keep(found)
    qos_control = with_qos.advance(FrameControl.of(with_qos).addresses_end)
    found[found] = qos_control.u8(byte) & flag != 0
    return found


def _padded_length(control: FrameControl, alignment: int) -> NDArray[np.int64]:
    padded: NDArray[np.int64] = (control.length + alignment - 1) // alignment * alignment
    return padded
