"""Ends of sockets are columns that keep what they were made of."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.own_ends import ANY
from shodohflo.columns.socket_ends import SOCKETS, AskedEnds, SocketEnds, SocketPair, SocketPairs, socket_numbers
from shodohflo.model import TCP, UDP, End

if TYPE_CHECKING:
    from shodohflo.model import Address

addresses = st.sampled_from([ip_address("10.0.0.1"), ip_address("::a00:1"), ip_address("2001:db8::1"), *ANY.values()])
bound = st.builds(End, addresses, st.sampled_from([TCP, UDP]), st.sampled_from([0, 22, 65535]))


@given(st.lists(bound))
def test_distinct_ends_are_the_same_in_whatever_order_they_were(rows: list[End]) -> None:
    """Each end stays once, and equal sets of ends make equal rows."""
    found = SocketEnds.from_objects(rows).distinct().objects()

    assert sorted(found, key=repr) == sorted(set(rows), key=repr)
    assert SocketEnds.from_objects([*reversed(rows), *rows[:1]]).distinct().objects() == found


@given(st.lists(st.tuples(bound, addresses, st.integers(0, 65535))))
def test_connections_become_columns_and_objects_again(rows: list[tuple[End, Address, int]]) -> None:
    """With both ends, of either family."""
    pairs = [SocketPair(local, End(address, local.protocol, port)) for local, address, port in rows]

    assert SocketPairs.from_objects(pairs).objects() == pairs


def test_each_protocol_and_port_has_a_number() -> None:
    """All differ."""
    ports = np.tile(np.arange(65536, dtype=np.uint16), 2)
    numbers = socket_numbers(np.repeat(np.array([TCP, UDP], np.uint8), 65536), ports)

    assert sorted(numbers.tolist()) == list(range(SOCKETS))


def test_the_other_ends_are_asked_about_by_swapping() -> None:
    """Their peers are the ends."""
    ports, peers = np.array([1, 2], np.uint16), np.array([3, 4], np.uint16)
    asked = AskedEnds(4, np.array([6, 6], np.uint8), ports.astype(np.uint32), ports, peers.astype(np.uint32), peers)
    swapped = asked.swapped

    assert len(swapped) == 2
    assert (swapped.ports.tolist(), swapped.peer_ports.tolist()) == ([3, 4], [1, 2])
    assert (swapped.addresses.tolist(), swapped.peer_addresses.tolist()) == ([3, 4], [1, 2])
