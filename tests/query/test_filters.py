"""Filters: a pattern may match too many keys, but never too few."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys import ProtocolSum, to_key
from shodohflo.model import Address, ClientKey, FlowKey, Key, Network, PeerKey, ResetKey, UnreachableKey
from shodohflo.query.filters import AddressSet, Filter, pattern
from support.observing import KEYS, PORTS
from support.rows import FLOW


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


def test_what_is_unwanted_is_left_out() -> None:
    """An exclusion wins over what is wanted, and none of several ports may be unwanted."""
    bert, dns = IPv4Address("10.0.0.1"), IPv4Address("8.8.8.8")
    tens = (ip_network("10.0.0.0/8"),)

    assert not Filter(clients=tens, not_clients=(ip_network(bert),)).takes(bert, dns, 53)
    assert Filter(not_clients=(ip_network(dns),)).takes(bert, dns, 53)
    assert not Filter(not_services=(ip_network("8.8.0.0/16"),)).takes(bert, dns, 53)
    assert not Filter(ports=frozenset({53}), not_ports=frozenset({4711})).takes(bert, dns, 4711, 53)
    assert not Filter(not_clients=tens).takes_client(bert)


def test_a_pair_is_left_out_whichever_end_is_unwanted() -> None:
    """Pairs have no roles, so an exclusion holds for both ends."""
    one, other = IPv4Address("10.0.0.1"), IPv4Address("8.8.8.8")

    for unwanted in (Filter(not_clients=(ip_network(one),)), Filter(not_services=(ip_network(one),))):
        assert not unwanted.takes_pair(one, other)
        assert not unwanted.takes_pair(other, one)
    assert Filter(clients=(ip_network(one),)).takes_pair(one, other)
    assert not Filter(clients=(ip_network(one),)).takes_pair(other, one)


def test_protocols_and_age_of_a_flow_count_too() -> None:
    """One wanted protocol is enough, one unwanted is too many, and an unknown age is not young."""
    both = replace(FLOW, protocols=(ProtocolSum("tcp", 1, 60), ProtocolSum("udp", 1, 60)), age=5.0)
    udp, none = frozenset({"udp"}), replace(FLOW, protocols=(), age=None)

    assert Filter(protocols=udp).takes_flow(both)
    assert not Filter(not_protocols=udp).takes_flow(both)
    assert not Filter(protocols=udp).takes_flow(none)
    assert Filter(not_protocols=udp).takes_flow(none)
    assert Filter(within=5.0).takes_flow(both)
    assert not Filter(within=4.9).takes_flow(both)
    assert not Filter(within=1e9).takes_flow(none)
    assert not Filter(ports=frozenset({1})).takes_flow(both)


def test_evidence_of_a_flow_counts_too() -> None:
    """A flow is taken by the word of its evidence; unknown evidence is not guessed, nor is it unwanted."""
    guessed, wanted = replace(FLOW, evidence="guessed"), frozenset({"guessed"})

    assert Filter(evidence=wanted).takes_flow(guessed)
    assert not Filter(not_evidence=wanted).takes_flow(guessed)
    assert not Filter(evidence=wanted).takes_flow(FLOW)
    assert not Filter(evidence=wanted).takes_flow(replace(FLOW, evidence=""))
    assert Filter(not_evidence=wanted).takes_flow(replace(FLOW, evidence=""))
    assert Filter(evidence=wanted).is_about_flows
    assert Filter(not_evidence=wanted).is_about_flows


def test_kinds_of_failed_attempts_can_be_chosen() -> None:
    """Without a kind, both are taken."""
    assert Filter().takes_kind("rst")
    assert Filter(kinds=frozenset({"rst"})).takes_kind("rst")
    assert not Filter(kinds=frozenset({"rst"})).takes_kind("icmp")


@given(st.lists(st.tuples(st.ip_addresses(), st.integers(0, 128)), max_size=5), st.lists(st.ip_addresses(), max_size=5))
def test_a_set_of_addresses_agrees_with_its_prefixes(drawn: list[tuple[Address, int]], sample: list[Address]) -> None:
    """The sorted ranges hold exactly the addresses of the prefixes, which may overlap and touch."""
    networks = [around(address, length) for address, length in drawn]
    edges = [network[place] for network in networks for place in (0, -1)]
    addresses = AddressSet.of(networks)

    for address in sample + edges:
        assert (address in addresses) == any(address in network for network in networks)
