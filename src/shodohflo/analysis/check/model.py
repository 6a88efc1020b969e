"""The model of a configuration: which rules apply between which addresses, with an example packet for each case.

`attribution.order` decides which packets reach the rules. It is asked about one example of each pair of zones, because
the addresses of a zone are alike in everything that its questions look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from typing import TYPE_CHECKING

from shodohflo.analysis.check.copied_rules import copied
from shodohflo.analysis.check.ports import Block, Chart, Takes, example
from shodohflo.analysis.check.space import FAMILIES, Piece, Space
from shodohflo.attribution.order import JUDGEMENTS, ORDER, first_to_apply
from shodohflo.model import UDP, address_text, rule_place
from shodohflo.rules.actions import is_built_in
from shodohflo.rules.packet import Packet
from shodohflo.rules.table import PortClasses, port_set
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.columns.batch import Family
    from shodohflo.config import Configuration
    from shodohflo.model import Address
    from shodohflo.rules.mapping import Ends, Verdict


@dataclass(frozen=True, slots=True)
class Zone:
    """Addresses of one family that no rule and no question of the order of decisions tells apart."""

    version: Family
    names: tuple[str, ...]
    """The networks that they are in."""
    from_here: int
    to_here: int
    """The rules for packets from and to these addresses, as bit masks."""
    is_ours: bool
    is_open: bool
    """Whether anybody may have these addresses: not ours, and not the only address of their prefix."""
    examples: tuple[Address, Address]


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and a destination."""

    src: Zone
    dst: Zone

    @property
    def rules(self) -> int:
        """The rules for packets from `src` to `dst`, as a bit mask."""
        return self.src.from_here & self.dst.to_here

    @property
    def turned(self) -> Pair:
        """The other direction."""
        return Pair(self.dst, self.src)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules decide about a packet."""

    verdict: Verdict
    failed: frozenset[int]
    """The rules whose custom actions raised or returned something malformed."""


class Model:
    """The rules and addresses of a configuration; what follows from them is computed on demand.

    Custom actions are copied, so that live ones do not change, and asked only once about each packet.
    """

    def __init__(self, configuration: Configuration) -> None:
        """Divide the addresses and the ports into those that `configuration` tells apart."""
        self.configuration = configuration
        self.policy = configuration.policy()
        rules = configuration.mapping.rules
        self.mapping = copied(configuration.mapping, configuration.networks)
        self.space = Space.cut(configuration.networks, configuration.our_nets)
        self.classes = PortClasses.compile(port_set(rule.action) for rule in rules if is_built_in(rule.action))
        self.takes = [Takes.ask(self.mapping, number, self.classes) for number in range(len(rules))]
        self._takes_all = sum(1 << number for number, takes in enumerate(self.takes) if takes.rest)
        self._charts: dict[int, Chart] = {}
        self._answers: dict[Ends, Ruling] = {}

    @cached_property
    def zones(self) -> tuple[Zone, ...]:
        """The zones; together, all addresses that are in a network."""
        by_kind: dict[tuple[Family, int, int, bool, bool], list[Piece]] = {}
        for piece in self.space.pieces:
            if piece.claim is not None:
                network = self.configuration.networks.network_id[piece.claim.name]
                from_here, to_here = self._naming[0][network], self._naming[1][network]
                by_kind.setdefault((piece.version, from_here, to_here, piece.is_ours, piece.is_open), []).append(piece)
        return tuple(
            Zone(version, _names(pieces), from_here, to_here, is_ours, is_open, Space.foremost(pieces).examples())
            for (version, from_here, to_here, is_ours, is_open), pieces in by_kind.items()
        )

    @cached_property
    def _naming(self) -> tuple[list[int], list[int]]:
        """The rules for each network as source, and as destination, by network id."""
        networks = range(len(self.configuration.networks.network_id))
        src = [_bits(n for n, (src, _) in enumerate(self.mapping.pairs) if src in (0, network)) for network in networks]
        dst = [_bits(n for n, (_, dst) in enumerate(self.mapping.pairs) if dst in (0, network)) for network in networks]
        return src, dst

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs of zones whose packets reach the rules."""
        return tuple(
            Pair(src, dst)
            for version in FAMILIES
            for src in self.zones
            for dst in self.zones
            if src.version == dst.version == version and self.is_judged(Packet(src.examples[0], 0, dst.examples[1], 0))
        )

    @cached_property
    def exchanges(self) -> dict[tuple[int, int], Pair]:
        """One pair for each combination of the rules for it and the rules for the other direction."""
        found: dict[tuple[int, int], Pair] = {}
        for pair in self.pairs:
            found.setdefault((pair.rules, pair.turned.rules), pair)
        return found

    @cached_property
    def intrusions(self) -> dict[int, Pair]:
        """One pair for each set of rules that packets of outsiders reach."""
        found: dict[int, Pair] = {}
        for pair in self.pairs:
            if pair.src.is_open:
                found.setdefault(pair.rules, pair)
        return found

    @cached_property
    def meetings(self) -> dict[int, Pair]:
        """One pair for each set of rules."""
        found: dict[int, Pair] = {}
        for pair in self.pairs:
            found.setdefault(pair.rules, pair)
        return found

    def chart(self, rules: int) -> Chart:
        """Return which of `rules` decides each pair of ports."""
        last = rules & self._takes_all
        if last:  # nothing gets past the first that takes all, which is its lowest bit
            rules &= ((last & -last) << 1) - 1
        if rules not in self._charts:
            self._charts[rules] = Chart.draw(numbers(rules), self.takes, len(self.classes))
        return self._charts[rules]

    def packet(self, pair: Pair, block: Block) -> Packet:
        """Return an example of a packet of `pair` with ports of `block`."""
        src_port, dst_port = example(self.classes, block)
        return Packet(pair.src.examples[0], src_port, pair.dst.examples[1], dst_port)

    def ask(self, packet: Packet) -> Ruling:
        """Return what the rules decide about `packet`."""
        if packet.ends not in self._answers:
            before = self.mapping.failures.copy()
            verdict = self.mapping.decide(*packet.ends)
            self._answers[packet.ends] = Ruling(verdict, frozenset(self.mapping.failures - before))
        return self._answers[packet.ends]

    def decides(self, rule: int, packet: Packet) -> bool:
        """Return whether `rule` decides about `packet`, with evidence or without."""
        verdict = self.ask(packet).verdict
        return rule in (verdict.rule, verdict.observed)

    def drops(self, rule: int, packet: Packet) -> bool:
        """Return whether `rule` drops `packet`, if there is no evidence."""
        verdict = self.ask(packet).verdict
        return verdict.rule == rule and verdict.decision == Decision.DROPPED

    def recorder(self, packet: Packet, dropped: Packet) -> str:
        """Return the rule that records `packet` as a flow, in words, although another drops `dropped`; empty if none.

        Evidence counts if it would not have `dropped` recorded as well.
        """
        verdict, other = self.ask(packet).verdict, self.ask(dropped).verdict
        if verdict.rule is not None and verdict.decision >= Decision.SRC_IS_CLIENT:
            return rule_place(verdict.rule)
        if verdict.observed is not None and other.observed is None:
            return f"{rule_place(verdict.observed)}, where there is evidence,"
        return ""

    def outcome(self, packet: Packet) -> str:
        """Describe what becomes of a UDP packet, if there is no evidence."""
        assert packet.protocol == UDP, "TCP flags decide before the rules do"
        decided = first_to_apply(ORDER, packet, self.policy)
        if decided:
            return f"left out: {decided.words}"
        verdict = self.ask(packet).verdict
        judgement = JUDGEMENTS[verdict.decision]
        unless = "" if verdict.observed is None else ", without evidence"
        if verdict.rule is None:
            return f"{judgement.outcome.partition('.')[0]}: {judgement.words}{unless}"
        by = f"{rule_place(verdict.rule)}{unless}"
        if verdict.client is None or verdict.service is None:
            return f"dropped by {by}"
        return f"recorded as {address_text(verdict.client)};{address_text(verdict.service)};{verdict.port} by {by}"

    def is_judged(self, packet: Packet) -> bool:
        """Return whether `packet` reaches the rules."""
        return first_to_apply(ORDER, packet, self.policy) is None

    def is_outsider(self, address: Address) -> bool:
        """Return whether anybody may have `address`: in a network, not ours, and not the only one of its prefix."""
        (piece,) = self.space.within(ip_network(address))
        return piece.is_open

    def sentence(self, rule: int) -> str:
        """Return the description of a rule."""
        return self.mapping.rules[rule].describe()


def numbers(rules: int) -> Iterator[int]:
    """Yield the numbers of the rules in a bit mask, in order."""
    while rules:
        lowest = rules & -rules
        yield lowest.bit_length() - 1
        rules ^= lowest


def _bits(rules: Iterable[int]) -> int:
    return sum(1 << number for number in rules)


def _names(pieces: Sequence[Piece]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(piece.claim.name for piece in pieces if piece.claim))
