"""The short way for nearly all packets: IP without options, fragments or doubts, and TCP or UDP whole behind it.

One look at both headers finds them. Whatever is not plain goes the long way, header by header; a
property test holds that the two ways never differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.batch import Batch
from shodohflo.columns.frames import ETHERTYPE
from shodohflo.model import TCP, UDP
from shodohflo.wire.headers.ipv4 import Ipv4Header
from shodohflo.wire.headers.ipv6 import Ipv6Header
from shodohflo.wire.headers.tcp import TcpHeader
from shodohflo.wire.layers import IPV4
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.decoding import Decoder, Decoding
    from shodohflo.wire.rows import Rows

_TRANSPORT = 20
"""The shortest TCP header; so many bytes behind the IP header must have been captured, for UDP too."""

_ETHERNET, _IPV4, _IPV6, _UDP = 14, 20, 40, 8
"""Bytes of the headers."""

_WITHOUT_OPTIONS = 0x45
"""Version 4 and a header of 5 words of 4 bytes."""


@dataclass(frozen=True, slots=True)
class _Network:
    """What the fields of an IP header say, where it is plain."""

    size: int
    protocol: NDArray[np.uint8]
    total: NDArray[np.int64]
    plain: NDArray[np.bool_]


def plain_ethernet(decoding: Decoding[Any], rows: Rows, otherwise: Decoder) -> None:
    """Find the plain IPv4 packets of Ethernet frames, the most frequent of all; leave the rest to `otherwise`."""
    enough = rows.end - rows.at >= _ETHERNET + _IPV4 + _TRANSPORT
    candidates = rows.keep(enough)
    header = candidates.header(_ETHERNET + _IPV4 + _TRANSPORT)
    is_ipv4 = header.u16(_ETHERNET - 2) == IPV4 - ETHERTYPE
    _take(decoding, candidates.advance(_ETHERNET), Header(header.octets[:, _ETHERNET:]), 4, is_ipv4)
    _leave(decoding, rows, enough, is_ipv4, otherwise)


def plain_ip(decoding: Decoding[Any], rows: Rows, family: Family, otherwise: Decoder) -> None:
    """Find the plain packets among `rows`, which stand at an IP header; leave the rest to `otherwise`."""
    size = (_IPV4 if family == 4 else _IPV6) + _TRANSPORT
    enough = rows.end - rows.at >= size
    candidates = rows.keep(enough)
    plain = np.ones(len(candidates), np.bool_)
    _take(decoding, candidates, candidates.header(size), family, plain)
    _leave(decoding, rows, enough, plain, otherwise)


def _take(decoding: Decoding[Any], rows: Rows, header: Header, family: Family, plain: NDArray[np.bool_]) -> None:
    """Find those of the `plain` rows that are plain throughout, and take back what was said of the others."""
    network = _ipv4(header) if family == 4 else _ipv6(header)
    plain &= network.plain & (network.total <= rows.wire_left())
    plain &= _tcp(header, network) | (_udp(header, network) & (not decoding.tunnels))
    decoding.decoded.append(_batch(rows, header, network, np.flatnonzero(plain)))


def _leave(
    decoding: Decoding[Any], rows: Rows, enough: NDArray[np.bool_], plain: NDArray[np.bool_], otherwise: Decoder
) -> None:
    """Pass to `otherwise` every row that was cut short or is not plain; `plain` is about the rows that are `enough`."""
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


def _udp(header: Header, network: _Network) -> NDArray[np.bool_]:
    length = header.u16(network.size + 4).astype(np.int64)
    is_udp: NDArray[np.bool_] = network.protocol == UDP
    return is_udp & (length >= _UDP) & (length <= network.total - network.size)


def _batch(rows: Rows, header: Header, network: _Network, chosen: NDArray[np.intp]) -> Batch:
    family: Family = 4 if network.size == _IPV4 else 6
    ip = Ipv4Header(header.octets) if family == 4 else Ipv6Header(header.octets)
    # Both transport headers begin with the ports, and a UDP datagram gets no flags.
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
        packets=np.ones(len(chosen), np.int64),
        octets=network.total[chosen],
        first=time,
        last=time,
    )
