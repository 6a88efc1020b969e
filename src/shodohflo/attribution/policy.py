"""The settings that decide in addition to the rules: our networks, IGNORE_FLOW, and the agent's own connections.

`Policy` holds them as the operator gave them and answers for one address; `CompiledPolicy` answers for columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.model import TCP
from shodohflo.rules.networks import NetworkTable

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Batch
    from shodohflo.model import Address

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class IgnoredFlow:
    """An end whose flows are not recorded: an address in `prefix`, with `port`."""

    prefix: IPv4Network | IPv6Network
    port: int


@dataclass(frozen=True, slots=True)
class Connection:
    """A TCP connection of this host; packets of both directions belong to it."""

    src_addr: Address
    src_port: int
    dst_addr: Address
    dst_port: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that decide about packets, as the operator gave them."""

    our_nets: tuple[IPv4Network | IPv6Network, ...]
    suppress_own_network: bool = False
    ignored: tuple[IgnoredFlow, ...] = ()
    own_connections: frozenset[Connection] = frozenset()
    """The connections of the agent to its store; they change while it runs."""
    tunnels: frozenset[str] = frozenset()
    """The UDP tunnels whose packets are decoded, by the names of `wire.tunnels.UDP_TUNNELS`."""

    def our_network(self, address: Address) -> IPv4Network | IPv6Network | None:
        """Return the first of our networks that holds `address`, or None."""
        return next((network for network in self.our_nets if address in network), None)


class CompiledPolicy:
    """A policy as lookup tables for whole columns."""

    def __init__(self, policy: Policy) -> None:
        """Compile `policy`."""
        self.suppress_own_network = policy.suppress_own_network
        self.tunnels = policy.tunnels
        self._our_nets = NetworkTable.of_prefixes(policy.our_nets)
        ports = {ignored.port for ignored in policy.ignored}
        self._ignored = {port: NetworkTable.of_prefixes(_prefixes(policy, port)) for port in ports}
        self._connections = policy.own_connections

    def is_ours(self, addresses: NDArray[Any]) -> Mask:
        """Return which addresses, a column of a batch, are in our networks."""
        return self._our_nets.find(addresses).astype(np.bool_)

    def is_ignored(self, batch: Batch) -> Mask:
        """Return which rows have an end in `IGNORE_FLOW`."""
        ignored = np.zeros(len(batch), np.bool_)
        for port, table in self._ignored.items():
            ignored |= (batch.src_port == port) & (table.find(batch.src_addr) != 0)
            ignored |= (batch.dst_port == port) & (table.find(batch.dst_addr) != 0)
        return ignored

    def is_own_traffic(self, batch: Batch) -> Mask:
        """Return which rows belong to one of the agent's own connections, in either direction."""
        own = np.zeros(len(batch), np.bool_)
        for connection in self._connections:
            if connection.src_addr.version == batch.family:
                own |= _runs_along(batch, connection)
        return own


def _prefixes(policy: Policy, port: int) -> list[IPv4Network | IPv6Network]:
    return [ignored.prefix for ignored in policy.ignored if ignored.port == port]


def _runs_along(batch: Batch, connection: Connection) -> Mask:
    near, far = (_as_element(end, batch) for end in (connection.src_addr, connection.dst_addr))
    there = (batch.src_port == connection.src_port) & (batch.dst_port == connection.dst_port)
    back = (batch.src_port == connection.dst_port) & (batch.dst_port == connection.src_port)
    there &= (batch.src_addr == near) & (batch.dst_addr == far)
    back &= (batch.src_addr == far) & (batch.dst_addr == near)
    runs: Mask = (there | back) & (batch.protocol == TCP)
    return runs


def _as_element(address: Address, batch: Batch) -> NDArray[Any]:
    return np.array([address.packed if batch.family == 6 else int(address)], batch.src_addr.dtype)
