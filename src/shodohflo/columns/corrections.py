"""Corrections: counts of flows that were written with client and service swapped, to be moved to the right keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.grouping import group_by
from shodohflo.columns.memory import hashed
from shodohflo.columns.merging import merge, merge_rows
from shodohflo.columns.observations import Observations
from shodohflo.columns.table import Role, Table, column, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@table
class Corrections(Table):
    """Rows of flows: what was counted under `service;client;wrong_port` belongs under `client;service;port`.

    For example, 12 packets were written as `10.0.0.9;10.0.0.5;40000;flow`, by the lower port, before a SYN-ACK showed
    that 10.0.0.9 is the service, on port 54321: client 10.0.0.5, service 10.0.0.9, port 54321, wrong port 40000, 12
    packets.
    """

    kind: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """A `model.Kind`: `FLOW`, or `FLOW_IGNORED`, of which only the client was counted."""
    client: Addresses = column(Addresses, Role.KEY)
    """The client in truth, which was written as the service."""
    service: Addresses = column(Addresses, Role.KEY)
    """The service in truth, which was written as the client."""
    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    """The port of the service."""
    wrong_port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    """The port of the client, under which the flow was written."""
    protocol: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """6 or 17."""
    rule: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    """The rule with `Observed`, numbered from 0."""
    rung: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """A `model.Rung`: the evidence that decides now."""
    packets: NDArray[np.int64] = column(np.int64, Role.SUM)
    """The packets to be moved: those that this run counted under the wrong keys."""
    octets: NDArray[np.int64] = column(np.int64, Role.SUM)
    """Their network-layer bytes."""
    first: NDArray[np.int64] = column(np.int64, Role.EARLIEST)
    last: NDArray[np.int64] = column(np.int64, Role.LATEST)
    """When the first and the last of them were received, in ns since 1970."""


def merge_corrections(parts: Sequence[Corrections]) -> Corrections:
    """Merge the corrections between the same keys by the same evidence."""
    return merge_rows(Corrections.concatenate(parts))


def correct(observations: Observations, corrections: Corrections) -> Observations:
    """Return `observations`, from which `corrections` follow, with what these move under the right keys.

    A flow may be corrected twice, there and back: what was moved to a key can be moved on. A correction from a key that
    has nothing is left out. The rows of a key from which something is moved become one, which keeps the rule and the
    evidence of one of them.
    """
    if not len(corrections):
        return observations
    moves = merge_rows(corrections)
    taken_from = _keys(moves.kind, moves.service, moves.client, moves.wrong_port, moves.protocol)
    added_to = _keys(moves.kind, moves.client, moves.service, moves.port, moves.protocol)
    is_there = np.isin(taken_from, _keys_of(observations))
    is_there |= np.isin(taken_from, added_to[is_there])
    moves, taken_from = moves.keep(is_there), taken_from[is_there]
    every = Observations.concatenate([observations, _moved(moves)])
    keys = _keys_of(every)
    affected = np.isin(keys, taken_from)
    rows, keys = every[affected], keys[affected]
    groups = group_by([keys])
    left = rows[groups.leaders]
    packets, octets = groups.sum(rows.packets), groups.sum(rows.octets)
    place = {key: group for group, key in enumerate(keys[groups.leaders].tolist())}
    at = np.array([place[key] for key in taken_from.tolist()], np.intp)
    packets -= np.bincount(at, weights=moves.packets, minlength=len(left)).astype(np.int64)
    octets -= np.bincount(at, weights=moves.octets, minlength=len(left)).astype(np.int64)
    first, last = groups.earliest(rows.first), groups.latest(rows.last)
    left = replace(left, packets=packets, octets=octets, first=first, last=last)
    return merge([every[~affected], left[packets > 0]])


def _keys_of(rows: Observations) -> NDArray[np.uint64]:
    return _keys(rows.kind, rows.client, rows.remote, rows.port, rows.protocol)


def _keys(
    kind: NDArray[np.uint8],
    client: Addresses,
    service: Addresses,
    port: NDArray[np.uint16],
    protocol: NDArray[np.uint8],
) -> NDArray[np.uint64]:
    ends = [each for end in (client, service) for each in (end.version, end.high, end.low)]
    words: list[NDArray[Any]] = [*ends, kind, port, protocol]
    return hashed([word.astype(np.uint64) for word in words])


def _moved(moves: Corrections) -> Observations:
    count = len(moves)
    return Observations(
        kind=moves.kind,
        client=moves.client,
        remote=moves.service,
        client_port=np.zeros(count, np.uint16),
        port=moves.port,
        protocol=moves.protocol,
        code=np.zeros(count, np.uint8),
        rule=moves.rule,
        rung=moves.rung,
        packets=moves.packets,
        octets=moves.octets,
        first=moves.first,
        last=moves.last,
    )
