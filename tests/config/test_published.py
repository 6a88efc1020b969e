"""The networks of a configuration as an agent publishes them."""

from __future__ import annotations

from ipaddress import ip_network

from shodohflo.config.published import published
from shodohflo.keys.networks import PublishedNetwork
from shodohflo.rules.networks import OUR_4NETS, OUR_6NETS, NetworkEnumeration


def test_our_networks_stand_where_the_configuration_names_them() -> None:
    """Entries are published in their order, with our networks in place of OUR_4NETS and OUR_6NETS."""
    enumeration = NetworkEnumeration(("bert", "10.0.0.1/32"), ("our_nets", OUR_4NETS, OUR_6NETS), ("nothing",))
    ours = (ip_network("192.168.0.0/16"), ip_network("2001:db8::/32"))

    assert published(enumeration.bound(ours)) == (
        PublishedNetwork("bert", (ip_network("10.0.0.1/32"),)),
        PublishedNetwork("our_nets", ours),
        PublishedNetwork("nothing", ()),
    )
