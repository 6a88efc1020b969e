"""BSD loopback (tcpdump.org, LINKTYPE_NULL and LINKTYPE_LOOP).

0  address family, of 4 bytes    4  the packet

NULL is in the byte order of the capturing machine, LOOP in network order. Families are below 65,536, so the value
itself shows its byte order: 2 is 02 00 00 00 or 00 00 00 02.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import IPV4, IPV6
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_INET = 2
_INET6 = (10, 24, 28, 30)
"""AF_INET6 on Linux; on NetBSD and OpenBSD; on FreeBSD; on Darwin."""


def loopback(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch to IPv4 or IPv6 by the address family."""
    rows = decoding.require(rows, 4, Refusal.LINK_CUT)
    value = rows.u32(0)
    family = np.where(value < 2**16, value, value.byteswap())
    rows = rows.advance(4)
    is_ipv4, is_ipv6 = family == _INET, np.isin(family, _INET6)
    decoding.next_header(rows.keep(is_ipv4), IPV4)
    decoding.next_header(rows.keep(is_ipv6), IPV6)
    decoding.refuse(rows.keep(~is_ipv4 & ~is_ipv6), Refusal.NOT_IP)
