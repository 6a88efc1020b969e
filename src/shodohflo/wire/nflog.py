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
    from shodohflo.wire.rows import Rows
    from shodohflo.wire.work import Work

_HEADER = 4
_PAYLOAD = 9
"""NFULA_PAYLOAD."""

_INET, _INET6 = 2, 10
"""AF_INET and AF_INET6 on Linux, where alone NFLOG is."""


def nflog(work: Work[Any], rows: Rows) -> None:
    """Read the family, and find the byte order by the length of the first attribute."""
    rows = work.require(rows, 2 * _HEADER, Refusal.LINK_CUT)
    family = rows.u8(0)
    rows = work.insist(rows, (family == _INET) | (family == _INET6), Refusal.NOT_IP)
    little = rows.u8(5) == 0
    rows = rows.advance(_HEADER)
    work.onward(rows.keep(little), NFLOG_LITTLE)
    work.onward(rows.keep(~little), NFLOG_BIG)


def nflog_attribute(work: Work[Any], rows: Rows, *, little: bool) -> None:
    """Take the payload, or step over another attribute."""
    rows = work.require(rows, _HEADER, Refusal.LINK_CUT)
    length, kind = (column.byteswap() if little else column for column in (rows.u16(0), rows.u16(2)))
    size = length.astype(np.int64)
    sound = size >= _HEADER
    rows, size, kind = work.insist(rows, sound, Refusal.LINK_CUT), size[sound], kind[sound]
    payload = kind == _PAYLOAD
    packet = replace(
        rows,
        end=np.minimum(rows.end, rows.at + size),
        whole=np.minimum(rows.whole, rows.at + size),
    )
    work.onward(packet.keep(payload).advance(_HEADER), EITHER_IP)
    work.onward(rows.advance((size + 3) // 4 * 4).keep(~payload), NFLOG_LITTLE if little else NFLOG_BIG)
