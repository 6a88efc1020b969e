"""A rule reported as dead decides no packet, and every other rule has an example that it decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shodohflo.analysis.check.liveness import examine, find_dead
from shodohflo.analysis.check.model import Model
from shodohflo.analysis.check.words import rules_named
from shodohflo.config.findings import Code
from shodohflo.pcap_config import (
    DST,
    SRC,
    Assign,
    FlowMapping,
    LowerPort,
    MappingAction,
    NetworkEnumeration,
    Observed,
    PortMatch,
)
from support.rule_sets import OPERATORS, OURS, RuleSet, observed_by, rule_sets, second_opinion
from support.subjects import corner_packets, drawn, found, is_ours, model_of, subject

if TYPE_CHECKING:
    from shodohflo.model import Address
    from support.rule_sets import Packet


def without_evidence(rule_set: RuleSet, packet: Packet) -> int | None:
    """Return the rule that decides about a packet without evidence."""
    return second_opinion(rule_set, packet)[1]


def with_evidence(rule_set: RuleSet, packet: Packet) -> int | None:
    """Return the rule that decides about a packet with evidence."""
    observed = observed_by(rule_set, packet)
    return without_evidence(rule_set, packet) if observed is None else observed


def deciders(rule_set: RuleSet, packet: Packet) -> set[int | None]:
    """Return the rules that decide about a packet, with evidence or without."""
    return {without_evidence(rule_set, packet), with_evidence(rule_set, packet)} - {None}


@settings(max_examples=40, deadline=None)
@given(rule_sets(OURS), st.booleans())
def test_every_dead_rule_is_dead_and_every_other_is_shown_alive(rule_set: RuleSet, suppress: bool) -> None:  # noqa: FBT001 - drawn
    """The findings agree with an independent matcher over packets of every kind."""
    model = Model(drawn(rule_set, suppress=suppress))

    known = examine(model)

    deciding = {
        rule
        for packet in corner_packets(rule_set)
        if not (suppress and is_ours(packet[0]) and is_ours(packet[2]))
        for rule in deciders(rule_set, packet)
    }
    assert set(known.alive) == deciding
    assert known.tried == {}
    for rule, packet in known.alive.items():
        assert rule in deciders(rule_set, packet.ends)
        assert not (suppress and is_ours(packet.src_addr) and is_ours(packet.dst_addr))


@settings(max_examples=40, deadline=None)
@given(rule_sets(OURS | OPERATORS))
def test_with_operators_own_actions_nothing_false_is_said(rule_set: RuleSet) -> None:
    """With custom actions, a dead rule decides no packet, and a living one decides its example."""
    known = examine(Model(drawn(rule_set)))

    dead = set(range(len(rule_set.rules))) - known.alive.keys() - known.tried.keys()
    assert not dead & {rule for packet in corner_packets(rule_set) for rule in deciders(rule_set, packet)}
    for rule, packet in known.alive.items():
        assert rule in deciders(rule_set, packet.ends)


@settings(max_examples=20, deadline=None)
@given(rule_sets(OURS))
def test_the_rules_that_are_blamed_take_packets_of_the_dead_one(rule_set: RuleSet) -> None:
    """Every packet that a dead rule would decide is decided by one of the rules that the sentence names."""
    model = Model(drawn(rule_set))
    dead = {finding.place: finding for finding in find_dead(model)}

    for number, rule in enumerate(rule_set.rules):
        finding = dead.get(f"FLOW_MAPPING[{number}]")
        alone = RuleSet(rule_set.entries, (rule,))
        takers = {
            decide(rule_set, packet)
            for packet in corner_packets(rule_set)
            for decide in (without_evidence, with_evidence)
            if finding and decide(alone, packet) == 0
        }
        if takers:
            assert finding is not None
            assert f": {rules_named(n for n in takers if n is not None)} take" in finding.sentence


WORLD = NetworkEnumeration(("bert", "10.0.0.1/32"), ("six", "2001:db8::/64"), ("external", "0.0.0.0/0"))


@pytest.mark.parametrize(
    ("rules", "sentence", "witness"),
    [
        (
            [(None, None, LowerPort()), ("external", "bert", Assign(SRC, DST, {80}))],
            'on the destination port, if it is 80" never decides anything: FLOW_MAPPING[0] takes all its packets',
            "198.51.100.9:40000 > 10.0.0.1:80 udp",
        ),
        (
            [(None, "bert", PortMatch({80})), (None, "bert", PortMatch({443})), (None, None, PortMatch({80, 443}))],
            None,
            None,
        ),
        (
            [
                ("external", "bert", PortMatch({80})),
                ("external", "bert", Assign(SRC, DST, {443})),
                ("external", "bert", Assign(DST, DST, {80, 443})),
            ],
            "never decides anything: FLOW_MAPPING[0] and FLOW_MAPPING[1] take all its packets",
            "198.51.100.9:40000 > 10.0.0.1:443 udp",
        ),
        ([(None, None, MappingAction())], "never decides anything: its action never has an opinion", None),
        ([(None, None, Observed(MappingAction())), (None, "bert", LowerPort())], None, None),
        (
            [(None, None, Observed()), (None, "bert", PortMatch({80}))],
            "never decides anything: FLOW_MAPPING[0] takes all its packets",
            "198.51.100.9:80 > 10.0.0.1:40000 udp",
        ),
        (
            [(None, "bert", Observed(PortMatch({80}))), ("external", "bert", Observed(PortMatch({80})))],
            "never decides anything: FLOW_MAPPING[0] takes all its packets",
            "198.51.100.9:40000 > 10.0.0.1:443 udp",
        ),
        (
            [
                (None, "bert", PortMatch({22}, drop=True)),
                (None, "bert", Observed(PortMatch({80}))),
                ("external", "bert", Observed(MappingAction())),
            ],
            "never decides anything: FLOW_MAPPING[0] and FLOW_MAPPING[1] take all its packets",
            "198.51.100.9:40000 > 10.0.0.1:443 udp",
        ),
        ([(None, None, PortMatch(set()))], "never decides anything: its action never has an opinion", None),
        (
            [("bert", "six", LowerPort())],
            "no packet goes from bert to six, because they have no address family in common",
            None,
        ),
    ],
)
def test_a_dead_rule_is_told_with_its_reason(
    rules: list[tuple[str | None, str | None, object]], sentence: str | None, witness: str | None
) -> None:
    """The finding is one sentence with a packet that the rule was written for."""
    dead = [finding for finding in found(subject(WORLD, FlowMapping(*rules))) if finding.code == "DEAD-RULE"]

    if sentence is None:
        assert dead == []
        return
    assert sentence in dead[0].sentence
    assert (dead[0].witness.to_text() if dead[0].witness else None) == witness


def test_a_rule_between_our_own_hosts_is_dead_when_they_are_suppressed() -> None:
    """SUPPRESS_OWN_NETWORK decides before the rules are asked."""
    mapping = FlowMapping(("bert", "bert", LowerPort()), (None, None, LowerPort()))

    dead = [f for f in found(subject(WORLD, mapping, "10.0.0.0/8", suppress=True)) if f.code == "DEAD-RULE"]

    assert [finding.place for finding in dead] == ["FLOW_MAPPING[0]"]
    assert dead[0].sentence.endswith(
        "no packet of its networks comes to the rules: SUPPRESS_OWN_NETWORK is set, and both ends are in our networks"
    )
    assert dead[0].outcome == "left out: SUPPRESS_OWN_NETWORK is set, and both ends are in our networks"


def test_a_rule_of_an_entry_without_prefixes_is_dead() -> None:
    """An entry without prefixes is legal, and no address is in it."""
    enumeration = NetworkEnumeration(("empty",), ("all", "0.0.0.0/0"))

    (dead,) = [
        f for f in found(subject(enumeration, FlowMapping((None, "empty", LowerPort())))) if f.level == "warning"
    ]

    assert dead.sentence.endswith("no address is in empty, for want of a prefix")
    assert dead.witness is None


class Picky(MappingAction):
    """A custom action with an opinion on one port, which is an attribute."""

    def __init__(self, port: int) -> None:
        """Store the port."""
        self.port = port

    def match(
        self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int
    ) -> tuple[Address, Address, int] | None:
        """Return an opinion if one of the ports is the stored one."""
        return (src_addr, dst_addr, dst_port) if self.port in (dst_port, src_port) else None


class Failing(MappingAction):
    """A custom action that raises on low ports."""

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> None:
        """Raise an exception if the destination port is below 1024 and the lower one."""
        if src_addr != dst_addr and dst_port < 1024 and src_port > dst_port:
            raise ZeroDivisionError("a bad day")


def test_an_own_action_is_shown_alive_by_sampling_what_it_speaks_of() -> None:
    """Sampling finds the port among the attributes of the action, wherever the rule is."""
    known = examine(model_of(subject(WORLD, FlowMapping((None, "bert", Picky(27017)), (None, "bert", LowerPort())))))

    assert known.alive[0].dst_port == 27017
    assert set(known.alive) == {0, 1}


def test_an_own_action_that_was_never_seen_deciding_is_no_more_than_a_note() -> None:
    """The finding is a note, because sampling is no proof, and the sentence says so."""
    mapping = FlowMapping((None, None, LowerPort()), (None, None, Picky(1)), (None, "bert", Picky(99999)))

    dead, *_ = (finding for finding in found(subject(WORLD, mapping)) if "RULE" in finding.code)
    quiet = found(subject(WORLD, FlowMapping((None, "bert", Picky(99999)))))

    assert dead.code == "DEAD-RULE"  # nothing gets past the first rule, so this is proven
    assert [f.code for f in quiet if f.place == "FLOW_MAPPING[0]"] == ["UNPROVEN-RULE"]
    assert any("by sampling, no proof" in finding.sentence for finding in quiet)


def test_an_own_action_that_fails_is_a_warning_with_the_packet_it_failed_on() -> None:
    """The failure counters of the live rules do not change."""
    mapping = FlowMapping((None, "bert", Failing()), (None, None, LowerPort()))

    (failing,) = [f for f in found(subject(WORLD, mapping)) if f.code == "FAILING-ACTION"]

    assert "raised ZeroDivisionError: a bad day" in failing.sentence
    assert failing.sentence.endswith("(found by sampling)")
    assert failing.witness is not None
    assert failing.witness.dst_port < 1024
    assert mapping.failures == {}


def test_an_own_action_inside_observed_is_tried_although_the_rule_is_alive_by_evidence() -> None:
    """The rule is proven to be alive by any packet, and its action fails on some."""
    mapping = FlowMapping((None, "bert", Observed(Failing())), (None, None, LowerPort()))

    told = {f.code: f for f in found(subject(WORLD, mapping)) if f.place == "FLOW_MAPPING[0]"}

    assert set(told) == {Code.FAILING_ACTION}
    assert told[Code.FAILING_ACTION].outcome.endswith("by FLOW_MAPPING[1], without evidence")


def test_observed_behind_an_own_action_is_shown_alive_by_sampling() -> None:
    """Nothing is proven behind an action that may take everything, but packets that it leaves are found."""
    observed = [(None, "bert", Observed(MappingAction())), (None, "bert", Observed(Picky(7)))]

    known = examine(model_of(subject(WORLD, FlowMapping((None, "bert", Picky(22)), *observed))))

    assert set(known.alive) == {0, 1, 2}
    assert (known.alive[0].dst_port, known.alive[2].dst_port) == (22, 7)
    assert 22 not in {known.alive[1].src_port, known.alive[1].dst_port}
