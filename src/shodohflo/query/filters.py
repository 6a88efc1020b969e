"""What is wanted of a store, and the patterns for SCAN that narrow down what it sends. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shodohflo.keys import key_pattern
from shodohflo.model import Address, Network, address_text


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
    """Return one pattern that matches every wanted key of a kind; a second pattern would scan the whole store again."""
    client, service = _address_pattern(wanted.clients), _address_pattern(wanted.services)
    fields = {"client": client, "address": client, "service": service, "remote": service, "peer": service}
    # Resets and unreachables have two ports and either may be the wanted one: both stay `*`.
    ports = {"port": str(next(iter(wanted.ports)))} if len(wanted.ports) == 1 else {}
    return key_pattern(kind, fields | ports)


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
