"""The short way for nearly all packets: IP without options, fragments or doubts, and TCP or UDP whole behind it.

One look at both headers finds them. Whatever is not plain goes the long way, header by header; a
property test holds that the two ways never differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.batch import Batch
from shodohflo.model import TCP, UDP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.batch import Family
    from shodohflo.wire.rows import Header, Rows
    from shodohflo.wire.work import Decoder, Work

_TRANSPORT = 20
"""The shortest TCP header; so many bytes behind the IP header must have been captured, for UDP too."""

_UDP = 8
_MORE_OR_OFFSET = 0x3FFF


@dataclass(frozen=True, slots=True)
class _Network:
    """What the fields of an IP header say, where it is plain."""

    size: int
    protocol: NDArray[np.uint8]
    total: NDArray[np.int64]
    plain: NDArray[np.bool_]


def plain_or(work: Work[Any], rows: Rows, family: Family, otherwise: Decoder) -> None:
    """Find the plain packets among `rows`, which stand at an IP header; leave the others to `otherwise`."""
    size = (20 if family == 4 else 40) + _TRANSPORT
    whole = rows.end - rows.at >= size
    candidates = rows.keep(whole)
    header = candidates.header(size)
    network = _ipv4(header) if family == 4 else _ipv6(header)
    plain = network.plain & (network.total <= candidates.room())
    plain &= _tcp(header, network) | (_udp(header, network) & (not work.tunnels))
    work.found.append(_batch(candidates.keep(plain), header.keep(plain), network.total[plain], family))
    if not (len(candidates) == len(rows) and plain.all()):
        whole[whole] = plain
        otherwise(work, rows.keep(~whole))


def _ipv4(header: Header) -> _Network:
    plain = (header.u8(0) == 0x45) & (header.u16(6) & _MORE_OR_OFFSET == 0)
    return _Network(20, header.u8(9), header.u16(2).astype(np.int64), plain)


def _ipv6(header: Header) -> _Network:
    payload = header.u16(4).astype(np.int64)
    plain = (header.u8(0) >> 4 == 6) & (payload > 0)
    return _Network(40, header.u8(6), payload + 40, plain)


def _tcp(header: Header, network: _Network) -> NDArray[np.bool_]:
    words = (header.u8(network.size + 12) >> 4).astype(np.int64)
    is_tcp: NDArray[np.bool_] = network.protocol == TCP
    return is_tcp & (words >= _TRANSPORT // 4) & (words * 4 <= network.total - network.size)


def _udp(header: Header, network: _Network) -> NDArray[np.bool_]:
    length = header.u16(network.size + 4).astype(np.int64)
    is_udp: NDArray[np.bool_] = network.protocol == UDP
    return is_udp & (length >= _UDP) & (length <= network.total - network.size)


def _batch(rows: Rows, header: Header, total: NDArray[np.int64], family: Family) -> Batch:
    size, protocol_at = (20, 9) if family == 4 else (40, 6)
    protocol = header.u8(protocol_at)
    addresses = (header.u32(12), header.u32(16)) if family == 4 else (header.s16(8), header.s16(24))
    return Batch(
        family=family,
        src_addr=addresses[0],
        dst_addr=addresses[1],
        src_port=header.u16(size),
        dst_port=header.u16(size + 2),
        protocol=protocol,
        tcp_flags=header.u8(size + 13) * (protocol == TCP),
        packets=np.ones(len(rows), np.int64),
        octets=total,
        first=rows.time,
        last=rows.time,
    )
