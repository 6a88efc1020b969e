"""From rows whose headers have been read to the columns of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.batch import Batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.batch import Family
    from shodohflo.wire.rows import Rows


def segments(rows: Rows, family: Family, protocol: int, tcp_flags: NDArray[np.uint8]) -> Batch:
    """Make a batch of `rows`, which stand at a TCP or UDP header."""
    return Batch(
        family=family,
        src_addr=source(rows, family),
        dst_addr=destination(rows, family),
        src_port=rows.u16(0),
        dst_port=rows.u16(2),
        protocol=np.full(len(rows), protocol, np.uint8),
        tcp_flags=tcp_flags,
        packets=np.ones(len(rows), np.int64),
        octets=rows.octets,
        first=rows.time,
        last=rows.time,
    )


def source(rows: Rows, family: Family) -> NDArray[Any]:
    """Read the source address of each row's IP header."""
    if family == 4:
        return rows.data.u32[rows.network + 12].astype(np.uint32)
    return rows.data.s16[rows.network + 8]


def destination(rows: Rows, family: Family) -> NDArray[Any]:
    """Read the destination address of each row's IP header."""
    if family == 4:
        return rows.data.u32[rows.network + 16].astype(np.uint32)
    return rows.data.s16[rows.network + 24]
