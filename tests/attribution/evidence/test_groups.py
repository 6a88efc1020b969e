"""Multicast groups and broadcast addresses are groups, hosts are not."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import numpy as np
import pytest

from shodohflo.attribution.evidence.groups import GroupAddresses
from shodohflo.columns.addresses import Addresses

GROUPS = GroupAddresses([ip_network("192.0.2.0/24"), ip_network("198.51.100.0/31"), ip_network("2001:db8::/64")])


@pytest.mark.parametrize(
    ("address", "is_group"),
    [
        ("223.255.255.255", False),
        ("224.0.0.0", True),
        ("239.255.255.255", True),
        ("240.0.0.0", False),
        ("255.255.255.255", True),
        ("192.0.2.255", True),
        ("192.0.2.254", False),
        ("198.51.100.1", False),
        ("203.0.113.255", False),
        ("ff02::fb", True),
        ("fe80::ff", False),
        ("2001:db8::ffff:ffff:ffff:ffff", False),
    ],
)
def test_a_group_stands_for_many_hosts(address: str, is_group: bool) -> None:  # noqa: FBT001
    """A link of two hosts has no broadcast address, nor has a network that is not ours, nor IPv6."""
    one = ip_address(address)
    column = Addresses.from_objects([one]).column(4 if one.version == 4 else 6)

    assert GROUPS.holds(column).tolist() == [is_group]


def test_nothing_is_no_group() -> None:
    """An empty column has an empty answer."""
    assert not len(GROUPS.holds(np.empty(0, np.uint32)))
