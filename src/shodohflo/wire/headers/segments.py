"""From rows whose headers have been read to the columns of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.batch import Batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.wire.rows import Rows


def segments(rows: Rows, family: Family, protocol: int, tcp_flags: NDArray[np.uint8]) -> Batch:
    """Make a batch of `rows`, which stand at a TCP or UDP header."""
    src_addr, dst_addr = addresses(rows, family)
    ports = rows.header(4)
    return Batch(
        family=family,
        src_addr=src_addr,
        dst_addr=dst_addr,
        src_port=ports.u16(0),
        dst_port=ports.u16(2),
        protocol=np.full(len(rows), protocol, np.uint8),
        tcp_flags=tcp_flags,
        packets=np.ones(len(rows), np.int64),
        octets=rows.octets,
        first=rows.time,
        last=rows.time,
    )


def addresses(rows: Rows, family: Family) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read source and destination of each row's IP header, as columns of a batch."""
    if family == 4:
        pair = rows.data.fetch(rows.network + 12, 8)
        return pair.u32(0), pair.u32(4)
    pair = rows.data.fetch(rows.network + 8, 32)
    return pair.s16(0), pair.s16(16)
