"""The policy: its compiled form answers for columns what the plain one answers for an address."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.attribution.policy import CompiledPolicy, Policy
from shodohflo.model import ICMP
from support.made_packets import FAMILIES, batch_of, packets, policies
from support.rule_sets import rule_sets

US, ALSO_US = ip_network("10.0.0.0/8"), ip_network("10.1.0.0/16")


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.1.2.3", US), ("10.255.255.255", US), ("11.0.0.0", None), ("fd00::1", ip_network("fd00::/8"))],
)
def test_the_first_of_our_networks_that_holds_an_address_is_named(address: str, network: object) -> None:
    """The first of our networks that contains the address is returned, and None for another family."""
    policy = Policy((US, ALSO_US, ip_network("fd00::/8")))

    assert policy.our_network(ip_address(address)) == network


@given(st.data())
def test_columns_are_ours_where_their_addresses_are(data: st.DataObject) -> None:
    """The compiled form agrees with the plain one for both families, at the edges of all prefixes."""
    rule_set = data.draw(rule_sets())
    addresses = st.sampled_from(rule_set.addresses(data.draw(st.sampled_from(FAMILIES))))
    some = data.draw(st.lists(packets(addresses).filter(lambda each: each.protocol != ICMP), min_size=1))
    policy, batch = data.draw(policies(rule_set)), batch_of(some)

    ours = CompiledPolicy(policy).is_ours(batch.src_addr)

    assert ours.tolist() == [policy.our_network(packet.src_addr) is not None for packet in some]
