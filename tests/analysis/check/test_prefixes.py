"""Covered prefixes: all are found, and nothing else is."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given

from shodohflo.analysis.check.model import Model
from shodohflo.analysis.check.prefixes import find_covered
from shodohflo.pcap_config import OUR_4NETS, OUR_6NETS, FlowMapping, LowerPort, NetworkEnumeration
from support.rule_sets import RuleSet, rule_sets
from support.subjects import drawn, found, labels, subject

RULES = FlowMapping((None, None, LowerPort()))


@given(rule_sets())
def test_a_prefix_is_covered_exactly_if_it_changes_no_answer(rule_set: RuleSet) -> None:
    """Removing the prefix changes no lookup at or beside the edges of all prefixes."""
    told = [
        (finding.code, finding.place, finding.sentence.split(" ")[0])
        for finding in find_covered(Model(drawn(rule_set)))
    ]

    expected = []
    for number, (_, prefixes) in enumerate(rule_set.entries):
        for place, prefix in enumerate(prefixes):
            earlier = [*rule_set.entries[:number], (rule_set.entries[number][0], prefixes[:place])]
            holders = NetworkEnumeration(*((name, *held) for name, held in earlier))
            network = ip_network(prefix)
            inside = [a for family in (4, 6) for a in rule_set.addresses(family) if a in network]
            found_before = [holders.find(address) for address in inside]
            if None not in found_before:
                same = {found.name for found in found_before if found} == {rule_set.entries[number][0]}
                code = "REDUNDANT-PREFIX" if same else "SHADOWED-PREFIX"
                expected.append((code, f"NETWORK_ENUMERATION[{number}]", prefix))
    assert told == expected


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (
            [("wide", "10.0.0.0/8"), ("host", "10.0.0.1/32")],
            ["10.0.0.1/32 of host wholly belongs to 10.0.0.0/8 of wide ([0])"],
        ),
        (
            [("low", "10.0.0.0/9"), ("high", "10.128.0.0/9"), ("both", "10.0.0.0/8")],
            [
                "10.0.0.0/8 of both wholly belongs to 10.0.0.0/9 of low ([0]) and 10.128.0.0/9 of high ([1])",
            ],
        ),
        (
            [*((f"n{n}", f"10.{n}.0.0/16") for n in range(256)), ("all", "10.0.0.0/8")],
            [
                (
                    "10.0.0.0/8 of all wholly belongs to 10.0.0.0/16 of n0 ([0]), 10.1.0.0/16 of n1 ([1]), "
                    "10.2.0.0/16 of n2 ([2]), 10.3.0.0/16 of n3 ([3]) and 252 more"
                ),
            ],
        ),
        (
            [("a", "10.0.0.0/8", "10.1.0.0/16")],
            ["10.1.0.0/16 of a already belongs to the same network through 10.0.0.0/8 of a ([0])"],
        ),
        ([("host", "10.0.0.1/32"), ("wide", "10.0.0.0/8")], []),
        ([("six", "2001:db8::/32"), ("four", "0.0.0.0/0")], []),
    ],
)
def test_a_covered_prefix_names_what_covers_it(entries: list[tuple[str, ...]], told: list[str]) -> None:
    """The sentence names the covering entries, at most `MOST` of them."""
    covered = [f for f in found(subject(NetworkEnumeration(*entries), RULES)) if f.code.endswith("-PREFIX")]

    assert [finding.sentence.replace("NETWORK_ENUMERATION", "") for finding in covered] == told


def test_our_networks_are_named_as_the_operator_wrote_them() -> None:
    """OUR_4NETS and OUR_6NETS are named as such, both as covering and as covered prefixes."""
    enumeration = NetworkEnumeration(
        ("ours", OUR_4NETS, OUR_6NETS), ("bert", "10.0.0.1/32", "2001:db8::1/128"), ("again", OUR_4NETS)
    )

    told = [f for f in found(subject(enumeration, RULES, "10.0.0.0/8", "2001:db8::/32")) if f.code == "SHADOWED-PREFIX"]

    assert [finding.sentence.replace("NETWORK_ENUMERATION", "") for finding in told] == [
        "10.0.0.1/32 of bert wholly belongs to 10.0.0.0/8 (OUR_4NETS) of ours ([0])",
        "2001:db8::1/128 of bert wholly belongs to 2001:db8::/32 (OUR_6NETS) of ours ([0])",
        "10.0.0.0/8 (OUR_4NETS) of again wholly belongs to 10.0.0.0/8 (OUR_4NETS) of ours ([0])",
    ]


def test_the_witness_goes_to_an_address_that_was_meant() -> None:
    """The outcome of the example shows which network has its address."""
    enumeration = NetworkEnumeration(("wide", "10.0.0.0/8"), ("host", "10.0.0.1/32"), ("all", "0.0.0.0/0"))

    finding = found(subject(enumeration, RULES))[0]

    assert finding.witness is not None
    assert finding.witness.to_text() == "198.51.100.9:40000 > 10.0.0.1:443 udp"
    assert finding.outcome == "recorded as 198.51.100.9;10.0.0.1;443 by FLOW_MAPPING[0]"


def test_a_redundant_prefix_is_no_more_than_a_note() -> None:
    """A prefix that belongs to the same network anyway is a note."""
    enumeration = NetworkEnumeration(("a", "0.0.0.0/0", "::/0"), ("a", "10.0.0.0/8"))

    assert labels(subject(enumeration, RULES)) == ["REDUNDANT-PREFIX NETWORK_ENUMERATION[1]"]
    assert found(subject(enumeration, RULES))[0].level == "note"
