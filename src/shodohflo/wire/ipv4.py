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
    from shodohflo.wire.rows import Header, Rows
    from shodohflo.wire.work import Work

_SHORTEST = 20
_VERSION_4_WITHOUT_OPTIONS = 0x45

_MORE_FRAGMENTS = 0x2000
_FRAGMENT_OFFSET = 0x1FFF

LONGEST_DATAGRAM = 65_535
"""Where a datagram ends is unknown while its later fragments are: at most here (RFC 791)."""


def ipv4(work: Work[Any], rows: Rows) -> None:
    """Check the header and its lengths, then go on with the payload."""
    rows = work.require(rows, _SHORTEST, Refusal.IP_CUT)
    header = rows.header(_SHORTEST)
    if (header.u8(0) != _VERSION_4_WITHOUT_OPTIONS).any():
        rows = _unusual(work, rows)
        header = rows.header(_SHORTEST)
    size = (header.u8(0) & 0x0F).astype(np.int64) * 4
    total = header.u16(2).astype(np.int64)
    # Segmentation offload leaves a zero where the length does not fit: the frame's length then counts.
    total = np.where(total == 0, rows.room(), total)
    good = (total >= size) & (total <= rows.room())
    rows, header = work.insist(rows, good, Refusal.IP_LENGTH), header.keep(good)
    _payload(work, rows.within(size[good], total[good]), header)


def _unusual(work: Work[Any], rows: Rows) -> Rows:
    """Refuse other versions and impossible header lengths; options must have been captured whole."""
    rows = work.insist(rows, rows.u8(0) >> 4 == 4, Refusal.IP_VERSION)
    rows = work.insist(rows, rows.u8(0) & 0x0F >= 5, Refusal.IP_HEADER_LENGTH)
    return work.require(rows, (rows.u8(0) & 0x0F).astype(np.int64) * 4, Refusal.IP_CUT)


def _payload(work: Work[Any], rows: Rows, header: Header) -> None:
    """Go on with what the header carries; of fragments, only the first holds ports."""
    protocol, fragment = header.u8(9), header.u16(6) & (_MORE_FRAGMENTS | _FRAGMENT_OFFSET)
    if fragment.any():
        first = fragment & _FRAGMENT_OFFSET == 0
        rows = _unbounded(rows, fragment != 0)
        rows, protocol = work.insist(rows, first, Refusal.LATER_FRAGMENT), protocol[first]
    work.dispatch(rows, IPV4_PAYLOAD, protocol)


def _unbounded(rows: Rows, fragmented: np.ndarray) -> Rows:
    return replace(rows, whole=np.where(fragmented, rows.network + LONGEST_DATAGRAM, rows.whole))
