"""Why a packet gets its keys: one packet followed through the order of decisions and the rules.

Outcome and keys come from a pipeline that is fed the packet as a frame. The reasons come from the plain questions of
`attribution.order` and from the readable rules. A property test checks that both agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shodohflo.analysis.check.copied_rules import copied
from shodohflo.analysis.frame import to_frames
from shodohflo.attribution.ledger import Outcome, meaning_of
from shodohflo.attribution.order import IGNORED, MESSAGES, ORDER
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.questions import Message
from shodohflo.capture.filters.libpcap import FilterError
from shodohflo.columns.batch import Quote
from shodohflo.keys import counts
from shodohflo.model import ICMP, address_text, entry_place, rule_place
from shodohflo.rules.actions import Observed, why_silent
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.attribution.order import Many, One, Question
    from shodohflo.attribution.policy import Policy
    from shodohflo.capture.filters.expression import CaptureFilter
    from shodohflo.model import Address
    from shodohflo.rules.mapping import FlowMapping, Verdict
    from shodohflo.rules.networks import NetworkEnumeration, Place
    from shodohflo.rules.packet import Packet


def note_of_filter(packet: Packet, passing: CaptureFilter | None) -> str:
    """Return in one line whether the filter lets `packet` through, if that is not a matter of course."""
    if passing is None:
        return ""
    try:
        passes = bool(passing.passed(to_frames([packet]))[0])
    except FilterError as error:
        return f"whether {passing.expression!r} lets it through, a packet without link header cannot show: {error}"
    return "" if passes else f"the filter {passing.expression!r} leaves it out before all this: it is not seen at all"


@dataclass(frozen=True, slots=True)
class EndInNetwork:
    """One end of the packet, and the network it is in."""

    address: Address
    place: Place | None
    """The entry and the prefix that hold it, or None if it is in no network."""

    @property
    def network(self) -> str | None:
        """The name of its network, if it is in one."""
        return self.place.name if self.place else None

    def as_dict(self) -> dict[str, object]:
        """Return a JSON object."""
        return {
            "address": address_text(self.address),
            "network": self.network,
            "entry": entry_place(self.place.entry) if self.place else None,
            "prefix": str(self.place.prefix) if self.place else None,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """A question or a rule that was asked about the packet, with the answer."""

    name: str
    """`reset` and the like, `FLOW_MAPPING[2]`, or `IGNORE_FLOW`."""
    applies: bool
    because: str
    sentence: str = ""
    """The description of a rule; empty for a question."""

    def as_dict(self) -> dict[str, object]:
        """Return a JSON object."""
        answer: dict[str, object] = {"name": self.name, "applies": self.applies, "because": self.because}
        return answer | ({"sentence": self.sentence} if self.sentence else {})


@dataclass(frozen=True, slots=True)
class Explanation:
    """The outcome of one packet, and the reasons."""

    packet: Packet
    source: EndInNetwork
    destination: EndInNetwork
    before: tuple[Asked, ...]
    """The questions of the order of decisions, up to the one that applies."""
    rules: tuple[Asked, ...]
    """The rules up to the one that decides; empty if the packet does not reach the rules."""
    after: tuple[Asked, ...]
    """IGNORE_FLOW, if it is set and the rules made a flow."""
    evidence: str
    """The rule, as `FLOW_MAPPING[2]`, that would decide by evidence about the packet's flow; empty if none would.

    One packet is explained without what was observed before it: outcome and keys are those without evidence.
    """
    outcome: str
    """As the ledger names it."""
    meaning: str
    keys: tuple[str, ...]
    """All keys under which the packet is counted."""

    def as_dict(self) -> dict[str, object]:
        """Return a JSON object."""
        return {
            "packet": self.packet.to_text(),
            "source": self.source.as_dict(),
            "destination": self.destination.as_dict(),
            "before": [step.as_dict() for step in self.before],
            "rules": [step.as_dict() for step in self.rules],
            "after": [step.as_dict() for step in self.after],
            "evidence": self.evidence or None,
            "outcome": self.outcome,
            "meaning": self.meaning,
            "keys": list(self.keys),
        }


def explain(packet: Packet, enumeration: NetworkEnumeration, mapping: FlowMapping, policy: Policy) -> Explanation:
    """Explain `packet` by networks, rules and policy of one configuration in force."""
    # Copies, because the actions are asked twice: one with a memory must answer both times as it would now, and the
    # live one must not change.
    pipeline = Pipeline(CompiledRules(enumeration, copied(mapping, enumeration)), policy)
    pipeline.ingest(to_frames([packet]))
    (outcome,) = (str(name) for name in pipeline.settle().outcomes)
    source, destination = (
        EndInNetwork(address, enumeration.find(address)) for address in (packet.src_addr, packet.dst_addr)
    )
    before = tuple(_before(packet, policy))
    comes_to_rules = not before[-1].applies and outcome != Outcome.NO_NETWORK
    observed = copied(mapping, enumeration).decide(*packet.ends).observed if comes_to_rules else None
    return Explanation(
        packet=packet,
        source=source,
        destination=destination,
        before=before,
        rules=tuple(_trail(packet, source, destination, copied(mapping, enumeration))) if comes_to_rules else (),
        after=tuple(_after(packet, policy)) if outcome in (Outcome.FLOW, Outcome.FLOW_IGNORED) else (),
        evidence="" if observed is None else rule_place(observed),
        outcome=outcome,
        meaning=meaning_of(outcome),
        keys=tuple(counts(pipeline.take())),
    )


def _before(packet: Packet, policy: Policy) -> Iterator[Asked]:
    """Yield the questions of the order of decisions, up to the one that applies."""
    if packet.protocol == ICMP:
        message = Message(packet.src_addr, packet.dst_addr, Quote.PORTS)
        return _asked(MESSAGES, message, policy)
    return _asked(ORDER, packet, policy)


def _asked(questions: Sequence[Question[One, Many]], packet: One, policy: Policy) -> Iterator[Asked]:
    for question in questions:
        reason = question.plain(packet, policy)
        yield Asked(question.step.label, reason.applies, reason.because)
        if reason.applies:
            return


def _trail(packet: Packet, source: EndInNetwork, destination: EndInNetwork, mapping: FlowMapping) -> Iterator[Asked]:
    """Yield the rules up to the one that decides without evidence, each with its reason."""
    unless = ""
    for number, rule in enumerate(mapping.rules):
        name, sentence = rule_place(number), rule.describe()
        elsewhere = [
            f"the {end} is in {found.network}"
            for end, named, found in (("source", rule.src, source), ("destination", rule.dst, destination))
            if named not in (None, found.network)
        ]
        if elsewhere:
            yield Asked(name, applies=False, because=" and ".join(elsewhere), sentence=sentence)
            continue
        if isinstance(rule.action, Observed):
            unless = "without evidence, "
        failures = mapping.failures[number]
        verdict = mapping.first_opinion([number], packet.ends)
        if verdict.decision != Decision.NO_RULE:
            yield Asked(name, applies=True, because=f"{unless}{_opinion(verdict)}", sentence=sentence)
            return
        failed = mapping.failures[number] > failures
        silence = why_silent(rule.action, packet.src_port, packet.dst_port)
        because = f"it {mapping.last_failure[number]}" if failed else silence
        yield Asked(name, applies=False, because=because, sentence=sentence)


def _opinion(verdict: Verdict) -> str:
    if verdict.client is None or verdict.service is None:
        return "the packet is dropped"
    client, service = address_text(verdict.client), address_text(verdict.service)
    return f"the client is {client}, the service {service}, on port {verdict.port}"


def _after(packet: Packet, policy: Policy) -> Iterator[Asked]:
    """Yield the answer of IGNORE_FLOW, if that is set."""
    if policy.ignored:
        reason = IGNORED.plain(packet, policy)
        yield Asked("IGNORE_FLOW", reason.applies, reason.because)
