"""Suggestions: networks and rules for the packets of captures, and the cost of each further rule.

Proposals are guesses from the packets; their costs are measured, by applying them to the same packets.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from shodohflo.analysis.suggest.cost import Cost
from shodohflo.analysis.suggest.high_ports import ENOUGH, high_ports
from shodohflo.analysis.suggest.survey import Survey, Trial, holds
from shodohflo.analysis.suggest.turned import Turned, turned
from shodohflo.keys import counts
from shodohflo.model import DST, SRC, Kind, Network
from shodohflo.pcap_config import OUR_4NETS, OUR_6NETS, Assign, LowerPort, Observed, PortMatch
from shodohflo.rules.mapping import Rule
from shodohflo.rules.networks import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shodohflo.model import Address
    from shodohflo.rules.actions import Action

OURS: Final = "our_nets"
OUTSIDE: Final = "outside"

MULTICAST: Final = "multicast"

SPECIAL: Final = (
    Entry(MULTICAST, tuple(map(ip_network, ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")))),
    Entry("link_local", tuple(map(ip_network, ("169.254.0.0/16", "fe80::/10")))),
)
"""Multicast (RFC 5771, RFC 4291 section 2.7) and link-local (RFC 3927, RFC 4291 section 2.5.6) networks."""

UNSPECIFIED: Final = ip_network("0.0.0.0/8")
"""Source addresses of hosts that have no address yet (RFC 6890)."""

MOST_NETWORKS: Final = 8
"""Prefixes of our own that are listed one by one."""

MOST_DROPS: Final = 5
MOST_TRIED: Final = 16
LOUD: Final = 0.05
"""The share of the keys or of the packets at which a service is worth a rule."""

EPHEMERAL: Final = 32768
"""The lowest ephemeral port of Linux (ip_local_port_range); a service above it must have several clients."""

MOST_NAMED: Final = 8
"""Addresses of a service outside that get a network of their own; with more, the rule is for all outsiders."""

MOST_PORTS: Final = 8
"""High ports in one suggestion."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Rules to put before the others, and their cost."""

    ports: tuple[int, ...]
    rules: tuple[Rule, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A configuration for the packets of a survey."""

    trial: Trial
    """The suggested configuration without the proposals below."""
    packets: int
    keys: int
    """The number of keys it records."""
    named: tuple[str, ...]
    """Networks outside that only the proposed drops use."""
    busiest: tuple[tuple[Network, float], ...]
    """Prefixes that are not ours, with the share of all packets that have an end in them."""
    high: Proposal | None
    """Services whose port is higher than that of their clients, if there are any."""
    observed: tuple[Rule, ...]
    """Rules that go by evidence before ports, in place of those of `trial`, if that turns any flow round."""
    turned: Turned
    """What the rules of `trial` make of flows whose handshakes were seen."""
    drops: tuple[Proposal, ...]
    """Services to drop, at most `MOST_DROPS`; the one that removes most keys first."""


def our_networks(survey: Survey, private: Sequence[Network]) -> tuple[Network, ...]:
    """Guess our networks: for each family the private prefixes that were seen, else the busiest prefix."""
    return tuple(network for version in (4, 6) for network in _our_networks(survey, private, version))


def _our_networks(survey: Survey, private: Sequence[Network], version: int) -> list[Network]:
    special = [UNSPECIFIED, *(prefix for entry in SPECIAL for prefix in entry.prefixes)]
    seen = [n for n, _ in survey.prefixes().most_common() if n.version == version and not _overlap(special, [n])]
    ours = [network for network in seen if holds(private, network)]
    if len(ours) > MOST_NETWORKS:
        ours = [network for network in private if any(holds([network], one) for one in ours)]
    return sorted(ours or seen[:1])


def suggest(survey: Survey, our_nets: Sequence[Network]) -> Suggestion:
    """Suggest a configuration for `our_nets`."""
    rules = (Rule(None, OURS, LowerPort(SRC)), Rule(OURS, None, LowerPort(DST)))
    plain = Trial(tuple(_entries(survey, our_nets)), rules, tuple(our_nets))
    loud = _loud(survey, plain)
    turns = turned(survey.packets.batches, our_nets)
    named = {group: f"port_{group.port}" for group in loud if _can_be_named(group, loud)}
    entries = [Entry(name, tuple(map(ip_network, sorted(group.services, key=_order)))) for group, name in named.items()]
    trial = replace(plain, entries=(*entries, *plain.entries))
    base = counts(survey.attempt(trial))
    drops = [_propose(survey, trial, base, (group.port,), group.drops(named.get(group))) for group in loud]
    drops = [proposal for proposal in drops if _is_loud(proposal.cost)]
    drops.sort(key=lambda proposal: (-proposal.cost.keys_removed, proposal.ports))
    return Suggestion(
        trial=trial,
        packets=survey.received,
        keys=len(base),
        named=tuple(named.values()),
        busiest=tuple(_busiest(survey, our_nets)),
        high=_high(survey, trial, base),
        observed=tuple(replace(rule, action=Observed(rule.action)) for rule in rules) if turns.turned else (),
        turned=turns,
        drops=tuple(drops[:MOST_DROPS]),
    )


def _entries(survey: Survey, our_nets: Sequence[Network]) -> Iterator[Entry]:
    """Yield entries for multicast and link-local networks if there are packets of them, for ours, and for all else."""
    seen = survey.prefixes()
    for entry in SPECIAL:
        disjoint = not any(
            holds([prefix], one) or holds([one], prefix) for prefix in entry.prefixes for one in our_nets
        )
        if disjoint and any(holds(entry.prefixes, network) for network in seen):
            yield entry
    # Unbound, OUR_6NETS would stand for its default, which the operator did not name.
    bound = {network.version for network in our_nets}
    yield Entry(OURS, tuple(ours for ours in (OUR_4NETS, OUR_6NETS) if ours.version in bound))
    everything = [ip_network(text) for text in ("0.0.0.0/0", "::/0")]
    yield Entry(OUTSIDE, tuple(network for network in everything if network not in our_nets))


def _order(address: Address) -> tuple[int, int]:
    return address.version, int(address)


def _overlap(some: Iterable[Network], others: Iterable[Network]) -> bool:
    several = list(others)
    return any(one.overlaps(other) for one in some for other in several)


@dataclass(frozen=True, slots=True)
class Group:
    """Flows on one port between two networks."""

    client_network: str
    service_network: str
    port: int
    services: frozenset[Address]
    clients: frozenset[Address]

    @classmethod
    def of(cls, client_network: str, service_network: str, port: int, ends: Sequence[tuple[Address, Address]]) -> Group:
        """Collect (client, service) pairs."""
        clients, services = zip(*ends, strict=True)
        return cls(client_network, service_network, port, frozenset(services), frozenset(clients))

    def drops(self, services: str | None) -> tuple[Rule, ...]:
        """Return the rules that drop both directions; `services` is the network of the services if they have their own.

        Nothing is ever sent from a multicast address (RFC 1112 section 7.2, RFC 4291 section 2.7).
        """
        service = services or self.service_network
        there: Action = Assign(SRC, DST, {self.port}, drop=True)
        back: Action = Assign(DST, SRC, {self.port}, drop=True)
        rules = Rule(self.client_network, service, there), Rule(service, self.client_network, back)
        return tuple(rule for rule in rules if rule.src != MULTICAST)


def _loud(survey: Survey, trial: Trial) -> list[Group]:
    """Return the groups of flows that are large enough for a rule that drops them."""
    seen = survey.attempt(trial)
    base = counts(seen)
    flows = seen[seen.kind == Kind.FLOW]
    enumeration = trial.enumeration
    network_of: dict[Address, str] = {}
    ends: defaultdict[tuple[str, str, int], list[tuple[Address, Address]]] = defaultdict(list)
    for client, service, port in zip(flows.client.objects(), flows.remote.objects(), flows.port.tolist(), strict=True):
        for address in (client, service):
            if address not in network_of:
                place = enumeration.find(address)
                network_of[address] = place.name if place else ""
        ends[network_of[client], network_of[service], port].append((client, service))
    likely = [
        (client, service, port)
        for (client, service, port), pairs in ends.items()
        if client != MULTICAST and port and (port < EPHEMERAL or len(pairs) >= ENOUGH)  # a rule names no port 0
    ]
    largest = sorted(likely, key=lambda between: (-len(ends[between]), between))[:MOST_TRIED]
    groups = [Group.of(*between, ends[between]) for between in largest]
    costed = [(group, _cost_of(survey, trial, base, group.drops(None))) for group in groups]
    return [group for group, cost in costed if _is_loud(cost)]


def _is_loud(cost: Cost) -> bool:
    return max(cost.keys_removed, cost.packets_removed) >= LOUD


def _can_be_named(group: Group, loud: Sequence[Group]) -> bool:
    """Return whether the services may have a network of their own without affecting the rules of another group."""
    wanted = [other.clients | other.services for other in loud if other != group]
    is_free = all(ends.isdisjoint(group.services) for ends in [group.clients, *wanted])
    return group.service_network == OUTSIDE and len(group.services) <= MOST_NAMED and is_free


def _high(survey: Survey, trial: Trial, base: Mapping[str, int]) -> Proposal | None:
    """Propose rules for services on high ports, if they reduce the number of services in the keys."""
    found = high_ports(survey.packets.batches)
    ports = frozenset(port for port, wrong in found.most_common(MOST_PORTS) if wrong > 1)
    if not ports:
        return None
    rules = (Rule(None, OURS, PortMatch(ports, SRC)), Rule(OURS, None, PortMatch(ports, DST)))
    proposal = _propose(survey, trial, base, tuple(sorted(ports)), rules)
    return proposal if proposal.cost.services_after < proposal.cost.services_before else None


def _propose(
    survey: Survey, trial: Trial, base: Mapping[str, int], ports: tuple[int, ...], rules: tuple[Rule, ...]
) -> Proposal:
    return Proposal(ports, rules, _cost_of(survey, trial, base, rules))


def _cost_of(survey: Survey, trial: Trial, base: Mapping[str, int], rules: tuple[Rule, ...]) -> Cost:
    return Cost.between(base, counts(survey.attempt(replace(trial, rules=(*rules, *trial.rules)))))


def _busiest(survey: Survey, our_nets: Sequence[Network]) -> Iterator[tuple[Network, float]]:
    """Yield the three busiest prefixes that are not ours."""
    known = [*our_nets, UNSPECIFIED, *(prefix for entry in SPECIAL for prefix in entry.prefixes)]
    others = [(n, packets) for n, packets in survey.prefixes().most_common() if not _overlap(known, [n])]
    for network, packets in others[:3]:
        yield network, packets / max(survey.received, 1)
