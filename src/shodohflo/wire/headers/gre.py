"""GRE (RFC 2784, RFC 2890) and the mirrored frames it carries, ERSPAN (draft-foschiano-erspan).

GRE         0  flags: checksum (8000), routing (4000), key (2000), sequence number (1000), version (0007)
            2  EtherType of the payload    4  checksum, key and sequence number, of 4 bytes each, where flagged
ERSPAN II   0  version, VLAN, session    4  index
ERSPAN III  0  version, VLAN    2  whether the frame was damaged (2 bits, after the first 3), session
            4  time    8  group
           10  frame type (5 bits, after the first)    11  whether 8 more bytes follow (the last bit)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import EITHER_IP, ENHANCED_GRE, ERSPAN_II, ERSPAN_III, ETHERNET, GRE
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_CHECKSUM, _ROUTING, _KEY, _SEQUENCE, _VERSION = 0x8000, 0x4000, 0x2000, 0x1000, 0x0007
_OPTIONAL_FIELDS = (_CHECKSUM, _KEY, _SEQUENCE)

_ERSPAN = 0x88BE
"""The EtherType of ERSPAN I and II. With II, GRE has a sequence number; I has no header of its own."""

_ERSPAN_III = 0x22EB
_ERSPAN_II_SIZE = 8
_PLATFORM_SPECIFIC = 8
"""Bytes of the platform-specific part of ERSPAN III."""

_BAD_FRAME = 0x18
"""Both bits about the mirrored frame; one alone says that it was short or oversized."""

_MIRRORED_IP = 2
"""The frame type of packets that were mirrored without an Ethernet header."""


class GreHeader(Header):
    """The fields of a GRE header that are always present."""

    SIZE = 4

    @property
    def is_supported(self) -> NDArray[np.bool_]:
        """Whether the header is of version 0, without routing, which RFC 2784 has withdrawn."""
        supported: NDArray[np.bool_] = self.u16(0) & (_ROUTING | _VERSION) == 0
        return supported

    @property
    def is_enhanced(self) -> NDArray[np.bool_]:
        """Whether the header is that of PPTP, version 1."""
        enhanced: NDArray[np.bool_] = self.u16(0) & (_ROUTING | _VERSION) == 1
        return enhanced

    @property
    def has_sequence(self) -> NDArray[np.bool_]:
        """Whether a sequence number is present."""
        present: NDArray[np.bool_] = self.u16(0) & _SEQUENCE != 0
        return present

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes, optional fields included: 4 to 16."""
        flags = self.u16(0)
        length: NDArray[np.int64] = 4 + 4 * sum((flags & flag != 0).astype(np.int64) for flag in _OPTIONAL_FIELDS)
        return length

    @property
    def protocol(self) -> NDArray[np.uint16]:
        """The EtherType of the payload."""
        return self.u16(2)


class ErspanIIIHeader(Header):
    """The fields of an ERSPAN III header that are decoded."""

    SIZE = 12

    @property
    def is_damaged(self) -> NDArray[np.bool_]:
        """Whether the mirrored frame had a wrong check sequence or a bad alignment."""
        damaged: NDArray[np.bool_] = self.u8(2) & _BAD_FRAME == _BAD_FRAME
        return damaged

    @property
    def frame_type(self) -> NDArray[np.uint8]:
        """The kind of the mirrored frame: 0 Ethernet, 2 IP."""
        return self.u8(10) >> np.uint8(2) & np.uint8(0x1F)

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes, the platform-specific part included: 12 or 20."""
        return self.SIZE + (self.u8(11) & 1).astype(np.int64) * _PLATFORM_SPECIFIC


def gre(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch the payload of the tunnel by its protocol."""
    rows = decoding.require(rows, GreHeader.SIZE, Refusal.TUNNEL_CUT)
    enhanced = GreHeader.of(rows).is_enhanced
    decoding.next_header(rows.keep(enhanced), ENHANCED_GRE)
    rows = rows.keep(~enhanced)
    supported = GreHeader.of(rows).is_supported
    decoding.refuse_unread(rows.keep(~supported), GRE)
    rows = rows.keep(supported)
    rows = decoding.require(rows, GreHeader.of(rows).length, Refusal.TUNNEL_CUT)
    header = GreHeader.of(rows)
    protocol = header.protocol
    version_2 = (protocol == _ERSPAN) & header.has_sequence
    version_1, version_3 = (protocol == _ERSPAN) & ~version_2, protocol == _ERSPAN_III
    mirrored = version_1 | version_2 | version_3
    decoding.open(rows.keep(mirrored), "erspan")
    decoding.open(rows.keep(~mirrored), "gre")
    rows = rows.advance(header.length)
    decoding.next_header(rows.keep(version_1), ETHERNET)
    decoding.next_header(rows.keep(version_2), ERSPAN_II)
    decoding.next_header(rows.keep(version_3), ERSPAN_III)
    decoding.dispatch(rows.keep(~mirrored), ETHERTYPE, protocol[~mirrored])


def erspan_ii(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header, to the mirrored Ethernet frame."""
    rows = decoding.require(rows, _ERSPAN_II_SIZE, Refusal.TUNNEL_CUT)
    decoding.next_header(rows.advance(_ERSPAN_II_SIZE), ETHERNET)


def erspan_iii(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header, to the mirrored Ethernet frame or IP packet; refuse those that were received damaged."""
    rows = decoding.require(rows, ErspanIIIHeader.SIZE, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, ~ErspanIIIHeader.of(rows).is_damaged, Refusal.FRAME_CHECK)
    header = ErspanIIIHeader.of(rows)
    is_ip = header.frame_type == _MIRRORED_IP
    rows = rows.advance(header.length)
    decoding.next_header(rows.keep(is_ip), EITHER_IP)
    decoding.next_header(rows.keep(~is_ip), ETHERNET)


def transparent_ethernet(decoding: Decoding[Any], rows: Rows) -> None:
    """Pass on the Ethernet frame that GRE, Geneve or a network service header carries."""
    decoding.next_header(rows, ETHERNET)
