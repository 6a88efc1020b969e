"""Ethernet (IEEE 802.3 clause 3), VLAN tags (IEEE 802.1Q clause 9), and LLC and SNAP (IEEE 802.2, RFC 1042).

Ethernet  0  destination    6  source    12  EtherType or, up to 1500, a length: then LLC follows
ISL       0  01 00 0C 00 00 or 03 00 0C 00 00, and more up to 26; then the tagged Ethernet frame (Cisco)
VLAN tag  0  control information    2  EtherType or length of the tagged frame
LLC       0  destination and source service access point, control, of 1 byte each
SNAP      0  organisation (3 bytes)    3  a number that the organisation assigned
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import CISCO_SNAP, ETHERNET, IPV4, LLC, LLC_SERVICE, OTHER_SNAP, SNAP
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

FIRST_ETHERTYPE: Final = 0x0600
"""No smaller number is an EtherType (IEEE 802.3 clause 3.2.6)."""

LONGEST_LENGTH: Final = 1500
"""A number up to this in the place of the EtherType is a length (IEEE 802.3 clause 3.2.6)."""

_ISL = (0x01000C00, 0x03000C00)
_ISL_SIZE = 26

_SNAP = 0xAAAA03
_INTERNET = 0x060603
"""An LLC header before SNAP and, in old networks, directly before IPv4."""

_NAMED_BY_ETHERTYPE = (0x000000, 0x0000F8)
"""Organisations whose SNAP numbers are EtherTypes: 0 (RFC 1042), and that of IEEE 802.1H."""

_CISCO = 0x00000C
_BRIDGED = 0x0080C2
_BRIDGED_ETHERNET = (1, 7)
"""IEEE 802.1's numbers for an Ethernet frame, with and without its check sequence (RFC 2427 section 4.2)."""


class EthernetHeader(Header):
    """The field of an Ethernet header that selects the next decoder."""

    SIZE = 14

    @property
    def ethertype(self) -> NDArray[np.uint16]:
        """The EtherType of the payload, or a length."""
        return self.u16(12)

    @property
    def is_isl(self) -> NDArray[np.bool_]:
        """Whether this is an ISL header; only they have these destinations, whatever stands for the EtherType."""
        isl: NDArray[np.bool_] = np.isin(self.u32(0), _ISL) & (self.u8(4) == 0)
        return isl


class VlanTag(Header):
    """The field of a VLAN tag that selects the next decoder."""

    SIZE = 4

    @property
    def ethertype(self) -> NDArray[np.uint16]:
        """The EtherType of the tagged frame's payload, or a length."""
        return self.u16(2)


class SnapHeader(Header):
    """The fields of a SNAP header."""

    SIZE = 5

    @property
    def organisation(self) -> NDArray[np.uint32]:
        """The organisation that assigned the number, 24 bits."""
        return self.u32(0) >> np.uint32(8)

    @property
    def number(self) -> NDArray[np.uint16]:
        """The protocol, as the organisation numbers it."""
        return self.u16(3)


def ethernet(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch the payload by EtherType, or the frame behind an ISL header to this decoder again."""
    rows = decoding.require(rows, EthernetHeader.SIZE, Refusal.LINK_CUT)
    is_isl = EthernetHeader.of(rows).is_isl
    if is_isl.any():
        decoding.next_header(rows.keep(is_isl).advance(_ISL_SIZE), ETHERNET)
        rows = rows.keep(~is_isl)
    by_ethertype(decoding, rows.advance(EthernetHeader.SIZE), EthernetHeader.of(rows).ethertype)


def vlan(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over a tag."""
    rows = decoding.require(rows, VlanTag.SIZE, Refusal.LINK_CUT)
    by_ethertype(decoding, rows.advance(VlanTag.SIZE), VlanTag.of(rows).ethertype)


def by_ethertype(decoding: Decoding[Any], rows: Rows, ethertype: NDArray[np.uint16]) -> None:
    """Dispatch the payload by `ethertype`, or to LLC where that is a length."""
    decoding.dispatch(rows, ETHERTYPE, np.where(ethertype <= LONGEST_LENGTH, np.uint16(LLC - ETHERTYPE), ethertype))


def llc(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch to SNAP or IPv4; refuse other services."""
    rows = decoding.require(rows, 4, Refusal.LINK_CUT)
    service = rows.u32(0) >> 8
    is_snap, is_ipv4 = service == _SNAP, service == _INTERNET
    rows = rows.advance(3)
    decoding.next_header(rows.keep(is_snap), SNAP)
    decoding.next_header(rows.keep(is_ipv4), IPV4)
    other = ~is_snap & ~is_ipv4
    decoding.refuse_unread(rows.keep(other), LLC_SERVICE + (service[other] >> 16))


def snap(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch by EtherType, or to Ethernet for a bridged frame; refuse everything else."""
    rows = decoding.require(rows, SnapHeader.SIZE, Refusal.LINK_CUT)
    header = SnapHeader.of(rows)
    organisation, number = header.organisation, header.number
    named = np.isin(organisation, _NAMED_BY_ETHERTYPE)
    bridged = (organisation == _BRIDGED) & np.isin(number, _BRIDGED_ETHERNET)
    rows = rows.advance(SnapHeader.SIZE)
    decoding.dispatch(rows.keep(named), ETHERTYPE, number[named])
    decoding.next_header(rows.keep(bridged), ETHERNET)
    other = ~named & ~bridged
    of_cisco = CISCO_SNAP + number.astype(np.uint32)
    decoding.refuse_unread(rows.keep(other), np.where(organisation == _CISCO, of_cisco, OTHER_SNAP)[other])
