"""What an MPLS label stack carries if it is no IP packet: frames of a pseudowire, or of its associated channel.

control word  0  0 (4 bits), flags, length    2  sequence number    4  the frame (RFC 4385 section 3, RFC 4448)
channel       0  1 (4 bits), version, reserved    2  type of the channel    4  a message (RFC 5586), perhaps IP

No field says what the frame is, nor whether a control word is there: both ends have agreed on it. So the bytes decide.
`likeness` compares them with an Ethernet frame, 4 bytes on and here; the more alike is taken, and here if both are,
because a control word hides no EtherType. Then they are compared with IP, PPP (RFC 4618) and Cisco HDLC whose protocol
number agrees with the IP version after it. The rest is refused.

A frame may also look like IP: its first address may begin with 4 or 6 (RFC 4928 section 3). `is_disguised` takes it for
a frame only if it cannot be that IP packet, by its lengths, and has an EtherType that agrees with the IP version after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.wire.headers.ethernet import LONGEST_LENGTH
from shodohflo.wire.headers.ipv4 import Ipv4Header
from shodohflo.wire.headers.ipv6 import Ipv6Header
from shodohflo.wire.layers import (
    CISCO_HDLC,
    EITHER_IP,
    ETHERNET,
    FRAMED_PPP,
    IPV4,
    IPV6,
    MPLS_CHANNEL,
    MPLS_PSEUDOWIRE,
    VLAN_TAGS,
)
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

CERTAIN: Final = 2
"""The likeness of a frame whose EtherType names the IP version that follows, behind a VLAN tag or not."""

POSSIBLE: Final = 1
"""The likeness of a frame with an EtherType that bridges often carry, or with SNAP."""

_CONTROL_WORD = 4
MOST_LOOKED_AT: Final = 19
"""Bytes of an Ethernet header with a VLAN tag, and the first one behind it."""

_CHANNEL = 0x1000
_IPV4_CHANNEL, _IPV6_CHANNEL = 0x0021, 0x0057

_IPV4, _IPV6 = 0x0800, 0x86DD
_BRIDGED: Final = (
    *(0x0806, 0x8035, 0x8863, 0x8864, 0x8809, 0x888E, 0x88CC, 0x88F7, 0x8902),
    *(0x8847, 0x8848, 0x88E5, 0x88E7, 0x8903, 0x8909, 0x8926, 0x892F, 0x893F, 0x894F, 0x22F3, 0xF1C1),
)
"""ARP, RARP, PPPoE, LACP, 802.1X, LLDP, PTP and CFM; then headers before IP, such as MPLS and MACsec."""

_SNAP = 0xAAAA

_IS_TAG: Final = np.zeros(1 << 16, np.bool_)
_IS_TAG[list(VLAN_TAGS)] = True
_IS_BRIDGED: Final = _IS_TAG.copy()
_IS_BRIDGED[list(_BRIDGED)] = True
"""Lookup tables by EtherType, which cost less than comparisons with each."""


def peek(rows: Rows, size: int) -> Header:
    """Fetch `size` bytes of each row, or zeros where they were not all captured."""
    octets = np.zeros((len(rows), size), np.uint8)
    captured = rows.end - rows.at >= size
    octets[captured] = rows.keep(captured).header(size).octets
    return Header(octets)


def likeness(rows: Rows) -> NDArray[np.uint8]:
    """Return how much the bytes at each row look like an Ethernet frame: 0, possible or `CERTAIN`."""
    header = peek(rows, MOST_LOOKED_AT)
    number, tagged = header.u16(12), header.u16(16)
    certain = _names_ip(number, header.u8(14))
    certain |= _IS_TAG[number] & (_IS_TAG[tagged] | _names_ip(tagged, header.u8(18)))
    possible = _IS_BRIDGED[number] | ((number <= LONGEST_LENGTH) & (header.u16(14) == _SNAP))
    return np.where(certain, np.uint8(CERTAIN), possible.astype(np.uint8) * np.uint8(POSSIBLE))


def _names_ip(ethertype: NDArray[np.uint16], first: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return whether `ethertype` is the one of the IP version in the `first` byte after it."""
    named: NDArray[np.bool_] = (ethertype == _IPV4) & (first >> 4 == 4) | (ethertype == _IPV6) & (first >> 4 == 6)
    return named


def is_disguised(rows: Rows) -> NDArray[np.bool_]:
    """Return which rows, at bytes that begin with 4 or 6, are Ethernet frames rather than IP packets."""
    disguised = ~_fits(rows)
    disguised[disguised] = likeness(rows.keep(disguised)) == CERTAIN
    return disguised


def _fits(rows: Rows) -> NDArray[np.bool_]:
    """Return whether the lengths in an IP header agree with the bytes that are left."""
    header, left = peek(rows, 6), rows.wire_left()
    ipv4, ipv6 = Ipv4Header(header.octets), Ipv6Header(header.octets)
    fits4 = (ipv4.version == 4) & (ipv4.header_length >= Ipv4Header.SIZE) & (ipv4.total_length >= ipv4.header_length)
    fits4 &= ipv4.total_length <= left
    fits6 = (ipv6.version == 6) & (ipv6.payload_length + Ipv6Header.SIZE <= left)
    fits: NDArray[np.bool_] = fits4 | fits6
    return fits


def pseudowire(decoding: Decoding[Any], rows: Rows) -> None:
    """Decide what the bytes behind the bottom of a label stack are, and dispatch accordingly."""
    # Whatever carries an IP packet with ports is longer than what is looked at.
    rows = decoding.require(rows, _CONTROL_WORD + MOST_LOOKED_AT, Refusal.LINK_CUT)
    behind = rows.advance(_CONTROL_WORD)
    here, there = likeness(rows), np.where(rows.u8(0) >> 4 == 0, likeness(behind), 0)
    channel = (rows.u16(0) == _CHANNEL) & (here < CERTAIN)
    _channel(decoding, rows.keep(channel))
    framed, word = ~channel & (here >= there) & (here > 0), ~channel & (there > here)
    decoding.next_header(rows.keep(framed), ETHERNET)
    decoding.next_header(behind.keep(word), ETHERNET)
    _without_ethernet(decoding, rows.keep(~channel & ~framed & ~word))


def _channel(decoding: Decoding[Any], rows: Rows) -> None:
    """Pass on IP in an associated channel (RFC 4385 section 6), which has the numbers of PPP; refuse the rest."""
    kind = rows.u16(2)
    is_ipv4, is_ipv6 = kind == _IPV4_CHANNEL, kind == _IPV6_CHANNEL
    rows = rows.advance(_CONTROL_WORD)
    decoding.next_header(rows.keep(is_ipv4), IPV4)
    decoding.next_header(rows.keep(is_ipv6), IPV6)
    decoding.refuse_unread(rows.keep(~is_ipv4 & ~is_ipv6), MPLS_CHANNEL)


def _without_ethernet(decoding: Decoding[Any], rows: Rows) -> None:
    """Look for other frames, behind a control word first."""
    for size in (_CONTROL_WORD, 0):
        inside, left = rows.advance(size), np.ones(len(rows), np.bool_)
        possible = (rows.u8(0) >> 4 == 0) | (size == 0)
        for layer, alike in _other_frames(inside):
            decoding.next_header(inside.keep(left & possible & alike), layer)
            left &= ~(possible & alike)
        rows = rows.keep(left)
    decoding.refuse_unread(rows, MPLS_PSEUDOWIRE)


def _other_frames(rows: Rows) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield layers, and the rows that look like the header of each."""
    header = peek(rows, 5)
    first, hdlc_address = header.u16(0), np.isin(header.u8(0), (0x0F, 0x8F)) & (header.u8(1) == 0)
    framed = first == 0xFF03
    number, version = np.where(framed, header.u16(2), first), np.where(framed, header.u8(4), header.u8(2)) >> 4
    is_ppp = ((number == 0x0021) & (version == 4)) | ((number == 0x0057) & (version == 6))
    yield CISCO_HDLC, hdlc_address & _names_ip(header.u16(2), header.u8(4))
    yield FRAMED_PPP, is_ppp
    yield EITHER_IP, _fits(rows)
