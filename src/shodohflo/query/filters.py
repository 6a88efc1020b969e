"""What is wanted of a store, and the patterns for SCAN that narrow down what it sends. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from shodohflo.model import Address, ClientKey, FlowKey, PeerKey, ResetKey, UnreachableKey, address_text

Network = IPv4Network | IPv6Network

_FORMS: dict[type, str] = {
    FlowKey: "{client};{service};{port};flow",
    PeerKey: "{client};{service};peer",
    ResetKey: "{client};{service};*:*;rst",
    UnreachableKey: "{client};{service};*:*;*;icmp",
    ClientKey: "client;{client}",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader wants to see; empty means all."""

    clients: tuple[Network, ...] = ()
    services: tuple[Network, ...] = ()
    """The services of flows, the peers, what answered or could not be reached."""
    ports: frozenset[int] = frozenset()

    def takes(self, client: Address, service: Address, *ports: int) -> bool:
        """Say whether both ends, and one of the ports, are wanted."""
        port_is_wanted = not self.ports or not self.ports.isdisjoint(ports)
        return port_is_wanted and _holds(self.clients, client) and _holds(self.services, service)

    def takes_client(self, client: Address) -> bool:
        """Say whether a client is wanted, whoever it talks with."""
        return _holds(self.clients, client)


def pattern(kind: type, wanted: Filter) -> str:
    """Return one pattern that matches every wanted key of a kind; each further one would walk the whole store again."""
    ports = sorted(wanted.ports)
    return _FORMS[kind].format(
        client=_address_pattern(wanted.clients),
        service=_address_pattern(wanted.services),
        port=ports[0] if len(ports) == 1 else "*",
    )


def _holds(networks: tuple[Network, ...], address: Address) -> bool:
    return not networks or any(address in network for network in networks)


def _address_pattern(networks: tuple[Network, ...]) -> str:
    if len(networks) != 1:
        return "*"
    network = networks[0]
    if network.prefixlen == network.max_prefixlen:
        return address_text(network.network_address)
    octets = str(network.network_address).split(".")[: network.prefixlen // 8]
    # IPv6 text is shortened in the middle, so that the beginning of a prefix is not the beginning of a text.
    return ".".join([*octets, "*"]) if network.version == 4 else "*"
