"""Presumed networks must not cause findings of their own."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from shodohflo.analysis.check.proof import check
from shodohflo.config.findings import Code
from shodohflo.config.presumed import presumed_networks
from shodohflo.pcap_config import OUR_4NETS, OUR_6NETS, FlowMapping, LowerPort, NetworkEnumeration
from shodohflo.rules.defaults import default_enumeration
from shodohflo.rules.networks import PRIVATE
from support.subjects import configuration

TEN, TWELVE, SIXTEEN, SHARED, UNIQUE_LOCAL = map(str, PRIVATE)


@pytest.mark.parametrize(
    ("entries", "left_out"),
    [
        pytest.param([("ours", OUR_4NETS), ("bert", "10.0.0.1/32"), ("all", "0.0.0.0/0")], {TEN}, id="a host after"),
        pytest.param([("ours", OUR_4NETS), ("lan", "192.168.1.0/24")], {SIXTEEN}, id="a prefix after"),
        pytest.param([("lan", "192.168.1.0/24"), ("ours", OUR_4NETS)], set(), id="a part of it before"),
        pytest.param([("lan", "192.168.0.0/16"), ("ours", OUR_4NETS)], {SIXTEEN}, id="all of it before"),
        pytest.param([("all", "0.0.0.0/0"), ("ours", OUR_4NETS)], set(), id="everything before"),
        pytest.param([("a", OUR_4NETS), ("x", "10.1.0.0/16"), ("b", OUR_4NETS)], {TEN}, id="ours twice"),
        pytest.param([("ours", OUR_4NETS), ("a", "192.168.1.1"), ("b", "172.16.0.0/12")], {SIXTEEN, TWELVE}, id="two"),
        pytest.param([("lan", "192.168.1.0/24"), ("all", "0.0.0.0/0", "::/0")], set(), id="nothing named ours"),
        pytest.param([("ours", OUR_6NETS), ("lan", "10.0.0.0/24")], set(), id="another family"),
        pytest.param([("ours", OUR_4NETS), ("big", "10.0.0.0/7")], set(), id="more than it after"),
    ],
)
def test_private_networks_are_presumed_that_the_configuration_has_no_other_use_for(
    entries: list[tuple[object, ...]], left_out: set[str]
) -> None:
    """A private network is left out if it covers a prefix after our networks, or a prefix before them covers it."""
    presumed = presumed_networks(NetworkEnumeration(*entries))

    assert [str(network) for network in presumed] == [text for text in map(str, PRIVATE) if text not in left_out]


def test_half_of_the_unique_local_addresses_is_left_when_the_other_has_a_host() -> None:
    """A host in fd00::/8 leaves fc00::/8 among the presumed networks."""
    enumeration = NetworkEnumeration(("ours", OUR_6NETS), ("host", "fd00::1/128"))

    assert [str(network) for network in presumed_networks(enumeration) if network.version == 6] == ["fc00::/8"]


def test_a_family_may_have_none_left() -> None:
    """Hosts in all private IPv4 networks leave only fc00::/7."""
    hosts = [(host, host) for host in ("192.168.1.1", "172.16.0.1", "10.0.0.1", "100.64.0.1")]

    presumed = presumed_networks(NetworkEnumeration(("ours", OUR_4NETS), *hosts))

    assert [str(network) for network in presumed] == [UNIQUE_LOCAL]


def test_two_configurations_get_what_neither_has_another_use_for() -> None:
    """Networks that either of two configurations has another use for are left out."""
    old = NetworkEnumeration(("ours", OUR_4NETS), ("bert", "10.0.0.1"))
    new = NetworkEnumeration(("ours", OUR_4NETS), ("ernie", "192.168.0.1"))

    assert [str(network) for network in presumed_networks(old, new)] == [TWELVE, SHARED, UNIQUE_LOCAL]


def test_the_defaults_and_no_configuration_at_all_get_all_of_them() -> None:
    """All private networks are presumed for the default enumeration, and without any configuration."""
    assert presumed_networks(default_enumeration()) == presumed_networks() == PRIVATE


def test_everything_before_our_networks_is_found_with_what_is_presumed() -> None:
    """`check` reports an entry for everything before our networks, because presuming does not avoid that conflict."""
    enumeration = NetworkEnumeration(("all", "0.0.0.0/0"), ("ours", OUR_4NETS))
    mapping = FlowMapping((None, "ours", LowerPort()))
    ours = presumed_networks(enumeration)

    report = check(configuration(enumeration, mapping, ours))

    assert ip_network(TEN) in ours
    assert {Code.SHADOWED_PREFIX, Code.DEAD_RULE} <= {finding.code for finding in report.findings}
