"""The model of a configuration: which rules meet, and the outcome of a packet in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from shodohflo.analysis.check.model import Model, numbers
from shodohflo.pcap_config import DST, SRC, Assign, FlowMapping, LowerPort, NetworkEnumeration, Observed, PortMatch
from shodohflo.rules.packet import Packet
from support.rule_sets import OURS, RuleSet, rule_sets
from support.subjects import corner_packets, drawn, is_ours, model_of, subject

WORLD = NetworkEnumeration(("ours", "192.168.0.0/16"), ("bert", "10.0.0.1/32"), ("external", "0.0.0.0/0"))
RULES = FlowMapping(("external", "bert", Assign(DST, SRC, {53}, drop=True)), (None, "bert", LowerPort()))


@settings(max_examples=30, deadline=None)
@given(rule_sets(OURS))
def test_the_meetings_are_those_that_packets_have(rule_set: RuleSet) -> None:
    """The sets of rules are exactly those of all packets, each with an example."""
    model = Model(drawn(rule_set, suppress=True))
    enumeration = rule_set.enumeration()

    expected = set()
    for src, _, dst, _ in corner_packets(rule_set):
        networks = enumeration.network(src), enumeration.network(dst)
        if None not in networks and not (is_ours(src) and is_ours(dst)):
            expected.add(model.mapping.reaching(*networks))  # type: ignore[arg-type] # no None, by the line above
    assert {tuple(numbers(rules)) for rules in model.meetings} == expected
    for rules, pair in model.meetings.items():
        networks = (enumeration.network(pair.src.examples[0]), enumeration.network(pair.dst.examples[1]))
        assert model.mapping.reaching(*networks) == tuple(numbers(rules))  # type: ignore[arg-type] # as above


@settings(max_examples=30, deadline=None)
@given(rule_sets(OURS))
def test_outsiders_are_neither_ours_nor_named_one_by_one(rule_set: RuleSet) -> None:
    """The examples of open zones are outsiders, and those of other zones are not."""
    for zone in Model(drawn(rule_set)).zones:
        for example in zone.examples:
            place = rule_set.enumeration().find(example)
            assert place is not None
            assert place.name in zone.names
            assert zone.is_ours == is_ours(example)
            assert zone.is_open == (not is_ours(example) and place.prefix.num_addresses > 1)


@pytest.mark.parametrize(
    ("packet", "outcome"),
    [
        ("198.51.100.9:53 > 10.0.0.1:22", "dropped by FLOW_MAPPING[0]"),
        ("198.51.100.9:40000 > 10.0.0.1:22", "recorded as 198.51.100.9;10.0.0.1;22 by FLOW_MAPPING[1]"),
        ("198.51.100.9:22 > 10.0.0.1:40000", "recorded as 10.0.0.1;198.51.100.9;22 by FLOW_MAPPING[1]"),
        ("198.51.100.9:40000 > 192.168.0.1:22", "unmatched: no rule has an opinion"),
        ("[2001:db8::1]:40000 > [2001:db8::2]:22", "unmatched: an address is in no network"),
        (
            "192.168.0.1:40000 > 192.168.0.2:22",
            "left out: SUPPRESS_OWN_NETWORK is set, and both ends are in our networks",
        ),
    ],
)
def test_what_becomes_of_a_packet_is_said_in_words(packet: str, outcome: str) -> None:
    """Each kind of outcome has its description."""
    model = model_of(subject(WORLD, RULES, "192.168.0.0/16", suppress=True))

    assert model.outcome(Packet.from_text(packet)) == outcome


def test_what_becomes_of_a_packet_without_evidence_is_said_to_be_that() -> None:
    """Any of these might be recorded otherwise by `Observed`, which is asked first."""
    rules = FlowMapping((None, "bert", Observed(PortMatch({22}))), (None, "bert", PortMatch({53}, drop=True)))
    model = model_of(subject(WORLD, rules, "192.168.0.0/16"))
    packets = [Packet.from_text(f"198.51.100.9:{port} > 10.0.0.1:1") for port in (22, 53, 7)]

    assert [model.outcome(packet) for packet in packets] == [
        "recorded as 10.0.0.1;198.51.100.9;22 by FLOW_MAPPING[0], without evidence",
        "dropped by FLOW_MAPPING[1], without evidence",
        "unmatched: no rule has an opinion, without evidence",
    ]
    assert [model.decides(0, packet) for packet in packets] == [True, True, True]
    assert [model.decides(1, packet) for packet in packets] == [False, True, False]


def test_a_set_of_rules_is_counted_from_its_lowest_bit() -> None:
    """The lowest bit is rule 0."""
    assert list(numbers(0b10110)) == [1, 2, 4]
    assert list(numbers(0)) == []
