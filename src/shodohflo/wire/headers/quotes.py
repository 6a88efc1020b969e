"""The packet that an ICMP unreachable quotes: ours, as far as the sender of the message gave it back.

RFC 792 promises the IP header and 8 bytes, RFC 4443 section 3.1 as much as fits. The same decoders
read it as read a received packet, but its lengths cannot be held against the few bytes there are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.batch import ADDRESS, Quote
from shodohflo.columns.table import Table, column, shared, table
from shodohflo.wire.decoding import Decoding
from shodohflo.wire.headers.ipv4 import LONGEST_DATAGRAM
from shodohflo.wire.headers.segments import addresses
from shodohflo.wire.layers import IPV4, IPV6
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import DecoderTable
    from shodohflo.wire.rows import Rows

_NETWORK_LAYER: Final[dict[Family, int]] = {4: IPV4, 6: IPV6}

_MAX_DEPTH = 12
"""Headers that we follow in a quote: a packet of ours that had more would be no packet of ours."""

_STATUS: Final[dict[str, Quote]] = {
    Refusal.IP_CUT: Quote.CUT,
    Refusal.EXTENSION_CUT: Quote.CUT,
    Refusal.UDP_CUT: Quote.CUT,
    Refusal.LATER_FRAGMENT: Quote.FRAGMENT,
    Refusal.PROTOCOL: Quote.NONE,
}
"""What a refusal means for the message; any other is a malformed quote."""


@table
class Quotes(Table):
    """What each unreachable quotes, as columns of `batch.Messages`."""

    family: Family = shared()
    quote: NDArray[np.uint8] = column(np.uint8)
    remote_addr: NDArray[Any] = column(ADDRESS)
    client_port: NDArray[np.uint16] = column(np.uint16)
    remote_port: NDArray[np.uint16] = column(np.uint16)


def read_quotes(rows: Rows, family: Family, where: NDArray[np.bool_], table: DecoderTable) -> Quotes:
    """Decode, by `table`, the quoted packet that begins at each row of `rows` for which `where` is true."""
    quotes = Quotes.zeros(len(rows), family)  # Quote.NONE is 0
    numbered = replace(rows, frame=np.arange(len(rows)), wire_end=rows.at + 2 * LONGEST_DATAGRAM)
    decoding: Decoding[Rows] = Decoding(table, depth=_MAX_DEPTH)
    decoding.next_header(numbered.keep(where), _NETWORK_LAYER[family])
    decoding.run()
    for reason, refused in decoding.refused:
        quotes.quote[refused.frame] = _STATUS.get(reason, Quote.MALFORMED)
    for found in decoding.decoded:
        quotes.quote[found.frame] = Quote.PORTS
        _, quotes.remote_addr[found.frame] = addresses(found, family)
        quotes.client_port[found.frame] = found.u16(0)
        quotes.remote_port[found.frame] = found.u16(2)
    return quotes


def quoted_ports(decoding: Decoding[Rows], rows: Rows) -> None:
    """Ports are all that is needed of the quoted transport header."""
    decoding.decoded.append(decoding.require(rows, 4, Refusal.UDP_CUT))
