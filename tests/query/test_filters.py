"""Filters: a pattern may match too many keys, but never too few."""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys import to_key
from shodohflo.model import Address, ClientKey, FlowKey, Key, Network, PeerKey, ResetKey, UnreachableKey
from shodohflo.query.filters import Filter, pattern
from support.observing import KEYS, PORTS


def ends(key: Key) -> tuple[Address, Address, list[int]]:
    """Return the ends of a key and the ports that a filter can match."""
    match key:
        case FlowKey(client, service, port):
            return client, service, [port]
        case PeerKey(client, service):
            return client, service, []
        case ResetKey(client, service, client_port, remote_port):
            return client, service, [client_port, remote_port]
        case UnreachableKey(client, service, client_port, remote_port, _):
            return client, service, [client_port, remote_port]
        case ClientKey(client):
            return client, client, []


def around(address: Address, prefix: int) -> Network:
    """Return the network around `address` with a prefix length made from `prefix`."""
    return ip_network((address, prefix % (address.max_prefixlen + 1)), strict=False)


@given(KEYS, st.integers(0, 128), st.integers(0, 128), st.sets(st.sampled_from(["client", "service", "port"])))
def test_a_pattern_matches_every_key_that_is_wanted(
    key: Key, client_prefix: int, service_prefix: int, parts: set[str]
) -> None:
    """The pattern matches every key that the filter matches."""
    client, service, ports = ends(key)
    wanted = Filter(
        clients=(around(client, client_prefix),) if "client" in parts else (),
        services=(around(service, service_prefix),) if "service" in parts else (),
        ports=frozenset(ports[:1]) if "port" in parts else frozenset(),
    )

    assert wanted.takes(client, service, *ports)
    assert fnmatchcase(to_key(key), pattern(type(key), wanted))


@pytest.mark.parametrize(
    ("clients", "narrowed"),
    [
        ([], "*;*;*;flow"),
        (["10.0.0.1/32"], "10.0.0.1;*;*;flow"),
        (["10.0.0.0/24"], "10.0.0.*;*;*;flow"),
        (["172.16.0.0/12"], "172.*;*;*;flow"),
        (["0.0.0.0/0"], "*;*;*;flow"),
        (["2001:db8::1/128"], "2001:db8::1;*;*;flow"),
        (["::ffff:1.2.3.4/128"], "::ffff:1.2.3.4;*;*;flow"),
        (["2001:db8::/32"], "*;*;*;flow"),
        (["10.0.0.1/32", "10.0.0.2/32"], "*;*;*;flow"),
    ],
)
def test_a_single_network_narrows_the_scan_down(clients: list[str], narrowed: str) -> None:
    """A single network narrows the pattern to the text that all its addresses begin with."""
    wanted = Filter(clients=tuple(ip_network(client) for client in clients))

    assert pattern(FlowKey, wanted) == narrowed


def test_the_port_and_the_service_narrow_it_down_too() -> None:
    """A port narrows the pattern for flows, a service those for flows and peers, and neither that for clients."""
    wanted = Filter(services=(ip_network("8.8.8.8/32"),), ports=frozenset({53}))

    assert pattern(FlowKey, wanted) == "*;8.8.8.8;53;flow"
    assert pattern(PeerKey, wanted) == "*;8.8.8.8;peer"
    assert pattern(ClientKey, wanted) == "client;*"


@given(st.ip_addresses(), st.ip_addresses(), PORTS)
def test_an_empty_filter_takes_everything(client: Address, service: Address, port: int) -> None:
    """An empty filter matches everything."""
    assert Filter().takes(client, service, port)
    assert Filter().takes_client(client)


def test_each_part_of_a_filter_must_agree() -> None:
    """Client, service and port must all match, each at least one of the values in the filter."""
    wanted = Filter(
        clients=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")),
        services=(ip_network("8.8.8.8/32"),),
        ports=frozenset({53, 443}),
    )
    client, service = IPv4Address("10.1.1.1"), IPv4Address("8.8.8.8")

    assert wanted.takes(client, service, 443)
    assert wanted.takes(IPv6Address("2001:db8::1"), service, 53)
    assert wanted.takes(client, service, 1, 53)
    assert not wanted.takes(ip_address("11.0.0.1"), service, 443)
    assert not wanted.takes(client, client, 443)
    assert not wanted.takes(client, service, 80)
