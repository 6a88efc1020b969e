"""Uncovered pairs of networks and unused networks: all are found, and nothing else is."""

from __future__ import annotations

from hypothesis import given, settings

from shodohflo.analysis.check.coverage import find_uncovered
from shodohflo.analysis.check.model import Model
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
from support.rule_sets import OURS, RuleSet, first_holder, observed_by, rule_sets, second_opinion
from support.subjects import corner_packets, drawn, found, labels, subject

WORLD = NetworkEnumeration(
    ("ours", "192.168.0.0/16"), ("bert", "10.0.0.1/32"), ("ernie", "10.0.0.2/32"), ("external", "0.0.0.0/0", "::/0")
)


@settings(max_examples=20, deadline=None)
@given(rule_sets(OURS))
def test_a_pair_is_uncovered_exactly_if_no_packet_of_it_is_decided(rule_set: RuleSet) -> None:
    """The findings agree with an independent matcher over packets of every kind."""
    told = {
        (src, dst)
        for finding in find_uncovered(Model(drawn(rule_set)))
        for sources, destinations in [finding.place.split(" > ")]
        for src in sources.split(", ")
        for dst in destinations.split(", ")
    }

    decided: set[tuple[str | None, str | None]] = set()
    undecided: set[tuple[str | None, str | None]] = set()
    for packet in corner_packets(rule_set):
        said, rule = second_opinion(rule_set, packet)
        pair = first_holder(rule_set, packet[0]), first_holder(rule_set, packet[2])
        if said != "no network":
            by_evidence = observed_by(rule_set, packet) is not None
            (decided if by_evidence or rule is not None else undecided).add(pair)
    assert told == undecided - decided


def test_pairs_with_the_same_targets_are_reported_together() -> None:
    """One finding lists all sources with the same destinations, in the order of the configuration."""
    rules = FlowMapping((None, "ours", LowerPort()), ("ours", None, LowerPort()), ("external", "bert", PortMatch({1})))

    assert [label for label in labels(subject(WORLD, rules)) if label.startswith("UNCOVERED")] == [
        "UNCOVERED-PAIR bert, ernie > bert, ernie, external",
        "UNCOVERED-PAIR external > ernie, external",
    ]


def test_the_witness_of_an_uncovered_pair_is_unmatched() -> None:
    """The rules have no opinion on the example packet of the finding."""
    finding = next(f for f in found(subject(WORLD, FlowMapping())) if f.code == "UNCOVERED-PAIR")

    assert finding.level == "note"
    assert finding.witness is not None
    assert finding.outcome == "unmatched: no rule has an opinion"


def test_evidence_may_cover_anything() -> None:
    """A pair is covered by `Observed`, even if that has no opinion without evidence."""
    rules = FlowMapping((None, "ours", Observed(MappingAction())), ("ours", None, LowerPort()))

    assert [label for label in labels(subject(WORLD, rules)) if label.startswith("UNCOVERED")] == [
        "UNCOVERED-PAIR bert, ernie, external > bert, ernie, external"
    ]


class Own(MappingAction):
    """A custom action, which may have an opinion on any packet."""


def test_an_own_action_may_cover_anything() -> None:
    """No pair that a custom action is asked about is reported."""
    assert not any(label.startswith("UNCOVERED") for label in labels(subject(WORLD, FlowMapping((None, None, Own())))))


def test_networks_that_no_rule_names_are_reported() -> None:
    """A network with a prefix of length 0 is not reported."""
    rules = FlowMapping((None, "ours", LowerPort()), ("bert", None, Assign(SRC, DST)), (None, None, LowerPort(DST)))

    unused = [f for f in found(subject(WORLD, rules)) if f.code == "UNUSED-NETWORK"]

    assert [(finding.place, finding.sentence) for finding in unused] == [
        ("NETWORK_ENUMERATION[2]", "no rule names ernie")
    ]
    assert unused[0].outcome.endswith("by FLOW_MAPPING[2]")


def test_a_network_without_addresses_has_no_witness() -> None:
    """A finding about a network without prefixes has no example packet."""
    enumeration = NetworkEnumeration(("empty",), ("all", "0.0.0.0/0", "::/0"))

    (finding,) = found(subject(enumeration, FlowMapping((None, None, LowerPort()))))

    assert (finding.code, finding.witness) == ("UNUSED-NETWORK", None)
