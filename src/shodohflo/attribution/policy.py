"""The settings that decide in addition to the rules: our networks, IGNORE_FLOW, and the agent's own connections.

`Policy` holds them as the operator gave them and answers for one address; `CompiledPolicy` answers for columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.rules.networks import NetworkTable

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from numpy.typing import NDArray

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
        self.ignored = {port: NetworkTable.of_prefixes(_prefixes(policy, port)) for port in ports}
        """The prefixes of `IGNORE_FLOW` by port."""
        self.own_connections = policy.own_connections

    def is_ours(self, addresses: NDArray[Any]) -> Mask:
        """Return which addresses, a column of a batch, are in our networks."""
        return self._our_nets.find(addresses).astype(np.bool_)


def _prefixes(policy: Policy, port: int) -> list[IPv4Network | IPv6Network]:
    return [ignored.prefix for ignored in policy.ignored if ignored.port == port]
