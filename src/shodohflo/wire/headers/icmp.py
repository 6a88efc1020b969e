"""ICMP (RFC 792) and ICMPv6 (RFC 4443).

0  type    1  code    2  checksum    8  the packet that caused the message, in an unreachable
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shodohflo.columns.batch import Messages
from shodohflo.wire.headers.quotes import read_quotes
from shodohflo.wire.headers.segments import addresses
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import DecoderTable, Decoding
    from shodohflo.wire.rows import Rows

_UNREACHABLE: Final[dict[Family, int]] = {4: 3, 6: 1}
"""Destination unreachable: type 3 (RFC 792), type 1 (RFC 4443 section 3.1)."""

_QUOTE = 8


class IcmpHeader(Header):
    """The fields that ICMP and ICMPv6 have in common."""

    SIZE = 2

    @property
    def type(self) -> NDArray[np.uint8]:
        """The type of the message; ICMP and ICMPv6 number them differently."""
        return self.u8(0)

    @property
    def code(self) -> NDArray[np.uint8]:
        """The code, whose meaning depends on the type."""
        return self.u8(1)


def icmp(decoding: Decoding[Any], rows: Rows, family: Family, quoted: DecoderTable) -> None:
    """Decode a message; `quoted` has the decoders of the packet that an unreachable quotes."""
    rows = decoding.require(rows, IcmpHeader.SIZE, Refusal.ICMP_CUT)
    header = IcmpHeader.of(rows)
    quotes = read_quotes(rows.advance(_QUOTE), family, header.type == _UNREACHABLE[family], quoted)
    src_addr, dst_addr = addresses(rows, family)
    decoding.decoded.append(
        Messages(
            family=family,
            src_addr=src_addr,
            dst_addr=dst_addr,
            octets=rows.octets,
            time=rows.time,
            quote=quotes.quote,
            code=header.code,
            remote_addr=quotes.remote_addr,
            client_port=quotes.client_port,
            remote_port=quotes.remote_port,
        )
    )
