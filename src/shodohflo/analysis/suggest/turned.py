"""Flows that are turned round: the lower port names one end as the service, and their handshake the other.

Only whole handshakes count here, a SYN and the SYN-ACK that acknowledges it, of flows that carried data. Two flows, for
example, to a service on port 50051:

    10.0.0.1:40001 > 10.0.0.9:50051    SYN, SYN-ACK and data: turned round, under the key 10.0.0.9;10.0.0.1;40001
    10.0.0.1:60001 > 10.0.0.9:50051    SYN, SYN-ACK and data: right, under the key 10.0.0.1;10.0.0.9;50051
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shodohflo.attribution.policy import CompiledPolicy, Policy
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.batch import ACK, SYN
from shodohflo.columns.grouping import group_by
from shodohflo.model import TCP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Batch
    from shodohflo.model import Network


@dataclass(frozen=True, slots=True)
class Turned:
    """How the lower port compares with the handshakes of TCP flows."""

    flows: int
    """Flows with data whose handshake was seen whole."""
    turned: int
    """Those of them that the lower port turns round."""
    keys_before: int
    """The flow keys of those, by the lower port."""
    keys_after: int
    """Their flow keys, by the handshake."""

    @property
    def share(self) -> float:
        """The share that is turned round, 0 to 1."""
        return self.turned / max(self.flows, 1)


def turned(batches: Sequence[Batch], our_nets: Sequence[Network]) -> Turned:
    """Compare the flows of merged packets that have an end in `our_nets`, which the default rules record."""
    policy = CompiledPolicy(Policy(tuple(our_nets)))
    ours = [batch.keep(policy.is_ours(batch.src_addr) | policy.is_ours(batch.dst_addr)) for batch in batches]
    found = [_turned(batch.keep(batch.protocol == TCP)) for batch in ours]
    return Turned(
        flows=sum(each.flows for each in found),
        turned=sum(each.turned for each in found),
        keys_before=sum(each.keys_before for each in found),
        keys_after=sum(each.keys_after for each in found),
    )


def _turned(batch: Batch) -> Turned:
    """Compare the flows of TCP segments of one family."""
    if not len(batch):
        return Turned(0, 0, 0, 0)
    addresses = Addresses.concatenate(
        [Addresses.from_column(batch.family, column) for column in (batch.src_addr, batch.dst_addr)]
    )
    ports = np.concatenate([batch.src_port, batch.dst_port])
    ends = group_by([addresses.high, addresses.low, ports.astype(np.uint64)])
    port_of = ports[ends.leaders]
    address_of = group_by([addresses.high, addresses.low]).group[ends.leaders]
    src, dst = np.split(ends.group.astype(np.int64), 2)

    client, service = _opened(batch, src, dst, len(port_of))
    is_turned = port_of[service] > port_of[client]
    client, service, flows = client[is_turned], service[is_turned], len(client)
    return Turned(
        flows=flows,
        turned=len(client),
        keys_before=_distinct(address_of[service], client),
        keys_after=_distinct(address_of[client], service),
    )


def _opened(
    batch: Batch, src: NDArray[np.int64], dst: NDArray[np.int64], ends: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return client and service of each flow with data whose handshake was seen; `src` and `dst` number the ends."""
    is_syn, is_synack = batch.tcp_flags == SYN, batch.tcp_flags == SYN | ACK
    opens = np.flatnonzero(is_syn | is_synack)
    # A SYN and its SYN-ACK have the same number, and go in opposite directions.
    forward = np.where(is_synack, dst * ends + src, src * ends + dst)[opens]
    handshakes = group_by([forward.view(np.uint64), batch.number[opens].astype(np.uint64)])
    both = np.zeros((2, len(handshakes.leaders)), np.bool_)
    both[0, handshakes.group[is_syn[opens]]] = True
    both[1, handshakes.group[is_synack[opens]]] = True
    flows = np.unique(forward[handshakes.leaders][both.all(axis=0)])
    client, service = flows // ends, flows % ends
    back = service * ends + client

    talks = batch.tcp_flags == 0
    data = src[talks] * ends + dst[talks]
    is_plain = ~np.isin(flows, back) & (np.isin(flows, data) | np.isin(back, data))
    return client[is_plain], service[is_plain]


def _distinct(one: NDArray[np.integer], other: NDArray[np.integer]) -> int:
    return len(np.unique(np.stack([one, other], axis=1), axis=0)) if len(one) else 0
