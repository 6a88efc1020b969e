"""Merging: packets of one conversation become one row, observations under one key become one row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from shodohflo.columns.batch import ACK, FIN, RST, SYN, Batch
from shodohflo.columns.grouping import group_by
from shodohflo.columns.labels import labels
from shodohflo.columns.observations import Observations
from shodohflo.columns.table import ColumnSpec, Role, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.grouping import Groups

    T = TypeVar("T", bound=Table)

_ALWAYS: Final = FIN | SYN | RST
_SYN_TO_ACK: Final = (ACK // SYN).bit_length() - 1

_SAMPLE: Final = 1024
"""Rows that show whether merging packets is worth its cost."""

_MERGED: Final[dict[Role, Callable[[Groups, Any], Any]]] = {
    Role.KEY: lambda groups, values: values[groups.leaders],
    Role.ANY: lambda groups, values: values[groups.leaders],
    Role.SUM: lambda groups, values: groups.sum(values),
    Role.EARLIEST: lambda groups, values: groups.earliest(values),
    Role.LATEST: lambda groups, values: groups.latest(values),
}
"""What becomes of the values of a column, by its role."""


def merge_packets(batch: Batch) -> Batch:
    """Merge packets with the same addresses, ports, protocol and `significant_flags` into one row each.

    Where few rows have anything in common they are returned unmerged, because merging would cost more than
    it saves; their `tcp_flags` are reduced to the significant ones all the same.
    """
    batch = replace(batch, tcp_flags=significant_flags(batch.tcp_flags))
    return batch if _is_mostly_different(batch) else merge_rows(batch)


def significant_flags(tcp_flags: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return SYN, FIN and RST of each row, and ACK where SYN is set; all other bits are 0.

    So SYN is 0x02, SYN-ACK 0x12, FIN-ACK 0x01, RST-ACK 0x04, and any segment of an open connection 0x00.
    """
    # SYN (0x02) shifted left by three bits is ACK (0x10).
    acks = (tcp_flags & np.uint8(SYN)) << np.uint8(_SYN_TO_ACK)
    return tcp_flags & (np.uint8(_ALWAYS) | acks)


def _is_mostly_different(batch: Batch) -> bool:
    """Guess from the first rows whether merging would be of little use."""
    return len(batch) > _SAMPLE and len(group_by(labels(batch[:_SAMPLE])).leaders) > _SAMPLE * 7 // 8


def merge(parts: Sequence[Observations]) -> Observations:
    """Merge the rows of `parts` that will be recorded under the same key, by the same rule; IPv4 rows come first."""
    # The label of an IPv4 row has two words; grouped with rows of IPv6 it would have five.
    is_ipv4 = [(part.client.version == 4) & (part.remote.version == 4) for part in parts]
    ipv4 = Observations.concatenate([part.keep(mask) for part, mask in zip(parts, is_ipv4, strict=True)])
    rest = Observations.concatenate([part.keep(~mask) for part, mask in zip(parts, is_ipv4, strict=True)])
    return Observations.concatenate([merge_rows(ipv4), merge_rows(rest)])


def merge_rows(rows: T) -> T:
    """Merge rows with equal keys, each column by its role."""
    if len(rows) == 0:
        return rows
    groups = group_by(labels(rows))

    def merged(column: ColumnSpec, values: Any) -> Any:  # noqa: ANN401 - an array or a table
        return _MERGED[column.role](groups, values)

    return rows.map(merged)
