"""Frame relay: a Q.922 address of two to four bytes, of which only the last is odd, then one of two encapsulations.

RFC 2427 section 3  0  03 (unnumbered information)    1  00 as padding, optional    then a network layer protocol id:
                    CC is IPv4, 8E is IPv6, 80 a SNAP header, CF PPP (RFC 1973)
Cisco               0  EtherType
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import IPV4, IPV6, NETWORK_PROTOCOL, PPP, SNAP
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_LONGEST_ADDRESS = 4
_UNNUMBERED = 0x03
_PROTOCOL_IDS: Final = {0xCC: IPV4, 0x8E: IPV6, 0x80: SNAP, 0xCF: PPP}


def frame_relay(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the address, and choose the encapsulation by the first byte after it."""
    rows = decoding.require(rows, _LONGEST_ADDRESS, Refusal.LINK_CUT)
    last = np.stack([rows.u8(place) & 1 for place in range(1, _LONGEST_ADDRESS)])
    ends = np.logical_or.reduce(last)
    rows, size = decoding.keep_if(rows, ends, Refusal.NOT_IP), last.argmax(axis=0)[ends] + 2
    rows = decoding.require(rows.advance(size), 2, Refusal.LINK_CUT)
    standard = rows.u8(0) == _UNNUMBERED
    _by_protocol_id(decoding, rows.keep(standard).advance(1))
    cisco = rows.keep(~standard)
    decoding.dispatch(cisco.advance(2), ETHERTYPE, cisco.u16(0))


def _by_protocol_id(decoding: Decoding[Any], rows: Rows) -> None:
    rows = decoding.require(rows.advance(rows.u8(0) == 0), 1, Refusal.LINK_CUT)
    number = rows.u8(0)
    rows = rows.advance(1)
    for protocol_id, layer in _PROTOCOL_IDS.items():
        decoding.next_header(rows.keep(number == protocol_id), layer)
    other = ~np.isin(number, list(_PROTOCOL_IDS))
    decoding.refuse_unread(rows.keep(other), NETWORK_PROTOCOL + number[other].astype(np.uint32))
