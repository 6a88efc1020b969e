"""Ethernet: 6 bytes destination, 6 source, then an EtherType or, up to 1500, a length (IEEE 802.3 clause 3.2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import ETHERNET, IPV4, LLC, SNAP
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

LONGEST_LENGTH: Final = 1500
"""What stands in the place of an EtherType and is not larger is a length."""

_SNAP = 0xAAAA03
_INTERNET = 0x060603
"""The first three bytes of LLC before a SNAP header and, as it once was, before IPv4."""

_NAMED_BY_ETHERTYPE = (0x000000, 0x0000F8)
"""Organisations whose SNAP numbers are EtherTypes: none (RFC 1042), and the one of IEEE 802.1H."""

_BRIDGED = 0x0080C2
_BRIDGED_ETHERNET = (1, 7)
"""IEEE 802.1's numbers for an Ethernet frame, with and without its check sequence (RFC 2427 section 4.2)."""


def ethernet(decoding: Decoding[Any], rows: Rows) -> None:
    """Read the EtherType."""
    rows = decoding.require(rows, 14, Refusal.LINK_CUT)
    by_ethertype(decoding, rows.advance(14), rows.u16(12))


def vlan(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over a tag: 2 bytes of control information, then the EtherType of what it tags (IEEE 802.1Q clause 9)."""
    rows = decoding.require(rows, 4, Refusal.LINK_CUT)
    by_ethertype(decoding, rows.advance(4), rows.u16(2))


def by_ethertype(decoding: Decoding[Any], rows: Rows, ethertype: NDArray[np.uint16]) -> None:
    """Go on with what `ethertype` names; a length stands where an LLC header follows."""
    decoding.dispatch(rows, ETHERTYPE, np.where(ethertype <= LONGEST_LENGTH, np.uint16(LLC - ETHERTYPE), ethertype))


def llc(decoding: Decoding[Any], rows: Rows) -> None:
    """Read IEEE 802.2: 1 byte each for destination, source and control; two values of them lead to IP."""
    rows = decoding.require(rows, 4, Refusal.LINK_CUT)
    service = rows.u32(0) >> 8
    is_snap, is_ipv4 = service == _SNAP, service == _INTERNET
    rows = rows.advance(3)
    decoding.next_header(rows.keep(is_snap), SNAP)
    decoding.next_header(rows.keep(is_ipv4), IPV4)
    decoding.refuse(rows.keep(~is_snap & ~is_ipv4), Refusal.NOT_IP)


def snap(decoding: Decoding[Any], rows: Rows) -> None:
    """Read a SNAP header: 3 bytes organisation, 2 bytes of its own numbering."""
    rows = decoding.require(rows, 5, Refusal.LINK_CUT)
    organisation, number = rows.u32(0) >> 8, rows.u16(3)
    named = np.isin(organisation, _NAMED_BY_ETHERTYPE)
    bridged = (organisation == _BRIDGED) & np.isin(number, _BRIDGED_ETHERNET)
    rows = rows.advance(5)
    decoding.dispatch(rows.keep(named), ETHERTYPE, number[named])
    decoding.next_header(rows.keep(bridged), ETHERNET)
    decoding.refuse(rows.keep(~named & ~bridged), Refusal.NOT_IP)
