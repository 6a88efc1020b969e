"""A shortcut for plain packets, which are nearly all: IP without options or fragments, then a whole TCP or UDP header.

Both headers are fetched and decoded in one step; what the first bytes of UDP payloads say is read in another. Every
other packet is decoded header by header; a property test checks that both ways give the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.batch import Batch
from shodohflo.columns.frames import ETHERTYPE
from shodohflo.model import TCP, UDP
from shodohflo.wire.headers.ethernet import EthernetHeader
from shodohflo.wire.headers.ipv4 import Ipv4Header
from shodohflo.wire.headers.ipv6 import Ipv6Header
from shodohflo.wire.headers.tcp import TcpHeader, opening_numbers
from shodohflo.wire.headers.udp import UdpHeader
from shodohflo.wire.layers import IPV4
from shodohflo.wire.rows import Header
from shodohflo.wire.says import Datagrams, read_says

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import Decoder, Decoding
    from shodohflo.wire.rows import Rows

_TRANSPORT = TcpHeader.SIZE
"""So many bytes after the IP header must have been captured, for UDP too."""

_ETHERNET, _IPV4, _IPV6 = EthernetHeader.SIZE, Ipv4Header.SIZE, Ipv6Header.SIZE

_WITHOUT_OPTIONS = 0x45
"""Version 4, and a header of five 4-byte words."""


@dataclass(frozen=True, slots=True)
class _Network:
    """The fields of plain IP headers, of either family."""

    size: int
    protocol: NDArray[np.uint8]
    total: NDArray[np.int64]
    plain: NDArray[np.bool_]


def plain_ethernet(decoding: Decoding[Any], rows: Rows, otherwise: Decoder) -> None:
    """Decode the plain IPv4 packets in Ethernet frames, the most frequent kind; pass the other rows to `otherwise`."""
    enough = rows.end - rows.at >= _ETHERNET + _IPV4 + _TRANSPORT
    candidates = rows.keep(enough)
    header = EthernetHeader.of(candidates, _ETHERNET + _IPV4 + _TRANSPORT)
    is_ipv4 = header.ethertype == IPV4 - ETHERTYPE
    _take(decoding, candidates.advance(_ETHERNET), Header(header.octets[:, _ETHERNET:]), 4, is_ipv4)
    _leave(decoding, rows, enough, is_ipv4, otherwise)


def plain_ip(decoding: Decoding[Any], rows: Rows, family: Family, otherwise: Decoder) -> None:
    """Decode the plain packets among `rows`, which are at an IP header; pass the other rows to `otherwise`."""
    size = (_IPV4 if family == 4 else _IPV6) + _TRANSPORT
    enough = rows.end - rows.at >= size
    candidates = rows.keep(enough)
    plain = np.ones(len(candidates), np.bool_)
    _take(decoding, candidates, candidates.header(size), family, plain)
    _leave(decoding, rows, enough, plain, otherwise)


def _take(decoding: Decoding[Any], rows: Rows, header: Header, family: Family, plain: NDArray[np.bool_]) -> None:
    """Decode the rows of `plain` whose headers are plain too, and clear the mask for the others."""
    network = _ipv4(header) if family == 4 else _ipv6(header)
    udp = UdpHeader(header.octets[:, network.size :])
    plain &= network.plain
    plain &= _tcp(header, network) | (_udp(udp, network) & (not decoding.tunnels))
    chosen = np.flatnonzero(plain)
    batch = _batch(rows, header, network, chosen)
    if decoding.listens:
        _read_openings(batch, chosen, TcpHeader(udp.octets))
        _read_payloads(batch, rows, chosen, network, udp)
    decoding.decoded.append(batch)


def _leave(
    decoding: Decoding[Any], rows: Rows, enough: NDArray[np.bool_], plain: NDArray[np.bool_], otherwise: Decoder
) -> None:
    """Pass to `otherwise` every row that was cut short or is not plain; `plain` is about the rows of `enough` only."""
    if not (plain.all() and enough.all()):
        enough[enough] = plain
        otherwise(decoding, rows.keep(~enough))


def _ipv4(header: Header) -> _Network:
    ip = Ipv4Header(header.octets)
    plain = (ip.version_and_length == _WITHOUT_OPTIONS) & ~ip.is_fragment
    return _Network(_IPV4, ip.protocol, ip.total_length, plain)


def _ipv6(header: Header) -> _Network:
    ip = Ipv6Header(header.octets)
    payload = ip.payload_length
    return _Network(_IPV6, ip.next_header, payload + _IPV6, (ip.version == 6) & (payload > 0))


def _tcp(header: Header, network: _Network) -> NDArray[np.bool_]:
    size = TcpHeader(header.octets[:, network.size :]).header_length
    is_tcp: NDArray[np.bool_] = network.protocol == TCP
    return is_tcp & (size >= TcpHeader.SIZE) & (size <= network.total - network.size)


def _udp(udp: UdpHeader, network: _Network) -> NDArray[np.bool_]:
    length = udp.length
    is_udp: NDArray[np.bool_] = network.protocol == UDP
    return is_udp & (length >= UdpHeader.SIZE) & (length <= network.total - network.size)


def _batch(rows: Rows, header: Header, network: _Network, chosen: NDArray[np.intp]) -> Batch:
    family: Family = 4 if network.size == _IPV4 else 6
    ip = Ipv4Header(header.octets) if family == 4 else Ipv6Header(header.octets)
    # The ports are at the same place in both transport headers; the flags count for TCP only.
    tcp = TcpHeader(header.octets[:, network.size :])
    protocol = network.protocol[chosen]
    time = rows.time[chosen]
    return Batch(
        family=family,
        src_addr=ip.src_addr[chosen],
        dst_addr=ip.dst_addr[chosen],
        src_port=tcp.src_port[chosen],
        dst_port=tcp.dst_port[chosen],
        protocol=protocol,
        tcp_flags=tcp.flags[chosen] * (protocol == TCP),
        number=np.zeros(len(chosen), np.uint32),
        says=np.zeros(len(chosen), np.uint8),
        packets=np.ones(len(chosen), np.int64),
        octets=network.total[chosen],
        first=time,
        last=time,
    )


def _read_openings(batch: Batch, chosen: NDArray[np.intp], tcp: TcpHeader) -> None:
    """Write the numbers of its opening segments into `batch`, the `chosen` of the rows with the headers `tcp`."""
    batch.number[:] = opening_numbers(tcp, chosen, batch.tcp_flags)


def _read_payloads(batch: Batch, rows: Rows, chosen: NDArray[np.intp], network: _Network, udp: UdpHeader) -> None:
    """Write what its datagrams say into `batch`, the `chosen` of `rows`, which have the headers `udp`."""
    datagrams = np.flatnonzero(batch.protocol == UDP)
    if not len(datagrams):
        return
    chosen = chosen[datagrams]
    at, length = rows.at[chosen] + network.size, udp.lengths(chosen)
    batch.says[datagrams] = read_says(
        Datagrams(
            data=rows.data,
            head=udp.octets[:, UdpHeader.SIZE : _TRANSPORT],
            row=chosen,
            at=at + UdpHeader.SIZE,
            size=np.minimum(rows.end[chosen] - at, length) - UdpHeader.SIZE,
            length=length - UdpHeader.SIZE,
            src_port=batch.src_port[datagrams],
            dst_port=batch.dst_port[datagrams],
        )
    )
