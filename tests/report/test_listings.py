"""Listings: the cells of each kind of row, and their orders."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from shodohflo.keys.detail import ProtocolSum
from shodohflo.query.rows import ClientRow, FlowRow, PeerRow, ReconRow
from shodohflo.query.sums import clients_of
from shodohflo.report.listings import CLIENTS, FLOWS, PEERS, RECON
from support.rows import FLOW


def flow(client: str, port: int, packets: int, *, age: float | None = 3.0, expires_in: float | None = 9.0) -> FlowRow:
    """Return a flow to one service."""
    return replace(
        FLOW,
        client=ip_address(client),
        port=port,
        octets=packets * 100,
        protocols=(ProtocolSum("udp", packets, packets * 100),),
        rule="FLOW_MAPPING[1]",
        packets=packets,
        age=age,
        expires_in=expires_in,
    )


def test_a_flow_in_cells() -> None:
    """A flow fills all cells, with the name of the port by its protocol."""
    assert FLOWS.cells(flow("192.0.2.1", 514, 1234)) == (
        "192.0.2.1",
        "198.51.100.1",
        "514",
        "syslog",
        "1,234",
        "123 kB",
        "3s",
        "udp",
        "FLOW_MAPPING[1]",
    )


def test_what_a_store_does_not_say_is_left_blank() -> None:
    """Fields that the store does not have are empty cells."""
    bare = FlowRow(
        client=ip_address("::ffff:192.0.2.1"),
        service=ip_address("2001:db8::1"),
        port=49_151,
        octets=None,
        first=None,
        last=None,
        protocols=(),
        rule="",
        sentence="",
        agents=(),
        packets=1,
        age=None,
        expires_in=None,
        stores=("one",),
    )

    assert FLOWS.cells(bare) == ("::ffff:192.0.2.1", "2001:db8::1", "49151", "", "1", "", "", "", "")


@pytest.mark.parametrize(
    ("client", "code", "what"),
    [
        ("192.0.2.1", None, "reset"),
        ("192.0.2.1", 3, "port unreachable"),
        ("192.0.2.1", 13, "prohibited"),
        ("192.0.2.1", 200, "unreachable, code 200"),
        ("2001:db8::1", 0, "no route"),
        ("2001:db8::1", 4, "port unreachable"),
    ],
)
def test_closed_doors_in_words(client: str, code: int | None, what: str) -> None:
    """A code of an unreachable has a different meaning in IPv4 and in IPv6."""
    row = ReconRow(
        kind="rst" if code is None else "icmp",
        client=ip_address(client),
        remote=ip_address("198.51.100.1"),
        client_port=40000,
        remote_port=23,
        code=code,
        packets=1,
        age=61.0,
        expires_in=None,
        stores=("one",),
    )

    assert RECON.cells(row) == (client, "198.51.100.1", "23", "telnet", what, "1", "1m", "40000")


def test_every_listing_has_a_cell_for_each_column() -> None:
    """The cells of a row are as many as the columns of its listing."""
    common = {"packets": 1, "age": None, "expires_in": None, "stores": ()}
    client = ClientRow(client=ip_address("::1"), **common)  # type: ignore[arg-type] # a plain dict of their values
    peer = PeerRow(address=ip_address("::1"), peer=ip_address("::2"), **common)  # type: ignore[arg-type] # as above

    assert len(FLOWS.columns) == len(FLOWS.cells(flow("::1", 1, 1)))
    assert len(CLIENTS.columns) == len(CLIENTS.cells(client))
    assert len(PEERS.columns) == len(PEERS.cells(peer))


def test_orders() -> None:
    """Packets sort descending, all else ascending, an unknown age last; an unknown order changes nothing."""
    rows = [
        flow("192.0.2.10", 80, 1, age=None),
        flow("192.0.2.9", 443, 5, age=7.0),
        flow("2001:db8::1", 22, 3, age=1.0),
    ]

    def ports(by: str) -> list[int]:
        return [row.port for row in FLOWS.sorted(rows, by)]

    assert ports("packets") == [443, 22, 80]
    assert ports("age") == [22, 443, 80]
    assert ports("port") == [22, 80, 443]
    assert ports("client") == [443, 80, 22]
    assert ports("service") == [22, 80, 443]
    assert [row.packets for row in CLIENTS.sorted(clients_of(rows), "port")] == [1, 5, 3]
