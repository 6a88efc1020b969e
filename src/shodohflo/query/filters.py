"""Filters for rows, and SCAN patterns that let the store leave out most unwanted keys. Pure.

One law holds for every part of a filter: a row is taken if at least one of its values is wanted, or nothing particular
is wanted, and none of its values is unwanted. So a flow of TCP and UDP has `protocols={"udp"}`, but not
`not_protocols={"udp"}`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import TYPE_CHECKING, TypeVar

from shodohflo.keys import key_pattern
from shodohflo.model import Address, Network, address_text, covers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from shodohflo.query.rows import FlowRow

Value = TypeVar("Value", int, str)


@dataclass(frozen=True)
class Filter:
    """What a reader asks for; an empty field matches everything."""

    clients: tuple[Network, ...] = ()
    services: tuple[Network, ...] = ()
    """Matched with the service of a flow, the peer of a pair, and the remote of a reset or an unreachable."""
    ports: frozenset[int] = frozenset()
    protocols: frozenset[str] = frozenset()
    """Names as in the `detail` hash: `tcp`, `udp`."""
    kinds: frozenset[str] = frozenset()
    """`rst`, `icmp` or `knock`; only failed attempts have one."""
    evidence: frozenset[str] = frozenset()
    """Words of `Rung`, as flows have them."""
    not_clients: tuple[Network, ...] = ()
    not_services: tuple[Network, ...] = ()
    not_ports: frozenset[int] = frozenset()
    not_protocols: frozenset[str] = frozenset()
    not_evidence: frozenset[str] = frozenset()
    within: float | None = None
    """The greatest age in seconds; a row of unknown age is then left out."""

    @property
    def is_empty(self) -> bool:
        """Whether it matches everything."""
        return self == Filter()

    @property
    def is_about_flows(self) -> bool:
        """Whether it asks for what only flows have: a port, a protocol or evidence."""
        return bool(
            self.ports or self.not_ports or self.protocols or self.not_protocols or self.evidence or self.not_evidence
        )

    @property
    def names_services(self) -> bool:
        """Whether it asks for services, which a client by itself does not have."""
        return bool(self.services or self.not_services)

    def takes(self, client: Address, service: Address, *ports: int) -> bool:
        """Return whether both ends and the ports match."""
        return self.takes_port(*ports) and self.takes_client(client) and self.takes_service(service)

    def takes_flow(self, row: FlowRow) -> bool:
        """Return whether all that a flow has matches."""
        protocols = [each.protocol for each in row.protocols]
        ends_match = self.takes(row.client, row.service, row.port)
        return ends_match and self.takes_words(protocols, row.evidence) and self.takes_age(row.age)

    def takes_client(self, client: Address) -> bool:
        """Return whether a client matches, without regard to services and ports."""
        return (not self.clients or client in self._clients) and (
            not self.not_clients or client not in self._not_clients
        )

    def takes_service(self, *addresses: Address) -> bool:
        """Return whether a service at one of `addresses` matches."""
        return (not self.services or any(address in self._services for address in addresses)) and (
            not self.not_services or not any(address in self._not_services for address in addresses)
        )

    def takes_port(self, *ports: int) -> bool:
        """Return whether one of `ports` matches."""
        return _agrees(self.ports, self.not_ports, ports)

    def takes_words(self, protocols: Collection[str], evidence: str | None = None) -> bool:
        """Return whether protocols match, and the word of evidence if there is such a thing."""
        return _agrees(self.protocols, self.not_protocols, protocols) and (
            evidence is None or _agrees(self.evidence, self.not_evidence, (evidence,))
        )

    def takes_origin(self, origin: Network) -> bool:
        """Return whether one address of `origin` may be a wanted client, and they are not all unwanted."""
        wanted = not self.clients or any(covers(one, origin) or covers(origin, one) for one in self.clients)
        return wanted and not any(covers(unwanted, origin) for unwanted in self.not_clients)

    def takes_pair(self, address: Address, peer: Address) -> bool:
        """Return whether the ends of a pair match in this direction; an unwanted address is unwanted at either end."""
        unwanted = any(end in self._not_clients or end in self._not_services for end in (address, peer))
        return not unwanted and self.takes(address, peer)

    def takes_kind(self, kind: str) -> bool:
        """Return whether resets (`rst`), unreachables (`icmp`) or knocks (`knock`) are wanted."""
        return _agrees(self.kinds, frozenset(), (kind,))

    def takes_age(self, age: float | None) -> bool:
        """Return whether an age in seconds is not above `within`."""
        return self.within is None or (age is not None and age <= self.within)

    # One lookup for each of perhaps a million rows: compiled once for each filter.
    @cached_property
    def _clients(self) -> AddressSet:
        return AddressSet.of(self.clients)

    @cached_property
    def _services(self) -> AddressSet:
        return AddressSet.of(self.services)

    @cached_property
    def _not_clients(self) -> AddressSet:
        return AddressSet.of(self.not_clients)

    @cached_property
    def _not_services(self) -> AddressSet:
        return AddressSet.of(self.not_services)


@dataclass(frozen=True, slots=True)
class AddressSet:
    """Addresses of both families, as sorted ranges that do not touch."""

    starts: dict[int, list[int]]
    """The first address of each range, by the version of the family."""
    ends: dict[int, list[int]]
    """The last address of each range."""

    @classmethod
    def of(cls, networks: Iterable[Network]) -> AddressSet:
        """Return the set of all addresses in `networks`."""
        given = list(networks)
        v4 = list(collapse_addresses(network for network in given if isinstance(network, IPv4Network)))
        v6 = list(collapse_addresses(network for network in given if isinstance(network, IPv6Network)))
        return cls(
            {4: [int(network[0]) for network in v4], 6: [int(network[0]) for network in v6]},
            {4: [int(network[-1]) for network in v4], 6: [int(network[-1]) for network in v6]},
        )

    def __contains__(self, address: Address) -> bool:
        """Return whether the set has `address`."""
        number = int(address)
        place = bisect_right(self.starts[address.version], number) - 1
        return place >= 0 and number <= self.ends[address.version][place]


def pattern(kind: type, wanted: Filter) -> str:
    """Return one pattern that matches every wanted key of a kind, and perhaps more.

    It is a single pattern because each SCAN goes through the whole store.
    """
    client, service = address_pattern(wanted.clients), address_pattern(wanted.services)
    by_name = {"client": client, "address": client, "service": service, "remote": service, "peer": service}
    # A filter matches either port of a reset or an unreachable, so neither can be in the pattern.
    ports = {"port": str(next(iter(wanted.ports)))} if len(wanted.ports) == 1 else {}
    return key_pattern(kind, by_name | ports)


def _agrees(wanted: frozenset[Value], unwanted: frozenset[Value], values: Collection[Value]) -> bool:
    return (not wanted or not wanted.isdisjoint(values)) and unwanted.isdisjoint(values)


def address_pattern(networks: tuple[Network, ...]) -> str:
    """Return a pattern that matches the text of every address in `networks`; none match everything."""
    if len(networks) != 1:
        return "*"
    network = networks[0]
    if network.prefixlen == network.max_prefixlen:
        return address_text(network.network_address)
    octets = str(network.network_address).split(".")[: network.prefixlen // 8]
    # IPv6 text omits zeros anywhere, so the addresses of a prefix need not begin with the same text.
    return ".".join([*octets, "*"]) if network.version == 4 else "*"
