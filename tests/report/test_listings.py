"""Listings: the cells of each kind of row, and their orders."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from shodohflo.keys.detail import ProtocolSum
from shodohflo.query.rows import ClientRow, DisagreeingRow, FlowRow, KeyRow, PeerRow, ReconRow, field_names
from shodohflo.report.knocks import KNOCKS
from shodohflo.report.listings import (
    CLIENTS,
    CLIENTS_BY_FLOW,
    DISAGREEING,
    FLOWS,
    PEERS,
    PEERS_BY_FLOW,
    RECON,
    Listing,
)
from shodohflo.report.services import SERVICES
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
        "13s",
        "3s",
        "udp",
        "handshake",
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
        evidence="",
        corrected=None,
        agents=(),
        packets=1,
        age=None,
        expires_in=None,
        stores=("one",),
    )

    assert FLOWS.cells(bare) == ("::ffff:192.0.2.1", "2001:db8::1", "49151", "", "1", "", "", "", "", "", "")


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


def test_flows_are_sorted_by_the_strength_of_their_evidence() -> None:
    """The strongest evidence comes first, and what is unknown last in both directions."""
    flows = [replace(FLOW, evidence=word) for word in ("guessed", "", "handshake", "one-way churn", "own socket")]

    told = [row.evidence for row in FLOWS.sorted(flows, "evidence")]
    turned = [row.evidence for row in FLOWS.sorted(flows, "evidence", reverse=True)]

    assert told == ["own socket", "handshake", "one-way churn", "guessed", ""]
    assert turned == ["guessed", "one-way churn", "handshake", "own socket", ""]


def _flows() -> list[FlowRow]:
    return [
        flow("192.0.2.10", 80, 1, age=None),
        flow("192.0.2.9", 443, 5, age=7.0),
        flow("2001:db8::1", 22, 3, age=1.0),
    ]


@pytest.mark.parametrize(
    ("by", "ports", "reversed_ports"),
    [
        ("packets", [443, 22, 80], [80, 22, 443]),
        ("bytes", [443, 22, 80], [80, 22, 443]),
        ("port", [22, 80, 443], [443, 80, 22]),
        ("client", [443, 80, 22], [22, 80, 443]),
        ("service", [22, 80, 443], [443, 80, 22]),
    ],
)
def test_orders(by: str, ports: list[int], reversed_ports: list[int]) -> None:
    """Counts sort descending, all else ascending, and each order can be reversed."""
    assert [row.port for row in FLOWS.sorted(_flows(), by)] == ports
    assert [row.port for row in FLOWS.sorted(_flows(), by, reverse=True)] == reversed_ports


def test_what_is_unknown_comes_last_in_both_directions() -> None:
    """Rows without a value are last, however the others are sorted."""
    rows = [replace(row, first=place, last=None if row.age is None else 9.0) for place, row in enumerate(_flows())]
    rows[1] = replace(rows[1], octets=None, first=None, protocols=(), rule="")

    for by, last in (("age", 80), ("bytes", 443), ("first", 443), ("protocol", 443), ("rule", 443)):
        assert [FLOWS.sorted(rows, by, reverse=reverse)[-1].port for reverse in (False, True)] == [last, last], by


def test_rules_are_sorted_by_their_number() -> None:
    """Rule 10 comes after rule 9."""
    rows = [replace(FLOW, rule=f"FLOW_MAPPING[{number}]") for number in (10, 9, 11)]

    assert [row.rule[-3:-1] for row in FLOWS.sorted(rows, "rule")] == ["[9", "10", "11"]


def test_a_replay_has_the_times_of_its_packets() -> None:
    """Without an age, FIRST is a date and time in UTC, and the order by age is that of the last packets."""
    rows = [replace(FLOW, age=None, first=0.0, last=last, port=int(last)) for last in (20.0, 30.0)]

    assert FLOWS.cells(rows[0])[6:8] == ("1970-01-01 00:00:00", "")
    assert [row.port for row in FLOWS.sorted(rows, "age")] == [30, 20]


@pytest.mark.parametrize("listing", [FLOWS, PEERS, PEERS_BY_FLOW, CLIENTS, CLIENTS_BY_FLOW, RECON])
def test_every_form_has_the_same_fields(listing: Listing[Any]) -> None:
    """The fields of CSV are those of the JSON objects, and every listing can be sorted by packets and age."""
    common = {"packets": 1, "age": None, "expires_in": None, "stores": ()}
    address = ip_address("::1")
    rows: dict[type, KeyRow] = {
        FlowRow: FLOW,
        PeerRow: PeerRow(address=address, peer=address, **common),  # type: ignore[arg-type] # a plain dict
        ClientRow: ClientRow(client=address, **common),  # type: ignore[arg-type] # the same
        ReconRow: ReconRow(
            kind="rst",
            client=address,
            remote=address,
            client_port=1,
            remote_port=2,
            code=None,
            **common,  # type: ignore[arg-type] # the same
        ),
    }

    assert list(field_names(listing.row)) == list(rows[listing.row].as_dict())
    assert {"packets", "age"} <= set(listing.orders)
    assert all(listing.sorted([rows[listing.row]], by) for by in listing.orders)


@pytest.mark.parametrize("listing", [FLOWS, PEERS, PEERS_BY_FLOW, CLIENTS, CLIENTS_BY_FLOW, RECON])
def test_every_column_is_an_order_by_its_title(listing: Listing[Any]) -> None:
    """A table can be sorted by what is written above a column."""
    titles = {column.title.lower().replace(" ", "-") for column in listing.columns if column.title}

    assert titles <= set(listing.orders)


@pytest.mark.parametrize(("listing", "title"), [(PEERS, "WRITTEN"), (PEERS_BY_FLOW, "AGE"), (RECON, "WRITTEN")])
def test_the_time_of_a_write_is_not_called_an_age(listing: Listing[Any], title: str) -> None:
    """Only rows made of flows have the time of the last packet; others have that of the last write."""
    titles = [column.title for column in listing.columns]

    assert title in titles
    assert {"WRITTEN", "AGE"}.intersection(titles) == {title}


def disagreeing(client: str, pair: int, packets: int, *, contradicted: bool = False) -> DisagreeingRow:
    """Return a row of a pair of hosts."""
    row = flow(client, 443, packets)
    return DisagreeingRow(
        **{name: getattr(row, name) for name in field_names(FlowRow)}, pair=pair, contradicted=contradicted
    )


def test_rows_of_a_pair_stay_together_in_every_order() -> None:
    """The pair of the row that comes first is first, with all its rows in the same order."""
    rows = [disagreeing("192.0.2.1", 1, 1), disagreeing("192.0.2.2", 1, 9), disagreeing("192.0.2.3", 2, 5)]

    by_packets = [(row.pair, row.packets) for row in DISAGREEING.sorted(rows, "packets")]
    by_client = [row.pair for row in DISAGREEING.sorted(rows, "client", reverse=True)]

    assert by_packets == [(1, 9), (1, 1), (2, 5)]
    assert by_client == [2, 1, 1]


def test_who_disagrees_is_in_cells() -> None:
    """A row has what tells who is wrong: evidence, rule, agents, and a mark; by store, its store."""
    cells = DISAGREEING.by_store().cells(disagreeing("192.0.2.1", 7, 1234, contradicted=True))

    assert cells == (
        "7",
        "192.0.2.1",
        "198.51.100.1",
        "443",
        "1,234",
        "3s",
        "udp",
        "handshake",
        "FLOW_MAPPING[1]",
        "bert",
        "contradicted",
        "one",
    )


@pytest.mark.parametrize("listing", [FLOWS, DISAGREEING, PEERS, CLIENTS, RECON, SERVICES, KNOCKS])
def test_by_store_a_listing_has_their_column_and_order(listing: Listing[Any]) -> None:
    """The store comes last, and rows can be sorted by it; the listing itself stays as it is."""
    by_store = listing.by_store()

    assert [column.title for column in by_store.columns] == [*(column.title for column in listing.columns), "STORE"]
    assert set(by_store.orders) - set(listing.orders) == {"store"}
    if listing is FLOWS:
        rows = [replace(FLOW, stores=(name,)) for name in ("two", "one")]
        assert [row.stores for row in by_store.sorted(rows, "store")] == [("one",), ("two",)]
