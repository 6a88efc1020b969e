"""What is presumed of our networks must not make findings of its own."""

from __future__ import annotations

import pytest

from shodohflo.analysis.presumed import presumed_networks
from shodohflo.pcap_config import OUR_4NETS, OUR_6NETS, NetworkEnumeration
from shodohflo.rules.defaults import default_enumeration


@pytest.mark.parametrize(
    ("entries", "presumed"),
    [
        ([("ours", OUR_4NETS), ("bert", "10.0.0.1/32"), ("all", "0.0.0.0/0")], ["192.168.0.0/16"]),
        ([("ours", OUR_4NETS), ("lan", "192.168.1.0/24")], ["172.16.0.0/12"]),
        ([("lan", "192.168.1.0/24"), ("ours", OUR_4NETS)], ["192.168.0.0/16"]),
        ([("ours", OUR_4NETS), ("a", "192.168.1.1"), ("b", "172.16.0.0/12")], ["10.0.0.0/8"]),
        ([("ours", OUR_6NETS), ("host", "fd00::1/128")], ["fc00::/8"]),
        ([("ours", OUR_6NETS, OUR_4NETS)], ["192.168.0.0/16", "fd00::/8"]),
        ([("all", "0.0.0.0/0", "::/0")], []),
        (
            [("ours", OUR_4NETS), *((n, n) for n in ("192.168.1.1", "172.16.0.1", "10.0.0.1", "100.64.0.1"))],
            ["192.168.0.0/16"],
        ),
    ],
)
def test_the_first_private_network_that_swallows_nothing_is_presumed(
    entries: list[tuple[object, ...]], presumed: list[str]
) -> None:
    """Of the families that the configuration asks for; if all swallow something, so be it."""
    assert [str(network) for network in presumed_networks(NetworkEnumeration(*entries))] == presumed


def test_the_defaults_ask_for_both_families() -> None:
    """They name OUR_4NETS and OUR_6NETS."""
    assert {network.version for network in presumed_networks(default_enumeration())} == {4, 6}
