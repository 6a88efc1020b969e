"""ICMP (RFC 792) and ICMPv6 (RFC 4443): type, code, and for an unreachable, 8 bytes in, the packet it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shodohflo.columns.batch import Messages
from shodohflo.wire.headers.quotes import read_quotes
from shodohflo.wire.headers.segments import addresses
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import DecoderTable, Decoding
    from shodohflo.wire.rows import Rows

_UNREACHABLE: Final[dict[Family, int]] = {4: 3, 6: 1}
"""Destination unreachable: type 3 (RFC 792), type 1 (RFC 4443 section 3.1)."""

_QUOTE = 8


def icmp(decoding: Decoding[Any], rows: Rows, family: Family, quoted: DecoderTable) -> None:
    """Make a message of each row; `quoted` decodes the packet that an unreachable quotes."""
    rows = decoding.require(rows, 2, Refusal.ICMP_CUT)
    quotes = read_quotes(rows.advance(_QUOTE), family, rows.u8(0) == _UNREACHABLE[family], quoted)
    src_addr, dst_addr = addresses(rows, family)
    decoding.decoded.append(
        Messages(
            family=family,
            src_addr=src_addr,
            dst_addr=dst_addr,
            octets=rows.octets,
            time=rows.time,
            quote=quotes.quote,
            code=rows.u8(1),
            remote_addr=quotes.remote_addr,
            client_port=quotes.client_port,
            remote_port=quotes.remote_port,
        )
    )
