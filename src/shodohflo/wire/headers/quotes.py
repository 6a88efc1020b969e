"""The packet that an ICMP unreachable quotes: the beginning of a packet that we sent.

RFC 792 promises the IP header and 8 bytes, RFC 4443 section 3.1 as much as fits. Its lengths are not used: some stacks
quote the total length in their own byte order, or less by the header they have already taken off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.batch import ADDRESS, Quote
from shodohflo.columns.table import Table, column, shared, table
from shodohflo.wire.decoding import Decoding
from shodohflo.wire.headers.ipv4 import Ipv4Header
from shodohflo.wire.headers.ipv6 import Ipv6Header
from shodohflo.wire.headers.segments import Ports, addresses
from shodohflo.wire.layers import IPV4, IPV4_PAYLOAD, IPV6, IPV6_PAYLOAD
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import DecoderTable
    from shodohflo.wire.rows import Rows

_NETWORK_LAYER: Final[dict[Family, int]] = {4: IPV4, 6: IPV6}

_SWAPPED = (0x0040, 0x0020)
"""Flags and fragment offset of an unfragmented packet (DF) and of a first fragment (MF), with their bytes exchanged.

Stacks that quote the total length in their own byte order do the same with this field. Taken as they are, these are the
last fragments of 512 and 256 bytes offset, which no usual MTU makes, and about which no error may be sent anyway
(RFC 1122 section 3.2.2).
"""

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
    numbered = replace(rows, frame=np.arange(len(rows)))
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


def quoted_ipv4(decoding: Decoding[Rows], rows: Rows) -> None:
    """Dispatch the payload by protocol, whatever the total length says."""
    rows = decoding.require(rows, Ipv4Header.SIZE, Refusal.IP_CUT)
    header = Ipv4Header.of(rows)
    size = header.header_length
    is_first = (header.fragment_offset == 0) | np.isin(header.fragmentation, _SWAPPED)
    good = decoding.check(
        rows,
        (header.version == 4, Refusal.IP_VERSION),
        (size >= Ipv4Header.SIZE, Refusal.IP_HEADER_LENGTH),
        (rows.end - rows.at >= size, Refusal.IP_CUT),
        (is_first, Refusal.LATER_FRAGMENT),
    )
    payload = replace(rows, network=rows.at).advance(size)
    decoding.dispatch(payload.keep(good), IPV4_PAYLOAD, header.protocol[good])


def quoted_ipv6(decoding: Decoding[Rows], rows: Rows) -> None:
    """Dispatch the payload by the next header, whatever the payload length says."""
    rows = decoding.require(rows, Ipv6Header.SIZE, Refusal.IP_CUT)
    header = Ipv6Header.of(rows)
    good = decoding.check(rows, (header.version == 6, Refusal.IP_VERSION))
    payload = replace(rows, network=rows.at).advance(Ipv6Header.SIZE)
    decoding.dispatch(payload.keep(good), IPV6_PAYLOAD, header.next_header[good])


def quoted_ports(decoding: Decoding[Rows], rows: Rows) -> None:
    """Require the ports, the only fields of a quoted transport header that are used."""
    decoding.decoded.append(decoding.require(rows, Ports.SIZE, Refusal.UDP_CUT))
