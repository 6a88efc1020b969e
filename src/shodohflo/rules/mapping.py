"""The ordered rules, applied to one packet: the readable form, and the specification of the compiled one."""

from __future__ import annotations

import copy
import traceback
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Final, NamedTuple

from shodohflo.errors import closest
from shodohflo.model import rule_place
from shodohflo.rules.actions import Action, Observed, Opinion, describe, parse_action, rung
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shodohflo.model import Address, Rung
    from shodohflo.rules.networks import NetworkEnumeration

MOST_RULES: Final = 65_535
"""Rule numbers, and the next number after each, are 16 bits wide in the columns."""

LONGEST_SENTENCE: Final = 4_000
"""Characters of a rule's sentence; readers of a store take no text that is much longer."""


class ActionTimeoutError(BaseException):
    """Raised inside an action that takes too long; not an `Exception`, because an action may catch those."""

    def __init__(self, limit: float) -> None:
        """`limit` is in seconds."""
        super().__init__(f"did not answer within {limit:g} s")


class Ends(NamedTuple):
    """The part of a packet that rules see, in the order of the arguments of `Action.match`."""

    src_addr: Address
    src_port: int
    dst_addr: Address
    dst_port: int


@dataclass(frozen=True, slots=True)
class Rule:
    """An action for packets from one network to another; None is any network of the enumeration."""

    src: str | None
    dst: str | None
    action: Action

    @classmethod
    def parse(cls, given: object) -> Rule:
        """Parse (source network, destination network, action); a ValueError states what is wrong."""
        if not isinstance(given, tuple | list) or len(given) != 3:
            raise ValueError(f"{short_repr(given)} is not a rule; write (source network, destination network, action)")
        src, dst, action = given
        for name in (src, dst):
            if name is not None and not isinstance(name, str):
                raise ValueError(f"{short_repr(name)} is not a network; write its name, or None for any")
        return cls(src, dst, parse_action(action))

    def describe(self) -> str:
        """Describe the rule in one sentence."""
        src, dst = ("any network" if name is None else name for name in (self.src, self.dst))
        return f"from {src} to {dst}: {describe(self.action)}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision of the rules on one packet."""

    decision: Decision
    rule: int | None = None
    """The deciding rule, numbered from 0; None if none decided."""
    client: Address | None = None
    service: Address | None = None
    port: int = 0
    observed: int | None = None
    """The first `Observed` rule that the packet reached: the deciding one or one before it; None if there is none.

    Where there is evidence, that rule decides by it, and the other fields are what would be decided without.
    """


class FlowMapping:
    """The rules in the order in which they are tried; the first opinion decides.

    Each rule is (source network, destination network, action). The networks are names from NETWORK_ENUMERATION, or
    None for any network in it: no rule is tried for a packet with an address that is in no network.
    """

    rules: tuple[Rule, ...]
    pairs: tuple[tuple[int, int], ...]
    """The network ids of each rule, 0 for any; empty before `number_networks`."""
    failures: Counter[int]
    """How often the action of each rule raised an exception or gave a malformed answer."""
    last_failure: dict[int, str]
    """The most recent failure of each rule, as one line."""
    silent: set[int]
    """The rules whose actions took too long once, and are not asked again."""

    def __init__(self, *rules: object) -> None:
        """Parse the rules; raise ValueError with the place of a malformed one."""
        if len(rules) > MOST_RULES:
            raise ValueError(f"FLOW_MAPPING: {len(rules)} rules are too many; the limit is {MOST_RULES}")
        self.rules = tuple(_parse_rule(number, rule) for number, rule in enumerate(rules))
        self.failures = Counter()
        self.last_failure = {}
        self.silent = set()
        self._enumeration: NetworkEnumeration | None = None
        self.pairs = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """The description of each rule, by its number; of a rule with thousands of ports, its beginning."""
        return tuple(_shortened(rule.describe()) for rule in self.rules)

    @property
    def observes(self) -> bool:
        """Whether a rule leaves its verdicts to evidence, where there is any."""
        return any(isinstance(rule.action, Observed) for rule in self.rules)

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """What says which end is the service where each rule decides without evidence: `GUESSED` or `RULE`."""
        return tuple(rung(rule.action) for rule in self.rules)

    def number_networks(self, enumeration: NetworkEnumeration) -> FlowMapping:
        """Resolve the network names and return the mapping itself; required before it can match.

        Raise ValueError for a name that `enumeration` lacks, with the rule and the closest known name.
        """
        self.pairs = tuple(
            (_number(enumeration, number, rule.src), _number(enumeration, number, rule.dst))
            for number, rule in enumerate(self.rules)
        )
        self._enumeration = enumeration
        return self

    def numbered(self, enumeration: NetworkEnumeration) -> FlowMapping:
        """Return a copy with the same rules, numbered with `enumeration`, with counters of its own."""
        mapping = copy.copy(self)
        mapping.failures, mapping.last_failure, mapping.silent = Counter(), {}, set()
        return mapping.number_networks(enumeration)

    def match(
        self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int
    ) -> tuple[Address, Address, int] | None:
        """Return (client, service, port), or None if the packet is dropped or no rule has an opinion."""
        verdict = self.decide(src_addr, src_port, dst_addr, dst_port)
        if verdict.client is None or verdict.service is None:
            return None
        return verdict.client, verdict.service, verdict.port

    def decide(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Verdict:
        """Return the decision of the rules on a packet, and which rule made it."""
        if self._enumeration is None:
            raise ValueError("FLOW_MAPPING: call number_networks(NETWORK_ENUMERATION) before the first match")
        src_network, dst_network = self._enumeration.network(src_addr), self._enumeration.network(dst_addr)
        if src_network is None or dst_network is None:
            return Verdict(Decision.NO_NETWORK)
        ends = Ends(src_addr, src_port, dst_addr, dst_port)
        return self.first_opinion(self.reaching(src_network, dst_network), ends)

    def reaching(self, src_network: int, dst_network: int) -> tuple[int, ...]:
        """Return the numbers of the rules for packets between two networks, given by their ids."""
        return tuple(
            number
            for number, (src, dst) in enumerate(self.pairs)
            if src in (0, src_network) and dst in (0, dst_network)
        )

    def first_opinion(self, rules: Iterable[int], ends: Ends) -> Verdict:
        """Return the verdict of the first of `rules` that has an opinion on `ends`."""
        observed = None
        for number in rules:
            if observed is None and isinstance(self.rules[number].action, Observed):
                observed = number
            opinion = self._opinion(number, ends)
            if opinion is not None:
                return _verdict(number, opinion, ends, observed)
        return Verdict(Decision.NO_RULE, observed=observed)

    def _opinion(self, number: int, ends: Ends) -> Opinion:
        """Ask one rule; an exception or a malformed answer is counted and treated as no opinion."""
        if number in self.silent:
            return None
        try:
            opinion = _ask(self.rules[number].action, ends)
            if opinion is None or _is_well_formed(opinion):
                return opinion
            failure = f"answered {short_repr(opinion)}, which is not (client, service, port)"
        except Exception as error:  # noqa: BLE001 - an operator's code may raise anything; it must not end the agent
            failure = _raised(error)
        except ActionTimeoutError as late:
            self.silent.add(number)
            failure = f"{late} ({_place(late)}), and is not asked again until a configuration is loaded"
        self.failures[number] += 1
        self.last_failure[number] = failure
        return None


def _ask(action: Action, ends: Ends) -> Opinion:
    return action.match(*ends)


ASKING: Final = _ask.__code__
"""The code that a thread executes, further out, exactly while it is in an action; see `config.watchdog`."""


def _parse_rule(number: int, rule: object) -> Rule:
    try:
        return Rule.parse(rule)
    except ValueError as error:
        raise ValueError(f"{rule_place(number)}: {error}") from None


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST_SENTENCE else sentence[: LONGEST_SENTENCE - 3] + "..."


def _number(enumeration: NetworkEnumeration, rule: int, name: str | None) -> int:
    if name in enumeration.network_id:
        return enumeration.network_id[name]
    known = [each for each in enumeration.network_id if each is not None]
    nearest = closest(str(name), known, however_far=True)
    way_out = "it is empty" if nearest is None else f"did you mean {nearest!r}?"
    raise ValueError(f"{rule_place(rule)}: there is no network {name!r} in NETWORK_ENUMERATION; {way_out}")


def _is_well_formed(answer: object) -> bool:
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        return False
    client, service, port = answer
    if client is None and service is None:
        return port is None
    ends_are_addresses = all(isinstance(end, IPv4Address | IPv6Address) for end in (client, service))
    return ends_are_addresses and isinstance(port, int) and not isinstance(port, bool) and 0 <= port <= 65535


def _verdict(
    rule: int, opinion: tuple[Address, Address, int] | tuple[None, None, None], ends: Ends, observed: int | None
) -> Verdict:
    client, service, port = opinion
    if client is None or service is None or port is None:
        return Verdict(Decision.DROPPED, rule, observed=observed)
    if (client, service) == (ends.src_addr, ends.dst_addr):
        decision = Decision.SRC_IS_CLIENT
    elif (client, service) == (ends.dst_addr, ends.src_addr):
        decision = Decision.DST_IS_CLIENT
    else:
        decision = Decision.ANSWERED
    return Verdict(decision, rule, client, service, port, observed)


def _raised(error: Exception) -> str:
    """Return the exception and where it was raised, as one line."""
    # The message of an exception may have many lines; a log record has one.
    what = " ".join(traceback.format_exception_only(error)[-1].split())
    return f"raised {what} ({_place(error)})"


def _place(error: BaseException) -> str:
    """Return file and line where `error` was raised, or where `match` was if it took too long."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if isinstance(error, ActionTimeoutError):  # below `_opinion`, `_ask` and `match`, the place is a matter of chance
        frames = frames[:-1][:3]
    frame, line = frames[-1]
    return f"{frame.f_code.co_filename}, line {line}"
