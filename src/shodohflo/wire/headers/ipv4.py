"""IPv4 (RFC 791 section 3.1).

0  version (4 bits), header length in 4-byte words (4 bits)
2  total length            6  flags (3 bits), fragment offset in 8-byte units (13 bits)
9  protocol                12  source    16  destination    20  options
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import IPV4_PAYLOAD
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Header, Rows

_SHORTEST = 20

_MORE_FRAGMENTS = 0x2000
_FRAGMENT_OFFSET = 0x1FFF

LONGEST_DATAGRAM = 65_535
"""Where a datagram ends is unknown while its later fragments are: at most here (RFC 791)."""


def ipv4(decoding: Decoding[Any], rows: Rows) -> None:
    """Check the header and its lengths, then go on with the payload."""
    rows = decoding.require(rows, _SHORTEST, Refusal.IP_CUT)
    header = rows.header(_SHORTEST)
    first, left = header.u8(0), rows.wire_left()
    size = (first & 0x0F).astype(np.int64) * 4
    total = header.u16(2).astype(np.int64)
    # Segmentation offload leaves a zero where the length does not fit: the frame's length then counts.
    total = np.where(total == 0, left, total)
    good = decoding.check(
        rows,
        (first >> 4 == 4, Refusal.IP_VERSION),
        (size >= _SHORTEST, Refusal.IP_HEADER_LENGTH),
        (rows.end - rows.at >= size, Refusal.IP_CUT),
        ((total >= size) & (total <= left), Refusal.IP_LENGTH),
    )
    _payload(decoding, rows.keep(good).within(size[good], total[good]), header.keep(good))


def _payload(decoding: Decoding[Any], rows: Rows, header: Header) -> None:
    """Go on with what the header carries; of fragments, only the first holds ports."""
    protocol, fragment = header.u8(9), header.u16(6) & (_MORE_FRAGMENTS | _FRAGMENT_OFFSET)
    if fragment.any():
        first = fragment & _FRAGMENT_OFFSET == 0
        rows = _unbounded(rows, fragment != 0)
        rows, protocol = decoding.keep_if(rows, first, Refusal.LATER_FRAGMENT), protocol[first]
    decoding.dispatch(rows, IPV4_PAYLOAD, protocol)


def _unbounded(rows: Rows, fragmented: np.ndarray) -> Rows:
    return replace(rows, wire_end=np.where(fragmented, rows.network + LONGEST_DATAGRAM, rows.wire_end))
