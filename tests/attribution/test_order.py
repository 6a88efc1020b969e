"""The order of decisions: its plain form and its column form agree, and every step has one outcome."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.attribution.ledger import REFUSED, Outcome
from shodohflo.attribution.order import (
    IGNORED,
    JUDGED,
    MESSAGES,
    ORDER,
    OUTCOMES,
    Decisions,
    Step,
    decide,
    first_to_apply,
)
from shodohflo.attribution.policy import CompiledPolicy, Connection, Policy
from shodohflo.attribution.questions import Message
from shodohflo.columns.batch import Quote
from shodohflo.columns.merging import merge_packets
from shodohflo.model import ICMP, TCP, UDP
from shodohflo.pcap_config import DST, SRC, Assign, FlowMapping, LowerPort, NetworkEnumeration
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.packet import Packet
from shodohflo.rules.verdicts import Decision
from shodohflo.wire.refusals import Refusal
from support.made_packets import FAMILIES, batch_of, messages_of, packets, policies
from support.rule_sets import OPERATORS, OURS, rule_sets, second_opinion

if TYPE_CHECKING:
    from shodohflo.columns.batch import Family
    from shodohflo.model import Address
    from support.rule_sets import RuleSet

US = ip_network("192.168.0.0/16")
NETWORKS = NetworkEnumeration(("ours", US), ("far", "8.0.0.0/8"))
RULES = FlowMapping(
    ("far", "ours", Assign(DST, SRC, {53}, drop=True)),
    (None, "ours", LowerPort(SRC)),
    ("ours", None, LowerPort(DST)),
)
POLICY = Policy((US,))


def decided(*texts: str, policy: Policy = POLICY) -> Decisions:
    """Decide about packets written as text, by the rules above."""
    batch = batch_of([Packet.from_text(text) for text in texts])
    return decide(batch, CompiledRules(NETWORKS, RULES), CompiledPolicy(policy))


@st.composite
def decided_by(draw: st.DrawFn, rule_set: RuleSet, some: list[Packet]) -> Policy:
    """Make a policy that may own the connection of one of the packets."""
    own = draw(st.lists(st.sampled_from(some), max_size=2)) if some else []
    connections = (Connection(each.src_addr, each.src_port, each.dst_addr, each.dst_port) for each in own)
    turned = (Connection(each.dst_addr, each.dst_port, each.src_addr, each.src_port) for each in own[:1])
    return replace(draw(policies(rule_set)), own_connections=frozenset((*connections, *turned)))


@st.composite
def addresses_and_rules(draw: st.DrawFn) -> tuple[RuleSet, Family, st.SearchStrategy[Address]]:
    """Make rules of all kinds, and addresses of one family at the edges of their prefixes."""
    rule_set, family = draw(rule_sets(OURS | OPERATORS)), draw(st.sampled_from(FAMILIES))
    return rule_set, family, st.sampled_from(rule_set.addresses(family))


def step_of(packet: Packet, rule_set: RuleSet, policy: Policy) -> tuple[Step, int]:
    """Decide about one packet by the plain questions and the readable rules; return the rule as well, or 0."""
    question = first_to_apply(ORDER, packet, policy)
    if question is not None:
        return question.step, 0
    opinion, number = second_opinion(rule_set, packet.ends)
    if number is None:
        return (Step.NO_NETWORK if opinion == "no network" else Step.NO_RULE), 0
    if opinion == "drop":
        return Step.DROPPED, number
    return (Step.FLOW_IGNORED if IGNORED.plain(packet, policy).applies else Step.FLOW), number


@given(st.data())
def test_columns_decide_about_packets_as_the_plain_questions_do(data: st.DataObject) -> None:
    """The step and the rule of each row are those of its packet, for any rules, policy and packets."""
    rule_set, _, addresses = data.draw(addresses_and_rules())
    segments = packets(addresses).map(lambda one: replace(one, protocol=UDP) if one.protocol == ICMP else one)
    some = data.draw(st.lists(segments, min_size=1, max_size=30))
    policy = data.draw(decided_by(rule_set, some))
    batch, compiled = batch_of(some), CompiledPolicy(policy)

    decisions = decide(batch, CompiledRules(rule_set.enumeration(), rule_set.mapping()), compiled)

    expected = [step_of(packet, rule_set, policy) for packet in some]
    assert list(zip(decisions.step.tolist(), decisions.verdicts.rule.tolist(), strict=True)) == expected
    for question in (*ORDER, IGNORED):
        plain = [question.plain(packet, policy).applies for packet in some]
        assert question.columns(batch, compiled).tolist() == plain, question.step


@given(st.data())
def test_columns_decide_about_messages_as_the_plain_questions_do(data: st.DataObject) -> None:
    """The step of each row is that of its message, for any policy and messages."""
    rule_set, family, addresses = data.draw(addresses_and_rules())
    message = st.builds(Message, addresses, addresses, st.sampled_from(Quote))
    some = data.draw(st.lists(message, min_size=1, max_size=30))
    policy = data.draw(policies(rule_set))
    messages, compiled = messages_of(family, some), CompiledPolicy(policy)

    decisions = decide(messages, CompiledRules(rule_set.enumeration(), rule_set.mapping()), compiled)

    questions = [first_to_apply(MESSAGES, each, policy) for each in some]
    assert decisions.step.tolist() == [question.step for question in questions if question]
    for question in MESSAGES:
        plain = [question.plain(each, policy).applies for each in some]
        assert question.columns(messages, compiled).tolist() == plain, question.step


@given(st.data())
def test_merging_packets_does_not_change_what_is_decided(data: st.DataObject) -> None:
    """The rows of a merged batch end at the same steps, with as many packets at each."""
    rule_set, _, addresses = data.draw(addresses_and_rules())
    some = data.draw(st.lists(packets(addresses).map(lambda packet: replace(packet, protocol=TCP)), min_size=1))
    batch, policy = batch_of([*some, *some[::2]]), CompiledPolicy(data.draw(policies(rule_set)))
    merged, rules = merge_packets(batch), CompiledRules(rule_set.enumeration(), rule_set.mapping())

    one, other = decide(batch, rules, policy), decide(merged, rules, policy)

    counted = [np.bincount(d.step, b.packets, len(Step)).tolist() for d, b in ((one, batch), (other, merged))]
    assert counted[0] == counted[1]


def test_each_step_before_the_rules_is_asked_for_once() -> None:
    """No table lists a step twice, and every step is reached by a table or by the rules."""
    steps = [question.step for question in (*ORDER, IGNORED)]
    of_messages = [question.step for question in MESSAGES]

    assert len({*steps}) == len(steps)
    assert len({*of_messages}) == len(of_messages)
    assert {*steps, *of_messages, *(judgement.step for judgement in JUDGED)} == {*Step} == {*OUTCOMES}
    assert sorted(decision for judgement in JUDGED for decision in judgement.decisions) == sorted(Decision)


def test_every_outcome_belongs_to_one_step() -> None:
    """The ledger's words and the steps are the same list; what filters, decoders and marks decide is not."""
    quotes = {REFUSED.format(reason) for reason in Refusal if reason.startswith("quote_")}

    assert len({*OUTCOMES.values()}) == len(OUTCOMES)
    assert {*Outcome} - {Outcome.SENT, Outcome.EXCLUDED} | quotes == {
        outcome for step, outcome in OUTCOMES.items() if step != Step.DROPPED
    }


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("8.8.8.8:1 > 192.168.0.1:2 tcp rst syn", Step.RESET),
        ("192.168.0.1:1 > 8.8.8.8:2 tcp rst", Step.RESET_ELSEWHERE),
        ("192.168.0.1:1 > 192.168.0.2:2 tcp syn", Step.OWN_NETWORK),
        ("192.168.0.1:1 > 8.8.8.8:2 tcp syn", Step.HANDSHAKE),
        ("192.168.0.1:1 > 9.9.9.9:2 udp", Step.NO_NETWORK),
        ("8.8.8.8:1 > 8.8.4.4:2 udp", Step.NO_RULE),
        ("8.8.8.8:53 > 192.168.0.1:2 udp", Step.DROPPED),
        ("8.8.8.8:443 > 192.168.0.1:40000 udp", Step.FLOW),
    ],
)
def test_the_first_question_that_applies_decides(text: str, step: Step) -> None:
    """Each step that TCP and UDP can reach without further settings decides its example packet."""
    decisions = decided(text, policy=replace(POLICY, suppress_own_network=True))

    assert decisions.step.tolist() == [step]


def test_rows_keep_their_places_when_only_some_of_them_come_to_the_rules() -> None:
    """Verdicts are at the rows that the rules decided; the other rows are zeros."""
    decisions = decided(
        "8.8.8.8:1 > 192.168.0.1:2 tcp rst",
        "192.168.0.1:40000 > 8.8.8.8:443 udp",
        "192.168.0.1:40000 > 8.8.8.8:443 tcp syn",
        "8.8.8.8:53 > 192.168.0.1:40000 udp",
    )

    assert len(decisions) == 4
    assert decisions.step.tolist() == [Step.RESET, Step.FLOW, Step.HANDSHAKE, Step.DROPPED]
    assert decisions.verdicts.port.tolist()[:3] == [0, 443, 0]
    assert decisions.verdicts.rule.tolist() == [0, 2, 0, 0]
    assert [decisions.outcome(row) for row in range(4)] == [
        "recorded.rst",
        "recorded.flow",
        "handshake",
        "dropped.FLOW_MAPPING[0]",
    ]


def test_the_label_of_a_step_is_its_name_in_words() -> None:
    """The label of a step is its name in lower case with spaces, as `explain` prints it."""
    assert Step.RESET_ELSEWHERE.label == "reset elsewhere"
