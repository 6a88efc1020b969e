"""NFLOG (tcpdump.org, LINKTYPE_NFLOG): 1 byte address family, 1 version, 2 resource, then attributes.

An attribute is 2 bytes length with its own header, 2 bytes type, the value, padding to 4 (linux/
netfilter/nfnetlink_log.h). Lengths and types are in the byte order of the machine that captured;
the first attribute, the packet header of 8 bytes, shows which.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import EITHER_IP, NFLOG_BIG, NFLOG_LITTLE
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_HEADER = 4
_THROUGH_LENGTH = 6
"""Bytes of an IP header with its length: at 2 in IPv4, at 4 in IPv6."""

_PAYLOAD = 9
"""NFULA_PAYLOAD."""

_INET, _INET6 = 2, 10
"""AF_INET and AF_INET6 on Linux, where alone NFLOG is."""


def nflog(decoding: Decoding[Any], rows: Rows) -> None:
    """Read the family, and find the byte order by the length of the first attribute."""
    rows = decoding.require(rows, 2 * _HEADER, Refusal.LINK_CUT)
    family = rows.u8(0)
    rows = decoding.keep_if(rows, (family == _INET) | (family == _INET6), Refusal.NOT_IP)
    little = (rows.u8(5) == 0) | (rows.u8(4) != 0)
    rows = rows.advance(_HEADER)
    decoding.next_header(rows.keep(little), NFLOG_LITTLE)
    decoding.next_header(rows.keep(~little), NFLOG_BIG)


def nflog_attribute(decoding: Decoding[Any], rows: Rows, *, little: bool) -> None:
    """Take the payload, or step over another attribute."""
    rows = decoding.require(rows, _HEADER, Refusal.LINK_CUT)
    length, kind = (column.byteswap() if little else column for column in (rows.u16(0), rows.u16(2)))
    size = length.astype(np.int64)
    sound = size >= _HEADER
    rows, size, kind = decoding.keep_if(rows, sound, Refusal.LINK_CUT), size[sound], kind[sound]
    payload = kind == _PAYLOAD
    after = rows.at + size
    packet = replace(rows, end=np.minimum(rows.end, after), wire_end=np.minimum(rows.wire_end, after))
    decoding.next_header(_as_sent(packet.keep(payload).advance(_HEADER)), EITHER_IP)
    decoding.next_header(rows.advance((size + 3) // 4 * 4).keep(~payload), NFLOG_LITTLE if little else NFLOG_BIG)


def _as_sent(rows: Rows) -> Rows:
    """Believe the packet how long it was: a log may be told to keep only the beginning (`--nflog-size`)."""
    readable = rows.end - rows.at >= _THROUGH_LENGTH
    header = rows.keep(readable)
    is_ipv4 = header.u8(0) >> 4 == 4
    declared = np.where(is_ipv4, header.u16(2).astype(np.int64), header.u16(4).astype(np.int64) + 40)
    wire_end = rows.wire_end.copy()
    wire_end[readable] = np.maximum(header.wire_end, header.at + declared)
    return replace(rows, wire_end=wire_end)
