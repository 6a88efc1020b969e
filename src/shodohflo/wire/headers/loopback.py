"""BSD loopback (tcpdump.org, LINKTYPE_NULL and LINKTYPE_LOOP).

0  address family, or with some writers an EtherType, of 4 bytes    4  the packet

NULL is in the byte order of the capturing machine, LOOP in network order. Families and EtherTypes are below 65,536, so
the value itself shows its byte order: 2 is 02 00 00 00 or 00 00 00 02. Where neither order gives such a number, the
EtherType is in the last two bytes, as in 0f 00 08 00, the header of Cisco HDLC; FF 03 begins a header of PPP instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.headers.ethernet import FIRST_ETHERTYPE
from shodohflo.wire.layers import FRAMED_PPP, IPV4, IPV6, UNKNOWN_FAMILY
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_INET = 2
_INET6 = (10, 24, 28, 30)
"""AF_INET6 on Linux; on NetBSD and OpenBSD; on FreeBSD; on Darwin."""

_PPP = 0xFF03
_LIMIT = np.uint32(1 << 16)


def loopback(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch to IPv4 or IPv6 by the address family, or by EtherType."""
    rows = decoding.require(rows, 4, Refusal.LINK_CUT)
    is_ppp = rows.u16(0) == _PPP
    decoding.next_header(rows.keep(is_ppp), FRAMED_PPP)
    rows = rows.keep(~is_ppp)
    number = _number(rows)
    rows = rows.advance(4)
    is_ipv4, is_ipv6, is_ethertype = number == _INET, np.isin(number, _INET6), number >= FIRST_ETHERTYPE
    decoding.next_header(rows.keep(is_ipv4), IPV4)
    decoding.next_header(rows.keep(is_ipv6), IPV6)
    decoding.dispatch(rows.keep(is_ethertype), ETHERTYPE, number[is_ethertype])
    decoding.refuse_unread(rows.keep(~is_ipv4 & ~is_ipv6 & ~is_ethertype), UNKNOWN_FAMILY)


def _number(rows: Rows) -> NDArray[np.uint32]:
    """Return the family or EtherType in the byte order in which it is below 65,536, else the EtherType at the end."""
    value = rows.u32(0)
    swapped, last = value.byteswap(), value & np.uint32(0xFFFF)
    last[last < FIRST_ETHERTYPE] = 0
    return np.where(value < _LIMIT, value, np.where(swapped < _LIMIT, swapped, last))
