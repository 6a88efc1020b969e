"""BSD loopback (tcpdump.org, LINKTYPE_NULL and LINKTYPE_LOOP): an address family in 4 bytes, then the packet.

NULL is in the byte order of the machine that captured, LOOP in network order. A family is a small
number, so whichever end is not zero holds it.
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
"""AF_INET6 on Linux, on NetBSD and OpenBSD, on FreeBSD and on Darwin."""


def loopback(decoding: Decoding[Any], rows: Rows) -> None:
    """Tell IPv4 and IPv6 apart by the address family."""
    rows = decoding.require(rows, 4, Refusal.LINK_CUT)
    value = rows.u32(0)
    family = np.where(value < 2**16, value, value.byteswap())
    rows = rows.advance(4)
    is_ipv4, is_ipv6 = family == _INET, np.isin(family, _INET6)
    decoding.next_header(rows.keep(is_ipv4), IPV4)
    decoding.next_header(rows.keep(is_ipv6), IPV6)
    decoding.refuse(rows.keep(~is_ipv4 & ~is_ipv6), Refusal.NOT_IP)
