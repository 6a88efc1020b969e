"""The order of decisions: what becomes of every decoded packet. This is the only place where it is stated.

A TCP or UDP packet is asked the questions of `ORDER`, an ICMP message those of `MESSAGES`; the first question that
applies decides. A packet to which no question of `ORDER` applies goes to the rules, and `JUDGED` has a row for each of
their decisions. `IGNORED` is asked last, of packets for which the rules found a client.

Where the rules come to one with `Observed`, and the ladder of evidence (`evidence.ladder`) has an answer for the flow,
it decides in their place; evidence is taken from all packets of a batch before, also from those that a question
decides. The plain forms are about one packet, of whose flow nothing was seen: they say what is decided without.

Each question has a plain form, which answers for one packet with a reason, and a column form, which answers for all
rows of a batch at once. The plain form is the specification: `explain` and `check` use it, `decide` uses the columns,
and a property test checks that they agree. `questions` has both forms side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numpy as np

from shodohflo.attribution import questions as ask
from shodohflo.attribution.ledger import DROPPED, REFUSED, Outcome
from shodohflo.columns.batch import Batch, Messages, Quote
from shodohflo.rules.verdicts import Decision, Verdicts
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.verdicts import Heard
    from shodohflo.attribution.policy import CompiledPolicy, Policy
    from shodohflo.attribution.questions import Mask, Message, Reason
    from shodohflo.rules.compiler import CompiledRules
    from shodohflo.rules.packet import Packet


class Step(IntEnum):
    """What decided about a packet; every packet ends at exactly one step."""

    OWN_TRAFFIC = 0
    RESET = 1
    RESET_ELSEWHERE = 2
    OWN_NETWORK = 3
    HANDSHAKE = 4
    NO_NETWORK = 5
    NO_RULE = 6
    DROPPED = 7
    FLOW = 8
    FLOW_IGNORED = 9
    UNREACHABLE = 10
    QUOTE_CUT = 11
    QUOTE_FRAGMENT = 12
    QUOTE_MALFORMED = 13
    ICMP_OTHER = 14

    @property
    def label(self) -> str:
        """The name as people read it, such as `own traffic`."""
        return self.name.lower().replace("_", " ")


One = TypeVar("One", "Packet", "Message")
Many = TypeVar("Many", Batch, Messages)


@dataclass(frozen=True, slots=True)
class Question(Generic[One, Many]):
    """One row of the order of decisions."""

    step: Step
    outcome: str
    """What the ledger counts where this question decides."""
    words: str
    """The condition in words, for the reference page."""
    plain: Callable[[One, Policy], Reason]
    """Whether the question applies to one packet, and why."""
    columns: Callable[[Many, CompiledPolicy], Mask]
    """To which rows of a batch the question applies, including rows that an earlier question decides."""


_OWN_NETWORK: Final[Question[Any, Any]] = Question(
    Step.OWN_NETWORK,
    Outcome.OWN_NETWORK,
    "SUPPRESS_OWN_NETWORK is set, and both ends are in our networks",
    plain=ask.is_own_network,
    columns=ask.own_network_rows,
)
"""For packets and for messages."""

ORDER: Final[tuple[Question[Packet, Batch], ...]] = (
    Question(
        Step.OWN_TRAFFIC,
        Outcome.OWN_TRAFFIC,
        "it belongs to a connection of the agent to its store",
        plain=ask.is_own_traffic,
        columns=ask.own_traffic_rows,
    ),
    Question(
        Step.RESET,
        Outcome.RESET,
        "it has RST, and its destination is in our networks",
        plain=ask.is_reset_to_us,
        columns=ask.reset_to_us_rows,
    ),
    Question(
        Step.RESET_ELSEWHERE,
        Outcome.RESET_ELSEWHERE,
        "it has RST",
        plain=ask.is_reset,
        columns=ask.reset_rows,
    ),
    _OWN_NETWORK,
    Question(
        Step.HANDSHAKE,
        Outcome.HANDSHAKE,
        "it has SYN or FIN",
        plain=ask.is_handshake,
        columns=ask.handshake_rows,
    ),
)
"""For TCP and UDP packets, before the rules."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One row for what the rules decide about packets to which no question of `ORDER` applies."""

    step: Step
    outcome: str
    """What the ledger counts; for `Step.DROPPED` it is a template for the rule number."""
    words: str
    decisions: tuple[Decision, ...]
    """The decisions of the rules that lead to this step."""

    @property
    def has_rule(self) -> bool:
        """Whether one rule decided."""
        return min(self.decisions) > Decision.NO_RULE


JUDGED: Final = (
    Judgement(
        Step.NO_NETWORK,
        Outcome.NO_NETWORK,
        "an address is in no network",
        (Decision.NO_NETWORK,),
    ),
    Judgement(
        Step.NO_RULE,
        Outcome.NO_RULE,
        "no rule has an opinion",
        (Decision.NO_RULE,),
    ),
    Judgement(
        Step.DROPPED,
        DROPPED,
        "the first rule with an opinion drops it",
        (Decision.DROPPED,),
    ),
    Judgement(
        Step.FLOW,
        Outcome.FLOW,
        "the first rule with an opinion names client, service and port; an `Observed` rule has one where there is "
        "evidence",
        (Decision.SRC_IS_CLIENT, Decision.DST_IS_CLIENT, Decision.ANSWERED),
    ),
)
"""For packets to which no question of `ORDER` applies."""

JUDGEMENTS: Final = {decision: judgement for judgement in JUDGED for decision in judgement.decisions}
"""The rows of `JUDGED` by the decision of the rules."""

IGNORED: Final[Question[Packet, Batch]] = Question(
    Step.FLOW_IGNORED,
    Outcome.FLOW_IGNORED,
    "IGNORE_FLOW holds the address and the port of one end",
    plain=ask.is_ignored,
    columns=ask.ignored_rows,
)
"""For packets that the rules made a flow."""


def _about_quotes(step: Step, outcome: str, words: str, quote: Quote) -> Question[Message, Messages]:
    return Question(step, outcome, words, plain=partial(ask.is_quote, quote), columns=partial(ask.quote_rows, quote))


MESSAGES: Final[tuple[Question[Message, Messages], ...]] = (
    _about_quotes(
        Step.UNREACHABLE,
        Outcome.UNREACHABLE,
        "it is an unreachable to our networks, and quotes both ports",
        Quote.PORTS,
    ),
    _about_quotes(
        Step.QUOTE_CUT,
        REFUSED.format(Refusal.QUOTE_CUT),
        "it is an unreachable to our networks whose quote is too short",
        Quote.CUT,
    ),
    _about_quotes(
        Step.QUOTE_FRAGMENT,
        REFUSED.format(Refusal.QUOTE_FRAGMENT),
        "it is an unreachable to our networks that quotes a later fragment",
        Quote.FRAGMENT,
    ),
    _about_quotes(
        Step.QUOTE_MALFORMED,
        REFUSED.format(Refusal.QUOTE_MALFORMED),
        "it is an unreachable to our networks that quotes no IP packet",
        Quote.MALFORMED,
    ),
    _OWN_NETWORK,
    Question(
        Step.ICMP_OTHER,
        Outcome.ICMP_OTHER,
        "it is any other ICMP message",
        plain=ask.is_any_message,
        columns=ask.any_message_rows,
    ),
)
"""For ICMP and ICMPv6 messages; the last question applies to all of them."""

OUTCOMES: Final = {
    **{question.step: question.outcome for question in (*ORDER, IGNORED)},
    **{question.step: question.outcome for question in MESSAGES},
    **{judgement.step: judgement.outcome for judgement in JUDGED},
}
"""The outcome that the ledger counts for each step; for `Step.DROPPED` it is a template for the rule number."""


def first_to_apply(questions: Sequence[Question[One, Many]], packet: One, policy: Policy) -> Question[One, Many] | None:
    """Return the question that decides about `packet`, or None if none applies."""
    return next((question for question in questions if question.plain(packet, policy).applies), None)


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided about a batch or about messages: one row for each of their rows, in the same order."""

    step: NDArray[np.uint8]
    """A `Step`."""
    verdicts: Verdicts
    """What was decided for the rules; zeros in rows that an earlier question decided."""
    said: Verdicts | None = None
    """What the rules said, before evidence took the place of some; None for messages."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.step)

    def outcome(self, row: int) -> str:
        """Return what the ledger counts for the packets of `row`."""
        return OUTCOMES[Step(self.step[row])].format(self.verdicts.rule[row])


_RULES: Final = 0xFF
"""Marks rows in a column of steps that the rules have yet to decide."""

_STEP_OF_DECISION: Final = np.array([JUDGEMENTS[decision].step for decision in sorted(Decision)], np.uint8)


def decide(
    rows: Batch | Messages, rules: CompiledRules, policy: CompiledPolicy, heard: Heard | None = None
) -> Decisions:
    """Decide about every row, which is one or more packets that no question and no rule tells apart.

    `heard` is the evidence of the flows of a batch, for what the rules leave to it.
    """
    if isinstance(rows, Messages):
        return Decisions(_first_steps(MESSAGES, rows, policy), Verdicts.zeros(len(rows), ()))
    step = _first_steps(ORDER, rows, policy)
    left = step == _RULES
    said = rules.judge(rows, left)
    verdicts = said if heard is None else heard.settle(said)
    return Decisions(np.where(left, _judged_steps(rows, verdicts, policy), step), verdicts, said)


def _first_steps(questions: Sequence[Question[One, Many]], rows: Many, policy: CompiledPolicy) -> NDArray[np.uint8]:
    """Return for each row the step of the first question that applies, or `_RULES`."""
    # Last to first, so that an earlier question overwrites a later one. Each is cheap where it rarely applies.
    step = np.full(len(rows), _RULES, np.uint8)
    for question in reversed(questions):
        step[question.columns(rows, policy)] = question.step
    return step


def _judged_steps(batch: Batch, verdicts: Verdicts, policy: CompiledPolicy) -> NDArray[np.uint8]:
    """Return the step of each row that reached the rules, and any step for the others."""
    step = _STEP_OF_DECISION[verdicts.decision]
    step[IGNORED.columns(batch, policy) & (step == Step.FLOW)] = Step.FLOW_IGNORED
    return step
