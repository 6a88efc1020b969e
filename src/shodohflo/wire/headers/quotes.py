"""The packet that an ICMP unreachable quotes: the beginning of a packet that we sent.

RFC 792 promises the IP header and 8 bytes, RFC 4443 section 3.1 as much as fits. It is decoded by the decoders of
received packets, except that its lengths are not compared with the few bytes that are quoted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.batch import ADDRESS, Quote
from shodohflo.columns.table import Table, column, shared, table
from shodohflo.wire.decoding import Decoding
from shodohflo.wire.headers.ipv4 import LONGEST_DATAGRAM
from shodohflo.wire.headers.segments import Ports, addresses
from shodohflo.wire.layers import IPV4, IPV6
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import DecoderTable
    from shodohflo.wire.rows import Rows

_NETWORK_LAYER: Final[dict[Family, int]] = {4: IPV4, 6: IPV6}

_MAX_DEPTH = 12
"""The most headers followed in a quote: our own packets do not have more."""

_STATUS: Final[dict[str, Quote]] = {
    Refusal.IP_CUT: Quote.CUT,
    Refusal.EXTENSION_CUT: Quote.CUT,
    Refusal.UDP_CUT: Quote.CUT,
    Refusal.LATER_FRAGMENT: Quote.FRAGMENT,
    Refusal.PROTOCOL: Quote.NONE,
}
"""The kind of quote by the reason for which it was refused; for any other reason it is malformed."""


@table
class Quotes(Table):
    """The quotes of ICMP messages, as columns of `batch.Messages`."""

    family: Family = shared()
    quote: NDArray[np.uint8] = column(np.uint8)
    remote_addr: NDArray[Any] = column(ADDRESS)
    client_port: NDArray[np.uint16] = column(np.uint16)
    remote_port: NDArray[np.uint16] = column(np.uint16)


def read_quotes(rows: Rows, family: Family, where: NDArray[np.bool_], table: DecoderTable) -> Quotes:
    """Decode with `table` the packet quoted at each row for which `where` is true; other rows get `Quote.NONE`."""
    quotes = Quotes.zeros(len(rows), family)  # zero is `Quote.NONE`
    numbered = replace(rows, frame=np.arange(len(rows)), wire_end=rows.at + 2 * LONGEST_DATAGRAM)
    decoding: Decoding[Rows] = Decoding(table, depth=_MAX_DEPTH)
    decoding.next_header(numbered.keep(where), _NETWORK_LAYER[family])
    decoding.run()
    for reason, refused in decoding.refused:
        quotes.quote[refused.frame] = _STATUS.get(reason, Quote.MALFORMED)
    for found in decoding.decoded:
        quotes.quote[found.frame] = Quote.PORTS
        _, quotes.remote_addr[found.frame] = addresses(found, family)
        ports = Ports.of(found)
        quotes.client_port[found.frame] = ports.src_port
        quotes.remote_port[found.frame] = ports.dst_port
    return quotes


def quoted_ports(decoding: Decoding[Rows], rows: Rows) -> None:
    """Require the ports, the only fields of a quoted transport header that are used."""
    decoding.decoded.append(decoding.require(rows, Ports.SIZE, Refusal.UDP_CUT))
