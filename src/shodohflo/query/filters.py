"""Filters for keys, and SCAN patterns that let the store leave out most unwanted keys. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shodohflo.keys import key_pattern
from shodohflo.model import Address, Network, address_text


@dataclass(frozen=True, slots=True)
class Filter:
    """The clients, services and ports that a reader asks for; an empty field matches all."""

    clients: tuple[Network, ...] = ()
    services: tuple[Network, ...] = ()
    """Matched with the service of a flow, the peer of a pair, and the remote of a reset or an unreachable."""
    ports: frozenset[int] = frozenset()

    def takes(self, client: Address, service: Address, *ports: int) -> bool:
        """Return whether both ends and at least one of the ports match."""
        port_is_wanted = not self.ports or not self.ports.isdisjoint(ports)
        return port_is_wanted and _holds(self.clients, client) and _holds(self.services, service)

    def takes_client(self, client: Address) -> bool:
        """Return whether a client matches, without regard to services and ports."""
        return _holds(self.clients, client)


def pattern(kind: type, wanted: Filter) -> str:
    """Return one pattern that matches every wanted key of a kind, and perhaps more.

    It is a single pattern because each SCAN goes through the whole store.
    """
    client, service = _address_pattern(wanted.clients), _address_pattern(wanted.services)
    fields = {"client": client, "address": client, "service": service, "remote": service, "peer": service}
    # A filter matches either port of a reset or an unreachable, so neither can be in the pattern.
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
    # IPv6 text omits zeros anywhere, so the addresses of a prefix need not begin with the same text.
    return ".".join([*octets, "*"]) if network.version == 4 else "*"
