"""The group-by: packets of one conversation become one row, rows under one key become one observation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.batch import FIN, RST, SYN, Batch
from shodohflo.columns.grouping import group_by
from shodohflo.columns.observations import Observations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family

_DECIDING_FLAGS = FIN | SYN | RST
"""The control bits that the order of decisions asks for; the others are not told apart."""


_SAMPLE = 1024
"""Rows that show whether merging packets is worth its cost."""


def merge_packets(batch: Batch) -> Batch:
    """Merge the packets with the same addresses, ports, protocol and deciding flags into one row each.

    Or leave them as they are, where few have anything in common: `merge` will find those too.
    """
    if _is_mostly_different(batch):
        return batch
    groups = group_by(_conversation(batch))
    leaders = groups.leaders
    return Batch(
        family=batch.family,
        src_addr=batch.src_addr[leaders],
        dst_addr=batch.dst_addr[leaders],
        src_port=batch.src_port[leaders],
        dst_port=batch.dst_port[leaders],
        protocol=batch.protocol[leaders],
        tcp_flags=_deciding_flags(batch)[leaders],
        packets=groups.sum(batch.packets),
        octets=groups.sum(batch.octets),
        first=groups.earliest(batch.first),
        last=groups.latest(batch.last),
    )


def _is_mostly_different(batch: Batch) -> bool:
    """Guess by the first rows whether merging would make fewer of them."""
    return len(batch) > _SAMPLE and len(group_by(_conversation(batch[:_SAMPLE])).leaders) > _SAMPLE * 7 // 8


def _conversation(batch: Batch) -> list[NDArray[np.uint64]]:
    """Return what packets of one row have in common."""
    label = _pack((batch.src_port, 16), (batch.dst_port, 16), (batch.protocol, 8), (_deciding_flags(batch), 8))
    return [*_ends(batch.family, batch.src_addr, batch.dst_addr), label]


def _deciding_flags(batch: Batch) -> NDArray[np.uint8]:
    return batch.tcp_flags & np.uint8(_DECIDING_FLAGS)


def merge(several: Sequence[Observations]) -> Observations:
    """Merge the rows of `several` that will be recorded under the same key, by the same rule."""
    # Most rows are of IPv4, whose two addresses fit one column.
    is_ipv4 = [(part.client.version == 4) & (part.remote.version == 4) for part in several]
    ipv4 = Observations.concatenate([part.keep(mask) for part, mask in zip(several, is_ipv4, strict=True)])
    rest = Observations.concatenate([part.keep(~mask) for part, mask in zip(several, is_ipv4, strict=True)])
    return Observations.concatenate([_merged(ipv4, only_ipv4=True), _merged(rest, only_ipv4=False)])


def _merged(rows: Observations, *, only_ipv4: bool) -> Observations:
    if len(rows) == 0:
        return rows
    groups = group_by([*_addresses(rows, only_ipv4=only_ipv4), _label(rows)])
    return replace(
        rows[groups.leaders],
        packets=groups.sum(rows.packets),
        octets=groups.sum(rows.octets),
        first=groups.earliest(rows.first),
        last=groups.latest(rows.last),
    )


def _addresses(rows: Observations, *, only_ipv4: bool) -> list[NDArray[np.uint64]]:
    if only_ipv4:
        return [rows.client.low << np.uint64(32) | rows.remote.low]
    return [rows.client.high, rows.client.low, rows.remote.high, rows.remote.low]


def _label(rows: Observations) -> NDArray[np.uint64]:
    """Pack all of the key but the addresses, and the rule, into 64 bits."""
    versions = (rows.client.version == 6) * np.uint8(2) + (rows.remote.version == 6)
    # A code is an unreachable's alone and a rule a flow's alone: they can share 16 bits.
    decided = rows.rule | rows.code
    return _pack(
        (rows.kind, 3), (versions, 2), (rows.client_port, 16), (rows.port, 16), (rows.protocol, 8), (decided, 16)
    )


def _ends(family: Family, src_addr: NDArray[Any], dst_addr: NDArray[Any]) -> list[NDArray[np.uint64]]:
    """Return two address columns as columns of 64 bits."""
    if family == 4:
        return [_pack((src_addr, 32), (dst_addr, 32))]
    halves = (np.ascontiguousarray(column).view(np.uint64).reshape(-1, 2) for column in (src_addr, dst_addr))
    return [half for column in halves for half in (column[:, 0], column[:, 1])]


def _pack(*fields: tuple[NDArray[Any], int]) -> NDArray[np.uint64]:
    """Put (column, bits) side by side into 64 bits."""
    packed = np.zeros(len(fields[0][0]), np.uint64)
    for column, bits in fields:
        packed = (packed << np.uint64(bits)) | column.astype(np.uint64)
    return packed
