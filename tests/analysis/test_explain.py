"""Explanations: the reasons agree with the outcome and the keys of the pipeline."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.analysis.explain import Explanation, explain, note_of_filter
from shodohflo.attribution.order import ORDER, OUTCOMES
from shodohflo.attribution.policy import IgnoredFlow, Policy
from shodohflo.capture.filters.expression import CaptureFilter
from shodohflo.keys import to_key
from shodohflo.model import ICMP, TCP, FlowKey
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
from shodohflo.rules.packet import Packet
from support.made_packets import FAMILIES, packets
from support.rule_sets import OPERATORS, OURS, RuleSet, observed_by, rule_sets, second_opinion

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from shodohflo.model import Address
    from shodohflo.rules.actions import Opinion

OURS_ = ip_network("192.168.0.0/16")
NETWORKS = NetworkEnumeration(("ours", OURS_, "fd00::/8"), ("bert", "10.0.0.1/32"), ("far", "0.0.0.0/0"))


class Broken(MappingAction):
    """A custom action with a bug."""

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> None:  # noqa: ARG002 - as they are
        """Raise an exception."""
        raise KeyError("mine")


class Alternating(MappingAction):
    """A custom action with a memory, which answers every other time."""

    asked = 0

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:  # noqa: ARG002 - as they are
        """Return an opinion on the first packet, the third, and so on."""
        self.asked += 1
        return (src_addr, dst_addr, dst_port) if self.asked % 2 else None


class Silent(MappingAction):
    """A custom action without an opinion."""


RULES = FlowMapping(
    (None, "ours", LowerPort(SRC)),
    ("far", "bert", Broken()),
    ("far", "bert", Silent()),
    ("far", "bert", MappingAction()),
    ("far", "bert", PortMatch({25, 26})),
    ("far", "bert", Assign(SRC, DST, {80, 443}, drop=True)),
    ("far", "bert", Assign(DST, SRC, {53}, drop=True)),
    ("bert", None, LowerPort(DST)),
)
POLICY = Policy((OURS_,))


def explained(text: str, policy: Policy = POLICY) -> Explanation:
    """Explain a packet by the rules above."""
    return explain(Packet.from_text(text), NETWORKS, RULES, policy)


def test_every_rule_before_the_winner_says_why_it_did_not_apply() -> None:
    """Each rule before the deciding one gives its reason."""
    told = explained("8.8.8.8:53 > 10.0.0.1:40000 udp")

    assert [(step.name, step.because) for step in told.rules] == [
        ("FLOW_MAPPING[0]", "the destination is in bert"),
        ("FLOW_MAPPING[1]", told.rules[1].because),
        ("FLOW_MAPPING[2]", "it has no opinion on this packet"),
        ("FLOW_MAPPING[3]", "it never has an opinion"),
        ("FLOW_MAPPING[4]", "neither 53 nor 40000 is one of its ports"),
        ("FLOW_MAPPING[5]", "the destination port, 40000, is not one of its ports"),
        ("FLOW_MAPPING[6]", "the packet is dropped"),
    ]
    assert told.rules[1].because.startswith("it raised KeyError: 'mine' (")
    assert told.outcome == "dropped.FLOW_MAPPING[6]"
    assert told.keys == ()
    assert [step.applies for step in told.rules] == [False] * 6 + [True]


def test_the_networks_are_told_with_entry_and_prefix() -> None:
    """Both ends show the entry and the prefix that hold them, or nothing."""
    told = explained("[fd00::1]:53 > [2001:db8::1]:40000 udp").as_dict()

    assert told["source"] == {
        "address": "fd00::1",
        "network": "ours",
        "entry": "NETWORK_ENUMERATION[0]",
        "prefix": "fd00::/8",
    }
    assert told["destination"] == {"address": "2001:db8::1", "network": None, "entry": None, "prefix": None}
    assert told["outcome"] == "unmatched.no_network"
    assert told["rules"] == []


@pytest.mark.parametrize(
    ("text", "last", "because", "outcome"),
    [
        ("8.8.8.8:1 > 192.168.0.1:2 tcp rst", "reset", "192.168.0.1 is ours, by 192.168.0.0/16", "recorded.rst"),
        ("8.8.8.8:1 > 192.168.0.1:2 tcp rst syn", "reset", "192.168.0.1 is ours, by 192.168.0.0/16", "recorded.rst"),
        (
            "192.168.0.1:1 > 8.8.8.8:2 tcp rst",
            "reset elsewhere",
            "it has RST, and only resets to our networks are recorded",
            "rst_elsewhere",
        ),
        ("8.8.8.8:1 > 192.168.0.1:2 tcp syn", "handshake", "it has SYN", "handshake"),
        ("8.8.8.8:1 > 192.168.0.1:2 tcp fin ack syn", "handshake", "it has SYN and FIN", "handshake"),
        (
            "192.168.0.2:1 > 192.168.0.1:2 udp",
            "own network",
            "both ends are ours, and SUPPRESS_OWN_NETWORK is set",
            "own_network",
        ),
        (
            "8.8.8.8:1 > 192.168.0.1:2 icmp unreachable",
            "unreachable",
            "192.168.0.1 is ours, by 192.168.0.0/16",
            "recorded.icmp",
        ),
        (
            "8.8.8.8:1 > 9.9.9.9:2 icmp unreachable",
            "icmp other",
            "no question before this one applies",
            "icmp_other",
        ),
    ],
)
def test_what_decides_before_the_rules_is_the_last_that_is_asked(
    text: str, last: str, because: str, outcome: str
) -> None:
    """The last question listed is the one that applies, and no rules are listed."""
    told = explained(text, replace(POLICY, suppress_own_network=True))

    assert (told.before[-1].name, told.before[-1].applies, told.before[-1].because) == (last, True, because)
    assert told.outcome == outcome
    assert told.rules == ()
    assert told.meaning


@pytest.mark.parametrize(
    ("text", "suppress", "expected"),
    [
        (
            "8.8.8.8:1 > 192.168.0.1:2 tcp",
            False,
            ["it has no RST", "it has no RST", "SUPPRESS_OWN_NETWORK is not set", "it has neither SYN nor FIN"],
        ),
        (
            "8.8.8.8:1 > 192.168.0.1:2 udp",
            True,
            ["it is not TCP", "it is not TCP", "8.8.8.8 is in none of our networks", "it is not TCP"],
        ),
    ],
)
def test_what_does_not_apply_before_the_rules_says_why(text: str, suppress: bool, expected: list[str]) -> None:  # noqa: FBT001 - a setting
    """Every question of `ORDER` is listed with its reason."""
    told = explained(text, replace(POLICY, suppress_own_network=suppress))

    assert [step.name for step in told.before] == [question.step.label for question in ORDER]
    assert [step.because for step in told.before] == ["it is no connection of the agent to its store", *expected]
    assert not any(step.applies for step in told.before)


@pytest.mark.parametrize(
    ("ignored", "because", "outcome"),
    [
        ("8.8.8.0/24", "it holds (8.8.8.0/24, 53): no flow, only peers and client", "recorded.flow_ignored"),
        ("9.9.9.0/24", "it holds neither end", "recorded.flow"),
    ],
)
def test_what_is_ignored_is_told_after_the_rules(ignored: str, because: str, outcome: str) -> None:
    """IGNORE_FLOW is listed only if it is set and the rules made a flow."""
    policy = replace(POLICY, ignored=(IgnoredFlow(ip_network(ignored), 53),))

    told = explained("8.8.8.8:53 > 192.168.0.1:40000 udp", policy)

    assert [step.because for step in told.after] == [because]
    assert told.outcome == outcome
    assert ("192.168.0.1;8.8.8.8;53;flow" in told.keys) == (outcome == "recorded.flow")
    assert explained("8.8.8.8:53 > 192.168.0.1:40000 udp").after == ()
    assert explained("8.8.8.8:53 > 10.0.0.1:40000 udp", policy).after == ()


def test_the_keys_are_all_that_the_packet_is_counted_under() -> None:
    """The keys are those that `replay --keys` prints for the packet."""
    told = explained("8.8.8.8:53 > 192.168.0.1:40000 udp")

    assert told.rules[-1].because == "the client is 192.168.0.1, the service 8.8.8.8, on port 53"
    assert set(told.keys) == {
        "192.168.0.1;8.8.8.8;53;flow",
        "192.168.0.1;8.8.8.8;peer",
        "8.8.8.8;192.168.0.1;peer",
        "client;192.168.0.1",
    }


EVIDENCE = FlowMapping(
    (None, "ours", PortMatch({20, 21})),
    (None, "ours", Observed(PortMatch({80}))),
    (None, "ours", Assign(DST, SRC, {53}, drop=True)),
    ("far", None, Observed(LowerPort(DST))),
)


@pytest.mark.parametrize(
    ("text", "because", "evidence", "outcome"),
    [
        (
            "8.8.8.8:20 > 192.168.0.1:40000 tcp",
            ["the client is 192.168.0.1, the service 8.8.8.8, on port 20"],
            "",
            "recorded.flow",
        ),
        (
            "8.8.8.8:80 > 192.168.0.1:40000 tcp",
            [
                "neither 80 nor 40000 is one of its ports",
                "without evidence, the client is 192.168.0.1, the service 8.8.8.8, on port 80",
            ],
            "FLOW_MAPPING[1]",
            "recorded.flow",
        ),
        (
            "8.8.8.8:53 > 192.168.0.1:40000 udp",
            [
                "neither 53 nor 40000 is one of its ports",
                "without evidence, neither 53 nor 40000 is one of its ports",
                "without evidence, the packet is dropped",
            ],
            "FLOW_MAPPING[1]",
            "dropped.FLOW_MAPPING[2]",
        ),
        (
            "8.8.8.8:1 > 9.9.9.9:2 tcp",
            [
                *["the destination is in far"] * 3,
                "without evidence, the client is 9.9.9.9, the service 8.8.8.8, on port 1",
            ],
            "FLOW_MAPPING[3]",
            "recorded.flow",
        ),
        ("8.8.8.8:1 > 192.168.0.1:2 tcp syn", [], "", "handshake"),
    ],
)
def test_what_is_decided_without_evidence_says_so(text: str, because: list[str], evidence: str, outcome: str) -> None:
    """One packet is no flow: the rule that would ask for its evidence is named, and what the rules say without."""
    told = explain(Packet.from_text(text), NETWORKS, EVIDENCE, POLICY)

    assert [step.because for step in told.rules] == because
    assert (told.evidence, told.outcome) == (evidence, outcome)
    assert told.as_dict()["evidence"] == (evidence or None)


def our_nets_of(rule_set: RuleSet) -> tuple[IPv4Network | IPv6Network, ...]:
    """Take the prefixes of the first entry for our networks."""
    return tuple(ip_network(prefix) for _, prefixes in rule_set.entries[:1] for prefix in prefixes)


@given(st.data())
def test_the_trail_the_outcome_and_a_second_opinion_agree(data: st.DataObject) -> None:
    """For any rules, the reasons match the outcome of the pipeline and an independent matcher."""
    rule_set = data.draw(rule_sets(OURS | OPERATORS))
    family = data.draw(st.sampled_from(FAMILIES))
    addresses = st.sampled_from(rule_set.addresses(family))
    packet = data.draw(packets(addresses))
    policy = Policy(our_nets_of(rule_set), suppress_own_network=data.draw(st.booleans()))

    told = explain(packet, rule_set.enumeration(), rule_set.mapping(), policy)

    assert json.loads(json.dumps(told.as_dict())) == told.as_dict()
    opinion, number = second_opinion(rule_set, packet.ends)
    if told.before[-1].applies:
        assert told.outcome == {step.label: outcome for step, outcome in OUTCOMES.items()}[told.before[-1].name]
        assert told.rules == ()
        return
    assert packet.protocol != ICMP
    decided = [step.name for step in told.rules if step.applies]
    if number is None:
        assert told.outcome == f"unmatched.{opinion.replace(' ', '_')}"
        assert decided == []
        assert len(told.rules) == (0 if opinion == "no network" else len(rule_set.rules))
        return
    assert decided == [told.rules[-1].name] == [f"FLOW_MAPPING[{number}]"]
    by_evidence = observed_by(rule_set, packet.ends)
    assert told.evidence == ("" if by_evidence is None else f"FLOW_MAPPING[{by_evidence}]")
    assert len(told.rules) == number + 1
    if opinion == "drop":
        assert (told.outcome, told.keys) == (f"dropped.FLOW_MAPPING[{number}]", ())
    else:
        assert told.outcome == "recorded.flow"
        assert to_key(FlowKey(*opinion)) in told.keys


def test_a_reset_is_explained_though_the_addresses_are_in_no_network() -> None:
    """A reset to us is recorded without asking the rules."""
    told = explain(Packet.from_text("1.1.1.1:1 > 192.168.0.1:2 tcp rst"), NetworkEnumeration(), FlowMapping(), POLICY)

    assert told.packet.protocol == TCP
    assert told.outcome == "recorded.rst"
    assert told.source.network is None


def test_an_action_that_remembers_gives_outcome_and_reasons_the_same_answer() -> None:
    """The outcome and the reasons come from copies of the action, and the live one does not change."""
    action = Alternating()
    mapping = FlowMapping((None, None, action), (None, None, Assign(SRC, DST, drop=True))).number_networks(NETWORKS)
    packet = Packet.from_text("8.8.8.8:53 > 10.0.0.1:40000 udp")

    told = [explain(packet, NETWORKS, mapping, Policy(our_nets=(OURS_,))) for _ in range(2)]

    assert [explanation.outcome for explanation in told] == ["recorded.flow"] * 2
    assert [[step.name for step in explanation.rules] for explanation in told] == [["FLOW_MAPPING[0]"]] * 2
    assert action.asked == 0


def test_a_packet_that_the_filter_leaves_out_is_noted() -> None:
    """The rules never see such a packet; whether it passes cannot be said where its link header decides."""
    packet = Packet.from_text("192.0.2.1:40000 > 10.0.0.1:22 tcp")

    assert note_of_filter(packet, None) == note_of_filter(packet, CaptureFilter.of("port 22")) == ""
    assert note_of_filter(packet, CaptureFilter.of("not port 22")) == (
        "the filter 'not port 22' leaves it out before all this: it is not seen at all"
    )
    assert "without link header cannot show" in note_of_filter(packet, CaptureFilter.of("vlan"))
