"""Sums of flow rows, by client, by pair of ends, and by flow."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from shodohflo.keys.detail import ProtocolSum
from shodohflo.query.sums import clients_of, join_flows, peers_of
from support.rows import FLOW


def test_packets_of_a_client_and_of_a_pair_add_up() -> None:
    """A sum has all packets, the lowest age and the latest expiry of its flows; one that never expires prevails."""
    other = ip_address("192.0.2.2")
    flows = [
        FLOW,
        replace(FLOW, port=443, packets=3, age=None, expires_in=8.0, stores=("two", "one")),
        replace(FLOW, client=other, packets=1, age=3.0, expires_in=None),
    ]

    clients, peers = clients_of(flows), peers_of(flows)

    assert [(str(row.client), row.packets, row.age, row.expires_in, row.stores) for row in clients] == [
        ("192.0.2.1", 5, 5.0, 8.0, ("one", "two")),
        ("192.0.2.2", 1, 3.0, None, ("one",)),
    ]
    assert [(str(row.address), str(row.peer), row.packets) for row in peers] == [
        ("192.0.2.1", "198.51.100.1", 5),
        ("192.0.2.2", "198.51.100.1", 1),
    ]


def test_rows_of_one_flow_become_one_with_the_rule_that_decided_last() -> None:
    """A joined flow has sums by protocol, the earliest `first`, the latest `last`, and all agents and stores."""
    later = replace(
        FLOW,
        octets=70,
        first=15.0,
        last=30.0,
        protocols=(ProtocolSum("tcp", 1, 50), ProtocolSum("udp", 1, 20)),
        rule="FLOW_MAPPING[4]",
        sentence="the fifth",
        agents=("ernie",),
        stores=("two",),
    )

    joined = join_flows([later, FLOW])

    assert joined == replace(
        later,
        packets=4,
        octets=270,
        first=10.0,
        protocols=(ProtocolSum("tcp", 3, 250), ProtocolSum("udp", 1, 20)),
        agents=("bert", "ernie"),
        stores=("two", "one"),
    )


def test_a_row_without_detail_does_not_hide_what_another_row_knows() -> None:
    """Unknown bytes and times are left out of the sums, not counted as zero."""
    unknown = replace(FLOW, octets=None, first=None, last=None, protocols=(), rule="", sentence="", agents=())

    assert join_flows([unknown, FLOW]) == replace(FLOW, packets=4)
    assert join_flows([unknown, unknown]).octets is None
