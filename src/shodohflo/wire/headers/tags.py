"""Tags between the addresses and the EtherType of an Ethernet frame, other than those of a VLAN (`ethernet.vlan`).

VN-Tag          0  direction, interfaces, version, 4 bytes    4  EtherType (Cisco; IEEE 802.1Qbh)
E-TAG           0  control information, 6 bytes    6  EtherType (IEEE 802.1BR clause 7)
R-TAG           0  reserved    2  sequence number    4  EtherType (IEEE 802.1CB clause 7.8)
HSR             0  path, length of the frame    2  sequence number    4  EtherType (IEC 62439-3)
Broadcom        0  tag of 4 bytes    4  EtherType (linux/net/dsa/tag_brcm.c)
                tag: operation (3 bits)
Marvell EDSA    0  reserved    2  tag of 4 bytes    6  EtherType (linux/net/dsa/tag_dsa.c)
                tag: operation (2 bits)
Realtek         0  protocol: A in the first 4 bits, with 2 bytes in all; 04, with 6    then the EtherType
                   (linux/net/dsa/tag_rtl4_a.c and tag_rtl8_4.c)
Cisco metadata  0  version 1    1  length in 4-byte words    2  options, such as a security group tag    then the
                   EtherType; in GRE the EtherType stands before all that, and is above the version
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.headers.ethernet import FIRST_ETHERTYPE, by_ethertype
from shodohflo.wire.layers import REALTEK
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoder, Decoding
    from shodohflo.wire.rows import Rows

_METADATA = 4
"""Bytes of version, length and EtherType of Cisco metadata, in either order."""

_FROM_CPU = 1
"""The operation in a switch tag with which the host has a frame sent: FROM_CPU of Marvell, ingress of Broadcom."""

_SHORT_REALTEK, _LONG_REALTEK = 0xA, 0x04
"""Realtek's protocol of the RTL8366RB in the first 4 bits, and that of the RTL8365MB in the first byte."""


def tag(decoding: Decoding[Any], rows: Rows, *, size: int) -> None:
    """Step over `size` bytes, of which the last two are the EtherType."""
    rows = decoding.require(rows, size, Refusal.LINK_CUT)
    by_ethertype(decoding, rows.advance(size), rows.u16(size - 2))


def at_the_host(decoding: Decoding[Any], rows: Rows, *, at: int, bits: int, then: Decoder) -> None:
    """Pass to `then` what the switch gave to its host, and not what the host sent.

    The first `bits` of the tag, which begins at offset `at`, are the operation.
    """
    rows = decoding.require(rows, at + 1, Refusal.LINK_CUT)
    then(decoding, decoding.keep_received(rows, rows.u8(at) >> (8 - bits) == _FROM_CPU))


def cisco_metadata(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the options; the EtherType stands behind them, or in GRE before version and length."""
    rows = decoding.require(rows, _METADATA, Refusal.LINK_CUT)
    leads = rows.u16(0) >= FIRST_ETHERTYPE
    words = np.where(leads, rows.u8(3), rows.u8(1)).astype(np.int64)
    rows = decoding.require(rows, _METADATA + 4 * words, Refusal.LINK_CUT)
    leads = rows.u16(0) >= FIRST_ETHERTYPE
    size = _METADATA + 4 * np.where(leads, rows.u8(3), rows.u8(1)).astype(np.int64)
    number = np.where(leads, rows.u16(0), rows.advance(size - 2).u16(0))
    by_ethertype(decoding, rows.advance(size), number)


def realtek(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over a switch tag; refuse Realtek's other protocols, which configure switches and find loops."""
    rows = decoding.require(rows, 1, Refusal.LINK_CUT)
    first = rows.u8(0)
    short, long = first >> 4 == _SHORT_REALTEK, first == _LONG_REALTEK
    tag(decoding, rows.keep(short), size=4)
    tag(decoding, rows.keep(long), size=8)
    decoding.refuse_unread(rows.keep(~short & ~long), REALTEK)
