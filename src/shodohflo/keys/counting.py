"""Which keys count a row of observations, and how many packets each key gets.

A recorded flow of 7 packets from 10.0.0.1 to 8.8.8.8 port 53 adds 7 to each of four keys:

    10.0.0.1;8.8.8.8;53;flow     10.0.0.1;8.8.8.8;peer     8.8.8.8;10.0.0.1;peer     client;10.0.0.1

A flow with an end in `IGNORE_FLOW` has no flow key. A reset or an unreachable has its own key and that of the client.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.grouping import group_by
from shodohflo.keys.grammar import key_template
from shodohflo.model import ClientKey, FlowKey, Kind, PeerKey, ResetKey, UnreachableKey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.observations import Observations


def counts(observations: Observations) -> dict[str, int]:
    """Return the packets to add to each key, summed over `observations`."""
    # Rows are summed before keys are formatted, so each distinct key and each distinct address is formatted once.
    ends = AddressIndex.of(observations)
    counted: dict[str, int] = {}
    for keys, packets in (
        _counts_of(Kind.FLOW, FlowKey, ["port"], ends),
        _counts_of(Kind.RESET, ResetKey, ["client_port", "port"], ends),
        _counts_of(Kind.UNREACHABLE, UnreachableKey, ["client_port", "port", "code"], ends),
        _counts_of_peers(ends),
        _counts_of_clients(ends),
    ):
        counted.update(zip(keys, packets, strict=True))
    return counted


@dataclass(frozen=True, slots=True)
class AddressIndex:
    """Observations with their addresses as indexes into `texts`, the distinct addresses as text."""

    observations: Observations
    texts: list[str]
    client: NDArray[np.int32]
    remote: NDArray[np.int32]

    @classmethod
    def of(cls, observations: Observations) -> AddressIndex:
        """Group the addresses of both ends together and format each distinct one once."""
        both = Addresses.concatenate([observations.client, observations.remote])
        groups = group_by([both.version.astype(np.uint64), both.high, both.low])
        client, remote = np.split(groups.group, 2)
        return cls(observations, both[groups.leaders].texts(), client, remote)


def _counts_of(kind: Kind, key: type, columns: list[str], ends: AddressIndex) -> tuple[list[str], list[int]]:
    """Sum the rows of one kind by both ends and `columns`, which are the fields of `key` in order."""
    rows = ends.observations.kind == kind
    rest = [getattr(ends.observations, column)[rows] for column in columns]
    by = [ends.client[rows], ends.remote[rows], *rest]
    (clients, remotes, *numbers), packets = _sums(ends.observations.packets[rows], by)
    texts, template = ends.texts, key_template(key)
    named = zip([texts[i] for i in clients], [texts[i] for i in remotes], *numbers, strict=True)
    return [template % row for row in named], packets


def _counts_of_peers(ends: AddressIndex) -> tuple[list[str], list[int]]:
    """Sum the flows by pair of ends, in both directions; for a host that talks to itself, both are the same key."""
    rows = (ends.observations.kind == Kind.FLOW) | (ends.observations.kind == Kind.FLOW_IGNORED)
    client, remote = ends.client[rows], ends.remote[rows]
    by = [np.minimum(client, remote), np.maximum(client, remote)]
    (lower, higher), packets = _sums(ends.observations.packets[rows], by)
    texts, template = ends.texts, key_template(PeerKey)
    pairs = list(zip([texts[i] for i in lower], [texts[i] for i in higher], strict=True))
    return [template % pair for pair in pairs] + [template % (peer, address) for address, peer in pairs], packets * 2


def _counts_of_clients(ends: AddressIndex) -> tuple[list[str], list[int]]:
    """Sum all rows by client."""
    (clients,), packets = _sums(ends.observations.packets, [ends.client])
    template = key_template(ClientKey)
    return [template % ends.texts[client] for client in clients], packets


def _sums(packets: NDArray[np.int64], by: list[NDArray[Any]]) -> tuple[list[list[int]], list[int]]:
    """Return the distinct rows of the columns `by`, as columns, and the packets of each row."""
    groups = group_by([column.astype(np.uint64) for column in by])
    return [column[groups.leaders].tolist() for column in by], groups.sum(packets).tolist()
