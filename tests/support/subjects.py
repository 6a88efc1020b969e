"""Configurations for tests of findings, and packets that cover all of their cases."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from itertools import product
from typing import TYPE_CHECKING

from shodohflo.analysis.check.model import Model
from shodohflo.analysis.check.proof import check
from shodohflo.config import Configuration, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.config.findings import Finding
    from shodohflo.model import Address, Network
    from shodohflo.pcap_config import FlowMapping, NetworkEnumeration
    from support.rule_sets import Packet, RuleSet

OURS_ARE = ip_network("10.0.0.0/8"), ip_network("fd00::/8")
"""Our networks in tests with random rule sets."""


def is_ours(address: Address) -> bool:
    """Return whether an address is in `OURS_ARE`."""
    return any(address in network for network in OURS_ARE)


def drawn(rule_set: RuleSet, *, suppress: bool = False) -> Configuration:
    """Return a configuration with a drawn rule set."""
    return configuration(rule_set.enumeration(), rule_set.mapping(), OURS_ARE, suppress=suppress)


def corner_packets(rule_set: RuleSet) -> Iterator[Packet]:
    """Yield packets that cover every combination of prefixes and port sets of `rule_set`.

    Of addresses that are in the same entry and are both ours or both not, one is enough; of ports that are in the same
    sets, one is enough, and of ports that are in no set, up to three.
    """
    enumeration = rule_set.enumeration()
    sets = rule_set.port_sets()
    mentioned = {port for ports in sets for port in ports}
    kinds_of_port = {frozenset(n for n, ports in enumerate(sets) if port in ports): port for port in mentioned}
    unmentioned = [port for port in (0, 40000, 40001) if port not in mentioned]
    some_ports = [*kinds_of_port.values(), *unmentioned]
    for family in (4, 6):
        edges = [*rule_set.addresses(family), *(net[end] for net in OURS_ARE for end in (0, -1))]
        kinds = {(enumeration.find(edge), is_ours(edge)): edge for edge in edges if edge.version == family}
        for src, dst in product(kinds.values(), repeat=2):
            yield from ((src, src_port, dst, dst_port) for src_port, dst_port in product(some_ports, repeat=2))


def subject(
    enumeration: NetworkEnumeration, mapping: FlowMapping, *networks: str, suppress: bool = False
) -> Configuration:
    """Return a configuration with these networks and rules; `networks` are our networks."""
    return configuration(enumeration, mapping, tuple(map(ip_network, networks)), suppress=suppress)


def configuration(
    enumeration: NetworkEnumeration, mapping: FlowMapping, our_nets: tuple[Network, ...], *, suppress: bool = False
) -> Configuration:
    """Return the default configuration with these networks, rules and own networks."""
    settings = replace(load(None, {}), enumeration=enumeration, mapping=mapping, suppress_own_network=suppress)
    return Configuration(settings, our_nets)


def found(given: Configuration) -> tuple[Finding, ...]:
    """Return the findings of a configuration."""
    return check(given).findings


def labels(given: Configuration) -> list[str]:
    """Return code and place of each finding."""
    return [finding.label for finding in found(given)]


def model_of(given: Configuration) -> Model:
    """Return the model of a configuration."""
    return Model(given)
