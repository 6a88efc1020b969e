"""Spoofable drops and one-way drops: all are found, and nothing else is."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from shodohflo.analysis.check.drops import find_one_way, find_spoofable
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
from support.rule_sets import DROP, OURS, RuleSet, observed_by, rule_sets, second_opinion
from support.subjects import corner_packets, drawn, found, is_ours, subject

if TYPE_CHECKING:
    from shodohflo.model import Address
    from shodohflo.rules.actions import Opinion
    from support.rule_sets import Packet

WORLD = NetworkEnumeration(
    ("ours", "192.168.0.0/16"), ("bert", "10.0.0.1/32"), ("dns", "9.9.9.9/32"), ("external", "0.0.0.0/0")
)


def is_outsider(rule_set: RuleSet, address: Address) -> bool:
    """Return whether an address is not ours, and not the only one of its prefix."""
    place = rule_set.enumeration().find(address)
    return place is not None and place.prefix.num_addresses > 1 and not is_ours(address)


def goes_by_source_port(rule_set: RuleSet, number: int) -> frozenset[int]:
    """Return the source ports by which a rule drops."""
    match rule_set.rules[number][2]:
        case ("port", ports, _, True):
            return frozenset(ports)
        case ("assign", _, "src", frozenset() as ports, True):
            return ports
    return frozenset()


def is_recorded(rule_set: RuleSet, packet: Packet, dropped: Packet) -> bool:
    """Return whether a packet becomes a flow, without evidence, or by some that does not save a dropped packet."""
    by_evidence = observed_by(rule_set, packet) is not None and observed_by(rule_set, dropped) is None
    return by_evidence or isinstance(second_opinion(rule_set, packet)[0], tuple)


@settings(max_examples=30, deadline=None)
@given(rule_sets(OURS))
def test_a_drop_is_spoofable_exactly_if_another_source_port_would_be_recorded(rule_set: RuleSet) -> None:
    """The findings agree with an independent matcher over packets of every kind."""
    told = {finding.place for finding in find_spoofable(Model(drawn(rule_set)))}

    packets = [(packet, *second_opinion(rule_set, packet)) for packet in corner_packets(rule_set)]
    others = defaultdict(list)
    for packet, *_ in packets:
        others[packet[0], packet[2:]].append(packet)
    hidden = {
        f"FLOW_MAPPING[{rule}]"
        for packet, said, rule in packets
        if said == DROP and rule is not None and packet[1] in goes_by_source_port(rule_set, rule)
        if is_outsider(rule_set, packet[0])
        if any(is_recorded(rule_set, other, packet) for other in others[packet[0], packet[2:]])
    }
    assert told == hidden


@settings(max_examples=30, deadline=None)
@given(rule_sets(OURS))
def test_a_drop_is_one_way_exactly_if_the_packet_back_would_be_recorded(rule_set: RuleSet) -> None:
    """The findings agree with an independent matcher, and the rule drops the example packet."""
    findings = list(find_one_way(Model(drawn(rule_set))))

    halves = set()
    for packet in corner_packets(rule_set):
        said, rule = second_opinion(rule_set, packet)
        if said == DROP and is_recorded(rule_set, (*packet[2:], *packet[:2]), packet):
            halves.add(f"FLOW_MAPPING[{rule}]")
    assert {finding.place for finding in findings} == halves
    for finding in findings:
        assert finding.witness is not None
        assert second_opinion(rule_set, finding.witness.ends)[0] == DROP


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        (("external", "bert", Assign(DST, SRC, {53}, drop=True)), {"SPOOFABLE-DROP"}),
        (("external", "bert", PortMatch({53}, drop=True)), {"SPOOFABLE-DROP"}),
        ((None, "bert", Assign(DST, SRC, {53}, drop=True)), {"SPOOFABLE-DROP", "ONE-WAY-DROP"}),
        (("dns", "bert", Assign(DST, SRC, {53}, drop=True)), set()),
        (("ours", "bert", Assign(DST, SRC, {53}, drop=True)), {"ONE-WAY-DROP"}),
        (("external", "bert", Assign(SRC, DST, {80}, drop=True)), set()),
        (("external", "bert", Assign(SRC, DST, drop=True)), set()),
        (("ours", "bert", PortMatch({53}, drop=True)), {"ONE-WAY-DROP"}),
    ],
)
def test_drops_are_told_apart(rule: tuple[object, ...], codes: set[str]) -> None:
    """Each drop gets the findings that suit it: who can choose the port, and whether the answers are recorded."""
    rules = FlowMapping(rule, (None, "bert", LowerPort()), (None, "ours", LowerPort()))

    told = {finding.code for finding in found(subject(WORLD, rules, "192.168.0.0/16"))}

    assert told & {"SPOOFABLE-DROP", "ONE-WAY-DROP"} == codes


def test_a_spoofable_drop_shows_what_can_be_hidden() -> None:
    """The example is a packet to a service from the dropped source port."""
    rules = FlowMapping(("external", "bert", Assign(DST, SRC, {53}, drop=True)), (None, "bert", LowerPort()))

    (finding,) = [f for f in found(subject(WORLD, rules)) if f.code == "SPOOFABLE-DROP"]

    assert finding.witness is not None
    assert finding.witness.to_text() == "198.51.100.9:53 > 10.0.0.1:443 udp"
    assert finding.outcome == "dropped by FLOW_MAPPING[0]"
    assert finding.sentence == (
        '"from external to bert: dropped if the source port is 53" hides whatever outsiders in external send from '
        "port 53; from port 40000 this packet would be recorded"
    )


def test_nobody_hides_behind_a_port_where_everything_is_dropped_anyway() -> None:
    """A drop is not spoofable if a packet from another port would be dropped as well."""
    rules = FlowMapping(
        ("external", "bert", Assign(DST, SRC, {53}, drop=True)), ("external", "bert", Assign(SRC, DST, drop=True))
    )

    assert "SPOOFABLE-DROP" not in {finding.code for finding in found(subject(WORLD, rules))}


def test_an_address_of_ours_is_no_outsider() -> None:
    """An address in our networks is never an outsider, whatever network names it."""
    rules = FlowMapping(("external", "bert", Assign(DST, SRC, {53}, drop=True)), (None, "bert", LowerPort()))
    everything = [str(ip_network("0.0.0.0/0"))]

    assert "SPOOFABLE-DROP" not in {finding.code for finding in found(subject(WORLD, rules, *everything))}


def test_a_one_way_drop_names_the_packet_back_and_who_records_it() -> None:
    """The sentence adds that it only matters if the agent receives both directions."""
    rules = FlowMapping(("ours", "bert", Assign(SRC, DST, {53}, drop=True)), (None, "ours", LowerPort()))

    (finding,) = [f for f in found(subject(WORLD, rules, "192.168.0.0/16")) if f.code == "ONE-WAY-DROP"]

    assert finding.sentence.endswith(
        "drops this packet; the one back, 10.0.0.1:53 > 192.168.0.1:40000 udp, is recorded by FLOW_MAPPING[1] if the "
        "agent receives it too"
    )
    assert finding.witness is not None
    assert finding.witness.to_text() == "192.168.0.1:40000 > 10.0.0.1:53 udp"


EVIDENCE = (None, "bert", Observed(MappingAction()))
BACK = ("bert", None, Observed(MappingAction()))
DROPPED = ("external", "bert", Assign(DST, SRC, {53}, drop=True))


@pytest.mark.parametrize(
    ("rules", "codes"),
    [
        pytest.param([DROPPED, EVIDENCE], {"SPOOFABLE-DROP"}, id="recorded by evidence, if not from this port"),
        pytest.param([EVIDENCE, DROPPED], set(), id="with evidence, none is dropped, without, none is recorded"),
        pytest.param([EVIDENCE, DROPPED, (None, "bert", LowerPort())], {"SPOOFABLE-DROP"}, id="without evidence"),
        pytest.param([DROPPED, BACK], {"ONE-WAY-DROP"}, id="the packet back is recorded by evidence"),
        pytest.param([EVIDENCE, DROPPED, BACK], set(), id="with evidence, both are recorded, without, neither"),
    ],
)
def test_evidence_records_what_comes_to_it_before_a_drop(rules: list[tuple[object, ...]], codes: set[str]) -> None:
    """Evidence is that of a flow: where it saves one of two packets, it saves the other too, if it is asked."""
    told = [f for f in found(subject(WORLD, FlowMapping(*rules))) if f.code in {"SPOOFABLE-DROP", "ONE-WAY-DROP"}]

    assert {finding.code for finding in told} == codes


def test_a_one_way_drop_says_that_the_packet_back_needs_evidence() -> None:
    """The sentence names the `Observed` rule."""
    (finding,) = [f for f in found(subject(WORLD, FlowMapping(DROPPED, BACK))) if f.code == "ONE-WAY-DROP"]

    assert finding.sentence.endswith(
        "is recorded by FLOW_MAPPING[1], where there is evidence, if the agent receives it too"
    )


class Quiet(Assign):
    """A custom action that drops as a built-in one does."""

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:
        """Return the opinion of the built-in action."""
        return super().match(src_addr, src_port, dst_addr, dst_port)


class Web:
    """A custom action that decides about web traffic only."""

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:  # noqa: ARG002 - as they are
        """Return an opinion if the destination port is 22, 443 or 40000."""
        return (src_addr, dst_addr, dst_port) if dst_port in {443, 22, 40000} else None


@pytest.mark.parametrize(
    ("rules", "codes"),
    [
        pytest.param(
            [("external", "bert", Quiet(DST, SRC, {53}, drop=True))], {"SPOOFABLE-DROP"}, id="an own drop by source"
        ),
        pytest.param(
            [(None, "bert", Quiet(DST, SRC, {53}, drop=True))], {"SPOOFABLE-DROP", "ONE-WAY-DROP"}, id="of both ways"
        ),
        pytest.param([("dns", "bert", Quiet(DST, SRC, {53}, drop=True))], set(), id="from one host"),
        pytest.param([("external", "bert", Quiet(SRC, DST, {80}, drop=True))], set(), id="by the destination"),
        pytest.param(
            [("external", "bert", Web()), ("external", "bert", Assign(DST, SRC, {53}, drop=True))],
            {"SPOOFABLE-DROP"},
            id="one of ours behind an own action",
        ),
    ],
)
def test_drops_are_tried_where_own_actions_have_a_say(rules: list[tuple[object, ...]], codes: set[str]) -> None:
    """Findings that depend on custom actions say that they were found by sampling."""
    mapping = FlowMapping(*rules, (None, "bert", LowerPort()), (None, "ours", LowerPort()))

    told = [f for f in found(subject(WORLD, mapping, "192.168.0.0/16")) if f.code in {"SPOOFABLE-DROP", "ONE-WAY-DROP"}]

    assert {finding.code for finding in told} == codes
    assert all(finding.sentence.endswith("(found by sampling)") for finding in told)
    assert all(finding.outcome.startswith("dropped by ") for finding in told)
