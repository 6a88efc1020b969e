"""From rows whose headers have been decoded to the columns of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.batch import Batch
from shodohflo.wire.headers.ipv4 import Ipv4Header
from shodohflo.wire.headers.ipv6 import Ipv6Header
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.rows import Rows


class Ports(Header):
    """The ports, with which TCP and UDP headers begin alike."""

    SIZE = 4

    @property
    def src_port(self) -> NDArray[np.uint16]:
        """The source port."""
        return self.u16(0)

    @property
    def dst_port(self) -> NDArray[np.uint16]:
        """The destination port."""
        return self.u16(2)


def segments(rows: Rows, family: Family, protocol: int) -> Batch:
    """Return a batch of `rows`, which are at a TCP or UDP header; the columns that only one of them has are 0."""
    src_addr, dst_addr = addresses(rows, family)
    ports = Ports.of(rows)
    return Batch(
        family=family,
        src_addr=src_addr,
        dst_addr=dst_addr,
        src_port=ports.src_port,
        dst_port=ports.dst_port,
        protocol=np.full(len(rows), protocol, np.uint8),
        tcp_flags=np.zeros(len(rows), np.uint8),
        number=np.zeros(len(rows), np.uint32),
        says=np.zeros(len(rows), np.uint8),
        packets=np.ones(len(rows), np.int64),
        octets=rows.octets,
        first=rows.time,
        last=rows.time,
    )


def addresses(rows: Rows, family: Family) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return source and destination of each row's innermost IP header, as columns of a batch."""
    ip = (Ipv4Header if family == 4 else Ipv6Header).of(rows.at_network())
    return ip.src_addr, ip.dst_addr
