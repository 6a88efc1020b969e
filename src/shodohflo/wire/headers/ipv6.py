"""IPv6 (RFC 8200 section 3) and its extension headers (section 4).

0  version (4 bits), traffic class, flow label
4  payload length    6  next header    8  source    24  destination    40  payload
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.headers.ipv4 import LONGEST_DATAGRAM
from shodohflo.wire.layers import IPV6_PAYLOAD
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_HEADER = 40
_THROUGH_NEXT_HEADER = 7
_FRAGMENT_HEADER = 8
_MORE_FRAGMENTS = 0x0001
_FRAGMENT_OFFSET = 0xFFF8


def ipv6(decoding: Decoding[Any], rows: Rows) -> None:
    """Check the header and its length, then go on with the payload."""
    rows = decoding.require(rows, _HEADER, Refusal.IP_CUT)
    header, left = rows.header(_THROUGH_NEXT_HEADER), rows.wire_left()
    payload = header.u16(4).astype(np.int64)
    # Zero in jumbograms (RFC 2675) and after segmentation offload: the frame's length then counts.
    total = np.where(payload == 0, left, payload + _HEADER)
    good = decoding.check(rows, (header.u8(0) >> 4 == 6, Refusal.IP_VERSION), (total <= left, Refusal.IP_LENGTH))
    decoding.dispatch(rows.keep(good).within(_HEADER, total[good]), IPV6_PAYLOAD, header.u8(6)[good])


def extension(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over an extension header: next header, then its length in 8-byte units less the first (RFC 8200 section 4).

    Hop-by-hop, routing and destination options, mobility, HIP and Shim6 have this form; fragment and
    authentication headers have their own.
    """
    rows = decoding.require(rows, 2, Refusal.EXTENSION_CUT)
    size = (rows.u8(1).astype(np.int64) + 1) * 8
    decoding.dispatch(rows.advance(size), IPV6_PAYLOAD, rows.u8(0))


def authentication(decoding: Decoding[Any], rows: Rows, base: int) -> None:
    """Step over an authentication header: its length is in 4-byte units less two (RFC 4302 section 2.2)."""
    rows = decoding.require(rows, 2, Refusal.EXTENSION_CUT)
    size = (rows.u8(1).astype(np.int64) + 2) * 4
    decoding.dispatch(rows.advance(size), base, rows.u8(0))


def fragment(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over a fragment header (RFC 8200 section 4.5); only a first fragment holds ports."""
    rows = decoding.require(rows, _FRAGMENT_HEADER, Refusal.EXTENSION_CUT)
    offset = rows.u16(2)
    rows = decoding.keep_if(rows, offset & _FRAGMENT_OFFSET == 0, Refusal.LATER_FRAGMENT)
    more = rows.u16(2) & _MORE_FRAGMENTS != 0
    unbounded = replace(rows, wire_end=np.where(more, rows.network + LONGEST_DATAGRAM, rows.wire_end))
    decoding.dispatch(unbounded.advance(_FRAGMENT_HEADER), IPV6_PAYLOAD, rows.u8(0))


def encrypted(decoding: Decoding[Any], rows: Rows) -> None:
    """Give up before an encapsulating security payload (RFC 4303): what follows is encrypted."""
    decoding.refuse(rows, Refusal.ENCRYPTED)
