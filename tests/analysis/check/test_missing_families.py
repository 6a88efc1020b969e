"""Address families that a configuration leaves out are reported."""

from __future__ import annotations

import pytest

from shodohflo.pcap_config import OUR_4NETS, OUR_6NETS, FlowMapping, LowerPort, NetworkEnumeration
from support.subjects import found, subject

RULES = FlowMapping((None, None, LowerPort()))


@pytest.mark.parametrize(
    ("prefixes", "told"),
    [
        (["0.0.0.0/0", "::/0"], []),
        (["0.0.0.0/0"], ["no entry holds an IPv6 address, so all IPv6 packets are unmatched"]),
        (["::/0"], ["no entry holds an IPv4 address, so all IPv4 packets are unmatched"]),
        (["10.0.0.0/8"], ["no entry holds an IPv6 address, so all IPv6 packets are unmatched"]),
        (["10.0.0.0/8", "fd00::/8"], []),
        (
            ["0.0.0.0/0", "fd00::/8"],
            ["addresses such as 2001:db8::9 are in no network, while every IPv4 address is in one"],
        ),
        (["0.0.0.0/1", "128.0.0.0/1", "::/0"], []),
        ([], [f"no entry holds an IPv{v} address, so all IPv{v} packets are unmatched" for v in (4, 6)]),
    ],
)
def test_a_missing_family_is_reported(prefixes: list[str], told: list[str]) -> None:
    """Nothing is reported if both families are covered partly."""
    missing = [
        finding
        for finding in found(subject(NetworkEnumeration(("a", *prefixes)), RULES))
        if finding.code == "MISSING-FAMILY"
    ]

    assert [finding.sentence for finding in missing] == told
    assert all(finding.outcome == "unmatched: an address is in no network" for finding in missing)
    assert {finding.level for finding in missing} <= {"note"}


def test_the_witness_is_of_the_family_that_is_missing() -> None:
    """Both ends of the example are in no network."""
    (finding,) = (
        f for f in found(subject(NetworkEnumeration(("a", "0.0.0.0/0")), RULES)) if f.code == "MISSING-FAMILY"
    )

    assert finding.label == "MISSING-FAMILY NETWORK_ENUMERATION IPv6"
    assert finding.witness is not None
    assert finding.witness.to_text() == "[2001:db8::9]:40000 > [2001:db8:ffff::7]:443 udp"


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        (["192.168.0.0/16", "2001:db8::/32"], []),
        (["192.168.0.0/16"], ["none of our networks is IPv6, so OUR_6NETS stands for fc00::/7"]),
        (["2001:db8::/32"], ["none of our networks is IPv4, so OUR_4NETS stands for 127.0.0.0/24"]),
    ],
)
def test_our_networks_that_stand_for_nobodys_are_reported(networks: list[str], told: list[str]) -> None:
    """The finding names the default prefixes that OUR_4NETS or OUR_6NETS stand for."""
    enumeration = NetworkEnumeration(("ours", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0"))

    unbound = [f for f in found(subject(enumeration, RULES, *networks)) if f.code == "UNBOUND-NETWORKS"]

    assert [finding.sentence for finding in unbound] == told
    assert [finding.place for finding in unbound] == ["NETWORK_ENUMERATION[0]"] * len(told)
