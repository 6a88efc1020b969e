"""The policy: its compiled form answers for columns what the plain one answers for an address."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.attribution.policy import CompiledPolicy, Connection, IgnoredFlow, Policy
from shodohflo.model import ICMP
from shodohflo.rules.packet import Packet
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


def test_an_ignored_end_needs_both_its_prefix_and_its_port() -> None:
    """Prefix and port must match at the same end, either of the two; several entries may share a port."""
    ignored = (IgnoredFlow(ip_network("8.8.8.0/24"), 443), IgnoredFlow(ip_network("9.9.9.9/32"), 443))
    texts = (
        "10.0.0.1:1 > 8.8.8.8:443 tcp",
        "8.8.8.8:443 > 10.0.0.1:1 tcp",
        "10.0.0.1:443 > 8.8.8.8:1 tcp",
        "10.0.0.1:1 > 9.9.9.9:443 udp",
        "10.0.0.1:1 > 9.9.9.8:443 udp",
    )

    found = CompiledPolicy(Policy((US,), ignored=ignored)).is_ignored(batch_of([*map(Packet.from_text, texts)]))

    assert found.tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("other", ["10.0.0.1", "fd00::1"])
def test_own_traffic_is_found_by_all_four_parts_and_the_protocol(other: str) -> None:
    """Own traffic must match both addresses, both ports and TCP, and never matches across families."""
    own = Connection(ip_address("10.0.0.1"), 50000, ip_address("10.0.0.2"), 6379)
    texts = (
        "10.0.0.1:50000 > 10.0.0.2:6379 tcp",
        "10.0.0.2:6379 > 10.0.0.1:50000 tcp",
        "10.0.0.1:50001 > 10.0.0.2:6379 tcp",
        "10.0.0.1:50000 > 10.0.0.2:6379 udp",
    )
    connection = Connection(
        ip_address(other), own.src_port, own.dst_addr if other == "10.0.0.1" else ip_address("::"), 6379
    )
    policy = CompiledPolicy(Policy((US,), own_connections=frozenset({connection})))

    found = cast("list[bool]", policy.is_own_traffic(batch_of([*map(Packet.from_text, texts)])).tolist())

    assert found == ([True, True, False, False] if other == "10.0.0.1" else [False] * 4)
