"""Merging: packets of one conversation become one row, observations under one key become one row."""

from __future__ import annotations

from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class MergedPackets:
    """Merged packets, and which packets each row stands for."""

    packets: Batch
    """As decoded, but for their `tcp_flags`, which are `significant_flags`."""
    rows: Batch
    row_of: NDArray[np.int32]
    """The row of each packet."""


def merge_packets(batch: Batch) -> Batch:
    """Return the rows of `group_packets`."""
    return group_packets(batch).rows


def group_packets(batch: Batch) -> MergedPackets:
    """Merge packets that are alike in all key columns but for their flags, of which the `significant_flags` count.

    Where few rows have anything in common they are returned unmerged, because merging would cost more than
    it saves; their `tcp_flags` are reduced to the significant ones all the same.
    """
    batch = replace(batch, tcp_flags=significant_flags(batch.tcp_flags))
    if len(batch) == 0 or _is_mostly_different(batch):
        return MergedPackets(batch, batch, np.arange(len(batch), dtype=np.int32))
    groups = group_by(labels(batch))
    return MergedPackets(batch, _merge_groups(batch, groups), groups.group)


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
    return _merge_groups(rows, group_by(labels(rows))) if len(rows) else rows


def _merge_groups(rows: T, groups: Groups) -> T:
    def merged(column: ColumnSpec, values: Any) -> Any:  # noqa: ANN401 - an array or a table
        return _MERGED[column.role](groups, values)

    return rows.map(merged)
