"""Services on high ports: ends with several clients whose own port is higher than that of their clients."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.grouping import group_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Batch

ENOUGH: Final = 3
"""Peers that an end must have to be taken for a service."""

UNPRIVILEGED: Final = 1024
"""The lowest port that clients usually have (RFC 6335 section 6 lists the ranges)."""


def high_ports(batches: Sequence[Batch]) -> Counter[int]:
    """Return the ports of services that `LowerPort` takes for clients, with the conversations it gets wrong.

    A service is the end with more peers than the other end; only ports from `UNPRIVILEGED` on are considered.
    """
    wrong: Counter[int] = Counter()
    for batch in batches:
        client_ports = (batch.src_port >= UNPRIVILEGED) & (batch.dst_port >= UNPRIVILEGED)
        wrong.update(_wrong(batch.keep(client_ports)))
    return wrong


def _wrong(batch: Batch) -> Counter[int]:
    if not len(batch):
        return Counter()
    addresses = Addresses.concatenate(
        [Addresses.from_column(batch.family, column) for column in (batch.src_addr, batch.dst_addr)]
    )
    ports = np.concatenate([batch.src_port, batch.dst_port]).astype(np.uint64)
    ends = group_by([addresses.high, addresses.low, ports])
    port_of, (src, dst) = ports[ends.leaders], np.split(ends.group, 2)
    low, high = np.minimum(src, dst).astype(np.uint64), np.maximum(src, dst).astype(np.uint64)
    pairs = group_by([low, high]).leaders
    return _misjudged(low[pairs].astype(np.int64), high[pairs].astype(np.int64), port_of)


def _misjudged(one: NDArray[np.int64], other: NDArray[np.int64], port_of: NDArray[np.uint64]) -> Counter[int]:
    """Count, by port, the pairs of ends of which the one with more pairs has the higher port."""
    pairs_of = np.bincount(np.concatenate([one, other]), minlength=len(port_of))
    more, fewer = np.where(pairs_of[one] >= pairs_of[other], [one, other], [other, one])
    is_service = (pairs_of[more] >= ENOUGH) & (pairs_of[more] > pairs_of[fewer])
    misjudged = is_service & (port_of[more] > port_of[fewer])
    return Counter(port_of[more[misjudged]].tolist())
