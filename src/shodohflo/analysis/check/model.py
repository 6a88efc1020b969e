"""One configuration, ready to be asked: which rules meet between which addresses, and an example of everything."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from shodohflo.analysis.check.copied_rules import apart
from shodohflo.analysis.check.ports import Block, Chart, Takes, example
from shodohflo.analysis.check.space import FAMILIES, Piece, Space
from shodohflo.attribution.order import ORDER, Step, first_to_apply
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


_BEFORE_RULES: Final = {Step.OWN_NETWORK: "left out by SUPPRESS_OWN_NETWORK"}
"""What becomes of a UDP packet that never comes to the rules; a subject has no connections of the agent."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Addresses of one family that are all the same to the rules, and to whoever asks what is ours."""

    version: Family
    names: tuple[str, ...]
    """Their networks."""
    from_here: int
    to_here: int
    """The rules for what they send and for what they are sent, a bit for each."""
    is_ours: bool
    is_open: bool
    """Outsiders' addresses: not ours, and not named one by one."""
    examples: tuple[Address, Address]


@dataclass(frozen=True, slots=True)
class Pair:
    """Where packets go from and to."""

    src: Zone
    dst: Zone

    @property
    def rules(self) -> int:
        """The rules for them, a bit for each."""
        return self.src.from_here & self.dst.to_here

    @property
    def turned(self) -> Pair:
        """The other way round."""
        return Pair(self.dst, self.src)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules say of a packet."""

    verdict: Verdict
    failed: frozenset[int]
    """The rules whose own actions had no proper answer to it."""


class Model:
    """A configuration, worked out. Own actions are asked apart from the live ones, and only once about each packet."""

    def __init__(self, configuration: Configuration) -> None:
        """Cut up addresses and ports."""
        self.configuration = configuration
        self.policy = configuration.policy()
        rules = configuration.mapping.rules
        self.mapping = apart(configuration.mapping, configuration.networks)
        self.space = Space.cut(configuration.networks, configuration.our_nets)
        self.classes = PortClasses.compile(port_set(rule.action) for rule in rules if is_built_in(rule.action))
        self.takes = [Takes.ask(self.mapping, number, self.classes) for number in range(len(rules))]
        self._takes_all = sum(1 << number for number, takes in enumerate(self.takes) if takes.rest)
        self._charts: dict[int, Chart] = {}
        self._answers: dict[Ends, Answer] = {}

    @cached_property
    def zones(self) -> tuple[Zone, ...]:
        """All addresses that are in a network."""
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
        """The rules for each network, by its id: as source, and as destination."""
        networks = range(len(self.configuration.networks.network_id))
        src = [_bits(n for n, (src, _) in enumerate(self.mapping.pairs) if src in (0, network)) for network in networks]
        dst = [_bits(n for n, (_, dst) in enumerate(self.mapping.pairs) if dst in (0, network)) for network in networks]
        return src, dst

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs that packets to be judged by rules can have."""
        return tuple(
            Pair(src, dst)
            for version in FAMILIES
            for src in self.zones
            for dst in self.zones
            if src.version == dst.version == version and self.is_judged(Packet(src.examples[0], 0, dst.examples[1], 0))
        )

    @cached_property
    def exchanges(self) -> dict[tuple[int, int], Pair]:
        """An example for each two sets of rules that meet the one way and the other way round."""
        found: dict[tuple[int, int], Pair] = {}
        for pair in self.pairs:
            found.setdefault((pair.rules, pair.turned.rules), pair)
        return found

    @cached_property
    def intrusions(self) -> dict[int, Pair]:
        """An example for each set of rules that outsiders' packets meet."""
        found: dict[int, Pair] = {}
        for pair in self.pairs:
            if pair.src.is_open:
                found.setdefault(pair.rules, pair)
        return found

    @cached_property
    def meetings(self) -> dict[int, Pair]:
        """An example for each set of rules that meet."""
        found: dict[int, Pair] = {}
        for pair in self.pairs:
            found.setdefault(pair.rules, pair)
        return found

    def chart(self, rules: int) -> Chart:
        """Return who decides what where `rules` meet."""
        last = rules & self._takes_all
        if last:  # nothing gets past the first that takes all, which is its lowest bit
            rules &= ((last & -last) << 1) - 1
        if rules not in self._charts:
            self._charts[rules] = Chart.draw(numbers(rules), self.takes, len(self.classes))
        return self._charts[rules]

    def packet(self, pair: Pair, block: Block) -> Packet:
        """Return an example of a packet."""
        src_port, dst_port = example(self.classes, block)
        return Packet(pair.src.examples[0], src_port, pair.dst.examples[1], dst_port)

    def ask(self, packet: Packet) -> Answer:
        """Ask the rules about `packet`."""
        if packet.ends not in self._answers:
            before = self.mapping.failures.copy()
            verdict = self.mapping.decide(*packet.ends)
            self._answers[packet.ends] = Answer(verdict, frozenset(self.mapping.failures - before))
        return self._answers[packet.ends]

    def decides(self, rule: int, packet: Packet) -> bool:
        """Tell whether it is this rule that decides about `packet`."""
        return self.ask(packet).verdict.rule == rule

    def drops(self, rule: int, packet: Packet) -> bool:
        """Tell whether it is this rule that drops `packet`."""
        verdict = self.ask(packet).verdict
        return verdict.rule == rule and verdict.decision == Decision.DROPPED

    def records(self, packet: Packet) -> bool:
        """Tell whether the rules make a flow of `packet`."""
        return self.ask(packet).verdict.decision >= Decision.SRC_IS_CLIENT

    def outcome(self, packet: Packet) -> str:
        """Say what becomes of a UDP packet."""
        assert packet.protocol == UDP, "TCP flags decide before the rules do"
        decided = first_to_apply(ORDER, packet, self.policy)
        if decided:
            return _BEFORE_RULES[decided.step]
        verdict = self.ask(packet).verdict
        if verdict.decision == Decision.NO_NETWORK:
            return "unmatched: an address is in no network"
        if verdict.rule is None:
            return "unmatched: no rule has an opinion"
        by = rule_place(verdict.rule)
        if verdict.client is None or verdict.service is None:
            return f"dropped by {by}"
        return f"recorded as {address_text(verdict.client)};{address_text(verdict.service)};{verdict.port} by {by}"

    def is_judged(self, packet: Packet) -> bool:
        """Tell whether `packet` comes to the rules."""
        return first_to_apply(ORDER, packet, self.policy) is None

    def is_outsider(self, address: Address) -> bool:
        """Tell whether `address` is in a network, not ours, and not named by itself."""
        (piece,) = self.space.within(ip_network(address))
        return piece.is_open

    def sentence(self, rule: int) -> str:
        """Say a rule in its own words."""
        return self.mapping.rules[rule].describe()


def numbers(rules: int) -> Iterator[int]:
    """Yield the rules of a set, in order."""
    while rules:
        lowest = rules & -rules
        yield lowest.bit_length() - 1
        rules ^= lowest


def _bits(rules: Iterable[int]) -> int:
    return sum(1 << number for number in rules)


def _names(pieces: Sequence[Piece]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(piece.claim.name for piece in pieces if piece.claim))
