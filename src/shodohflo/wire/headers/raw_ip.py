"""Link types without a link header: an IP packet, with its version in the first four bits (RFC 791, RFC 8200)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.layers import IPV4, IPV6
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


def raw_ip(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch to IPv4 or IPv6 by the version."""
    rows = decoding.require(rows, 1, Refusal.LINK_CUT)
    version = rows.u8(0) >> 4
    decoding.next_header(rows.keep(version == 4), IPV4)
    decoding.next_header(rows.keep(version == 6), IPV6)
    decoding.refuse(rows.keep((version != 4) & (version != 6)), Refusal.IP_VERSION)
