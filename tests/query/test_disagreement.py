"""What sensors disagree about, and what only looks like it."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import ip_address
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.detail import ProtocolSum
from shodohflo.model import TCP, UDP, Rung
from shodohflo.query.disagreement import SLACK, Inventory, disagreements, find_disagreements
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Reader
from shodohflo.query.rows import ServiceRow
from shodohflo.store.connection import SocketStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.observing import SECOND, Seen, observed
from support.rows import FLOW
from support.seen import end, write_service
from support.serving import PATIENCE, Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.query.rows import DisagreeingRow, FlowRow

A, B, C = ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("10.0.0.3")
TCP_ONLY, UDP_ONLY = (ProtocolSum("tcp", 2, 200),), (ProtocolSum("udp", 2, 200),)
FORTH = replace(FLOW, client=A, service=B, port=443, evidence="handshake", agents=("bert",), stores=("one",))
BACK = replace(FORTH, client=B, service=A, port=54321, evidence="guessed", agents=("ernie",), stores=("two",))
TIMES = st.sampled_from([None, 10.0, 10.0 + SLACK, 10.1 + SLACK, 99.0 + 2 * SLACK])
DRAWN: dict[str, st.SearchStrategy[Any]] = {
    "port": st.sampled_from([22, 443, 50_000, 50_001]),
    "evidence": st.sampled_from(["", "guessed", "handshake"]),
    "agents": st.sampled_from([(), ("bert",), ("ernie",), ("bert", "ernie")]),
    "stores": st.sampled_from([("one",), ("two",)]),
    "protocols": st.sampled_from([(), TCP_ONLY, UDP_ONLY, TCP_ONLY + UDP_ONLY]),
    "first": TIMES,
    "last": TIMES,
}
"""What rows of two hosts may differ in."""


def service(address: object, port: int, evidence: str) -> ServiceRow:
    """Return a row of the inventory."""
    seen: dict[str, Any] = {"first": 1.0, "last": 2.0, "new": False, "gone": False, "age": 1.0, "expires_in": None}
    return ServiceRow(
        address=ip_address(str(address)),
        port=port,
        protocol="tcp",
        evidence=evidence,
        clients=1,
        agents=(),
        stores=(),
        **seen,
    )


def told(*flows: FlowRow, services: Sequence[ServiceRow] = ()) -> list[DisagreeingRow]:
    """Return what sensors disagree about."""
    return disagreements(flows, Inventory.of(flows, services))


def ports(rows: Sequence[DisagreeingRow]) -> list[tuple[int, int, bool]]:
    """Return the pair, the port and the mark of each row."""
    return [(row.pair, row.port, row.contradicted) for row in rows]


def test_rows_with_their_ends_exchanged_are_told_together() -> None:
    """Each row has its own rule, evidence, agents and stores; what proof contradicts is marked."""
    first, second = told(FORTH, replace(BACK, rule="FLOW_MAPPING[4]"))

    assert (first.client, first.port, first.agents, first.stores) == (A, 443, ("bert",), ("one",))
    assert (second.client, second.port, second.agents, second.stores) == (B, 54321, ("ernie",), ("two",))
    assert (first.evidence, second.evidence, second.rule) == ("handshake", "guessed", "FLOW_MAPPING[4]")
    assert ports([first, second]) == [(1, 443, False), (1, 54321, True)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"evidence": "guessed"}, {}),
        ({"evidence": "roles"}, {"evidence": "rule"}),
        ({"agents": ("bert", "ernie"), "evidence": ""}, {"agents": ("bert",), "stores": ("one",)}),
        ({"agents": (), "evidence": ""}, {"agents": ()}),
        ({"port": 123, "evidence": "guessed"}, {"port": 123}),
        ({"port": 53, "evidence": "rule"}, {"port": 53, "evidence": "rule"}),
        ({"protocols": ()}, {"protocols": UDP_ONLY, "evidence": "guessed"}),
        ({"first": None, "last": None, "evidence": "guessed"}, {}),
        ({"last": 20.0, "evidence": "guessed"}, {"first": 20.0 + SLACK, "last": 99.0}),
        ({"port": 50_000, "evidence": "guessed"}, {"port": 50_001}),
    ],
    ids=[
        "both guessed",
        "weak evidence and a rule",
        "two agents, one with both",
        "unknown agents of two stores",
        "the same port",
        "a wrong rule gives both the same port",
        "a detail that is gone",
        "times that are unknown",
        "an answer a minute later",
        "ports that clients use",
    ],
)
def test_without_proof_on_one_side_nobody_is_marked(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The rows are told, but the stores do not say who is wrong."""
    rows = told(replace(FORTH, **one), replace(BACK, **other))

    assert [row.contradicted for row in rows] == [False, False]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"service": C}),
        ({}, {"client": A, "service": B}),
        ({}, {"agents": ("bert",), "stores": ("one",)}),
        ({}, {"agents": (), "stores": ("one",)}),
        ({"protocols": TCP_ONLY}, {"protocols": UDP_ONLY}),
        ({"last": 20.0}, {"first": 20.1 + SLACK, "last": 99.0}),
        ({}, {"evidence": "known"}),
        ({"evidence": "guessed"}, {"port": 22}),
        ({"port": 123}, {"port": 123, "evidence": "bits"}),
        ({"client": B, "service": B}, {"service": B}),
    ],
    ids=[
        "other hosts",
        "the same direction",
        "one sensor",
        "perhaps one sensor",
        "TCP and UDP",
        "one after the other",
        "two proven services",
        "two well-known ports",
        "two proven services on one port",
        "a host with itself",
    ],
)
def test_what_cannot_be_the_same_packets_is_no_disagreement(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two hosts that use each other are left out, and so is what was never the same conversation."""
    assert told(replace(FORTH, **one), replace(BACK, **other)) == []


def test_the_inventory_proves_a_service_for_all_rows() -> None:
    """An agent that saw the service answer is believed where another one only guesses; one direction is no proof."""
    guessed = replace(FORTH, evidence="guessed")

    assert ports(told(guessed, BACK, services=[service(B, 443, "handshake")])) == [(1, 443, False), (1, 54321, True)]
    assert ports(told(guessed, BACK, services=[service(A, 54321, "known")])) == []
    assert ports(told(guessed, BACK, services=[service(B, 443, "handshake, one way")])) == [
        (1, 443, False),
        (1, 54321, False),
    ]


def test_a_high_port_that_is_proven_beats_a_well_known_one() -> None:
    """The port names the service only until something shows it."""
    wrong, right = replace(FORTH, evidence="guessed", port=60_000), replace(BACK, evidence="own socket")

    assert ports(told(wrong, right)) == [(1, 60_000, True), (1, 54321, False)]


def test_all_rows_of_two_hosts_stand_together() -> None:
    """The same flow of several stores, and the ports of many clients, with the pair of most packets first."""
    others = [replace(BACK, port=50_000 + number, packets=10) for number in range(3)]
    elsewhere = replace(FORTH, stores=("three",), evidence="guessed")
    of_c = (replace(FORTH, service=C, packets=1), replace(BACK, client=C, packets=1))

    rows = told(*of_c, FORTH, elsewhere, *others)

    assert ports(rows) == [
        (1, 443, False),
        (1, 443, False),
        (1, 50_000, True),
        (1, 50_001, True),
        (1, 50_002, True),
        (2, 443, False),
        (2, 54321, True),
    ]


def test_sensors_that_record_both_directions_agree() -> None:
    """Two hosts that use each other, seen by two agents alike, are no disagreement, in two stores or in one."""
    forth, back = replace(FORTH, port=2222, evidence=""), replace(BACK, port=2222, evidence="")
    by_ernie, by_bert = (
        replace(forth, agents=("ernie",), stores=("two",)),
        replace(back, agents=("bert",), stores=("one",)),
    )
    of_both = [replace(row, agents=("bert", "ernie"), stores=("one",)) for row in (forth, back)]

    assert told(forth, by_ernie, back, by_bert) == []
    assert told(*of_both) == []
    assert len(told(forth, back, by_bert)) == 2


def test_a_row_is_told_with_every_row_that_it_contradicts() -> None:
    """However many other rows of the two hosts have more packets."""
    forth, back = (replace(row, protocols=UDP_ONLY, evidence="guessed", packets=1) for row in (FORTH, BACK))
    others = [replace(BACK, port=40_000 + number, packets=99) for number in range(400)]

    rows = told(*others, replace(back, port=50_000), replace(forth, port=5000))

    assert ports(rows) == [(1, 5000, False), (1, 50_000, False)]


def test_two_hosts_with_all_ports_in_both_directions_take_seconds() -> None:
    """The cost grows with the number of rows, not with its square."""
    forth = [replace(FORTH, port=port, evidence="guessed") for port in range(30_000, 50_000)]
    back = [replace(BACK, port=port) for port in range(30_000, 50_000)]

    began = time.monotonic()
    rows = told(*forth, *back)

    assert len(rows) == 40_000
    assert time.monotonic() - began < PATIENCE


@given(st.lists(st.builds(replace, st.sampled_from([FORTH, BACK]), **DRAWN)))
def test_it_is_what_comparing_each_row_with_each_other_gives(flows: list[FlowRow]) -> None:
    """The rows and their marks are those of the law in the module's words, written out for two rows."""
    flows = list({(row.client, row.port, row.stores): row for row in flows}.values())
    inventory = Inventory.of(flows, [])
    expected = set()
    for one in flows:
        opposing = [other for other in flows if contradict(one, other, flows, inventory)]
        if opposing:
            wrong = not inventory.proves(one) and any(map(inventory.proves, opposing))
            expected.add((one.client, one.port, one.stores, wrong))

    assert {(row.client, row.port, row.stores, row.contradicted) for row in told(*flows)} == expected


def contradict(one: FlowRow, other: FlowRow, flows: Sequence[FlowRow], inventory: Inventory) -> bool:
    """Return whether two rows contradict each other, of `flows` that are not summed over stores."""

    def recorders(row: FlowRow) -> set[tuple[str, str]]:
        same = [each for each in flows if (each.client, each.port) == (row.client, row.port)]
        return {(store, agent) for each in same for store in each.stores for agent in each.agents or ("",)}

    mine, yours = ({each.protocol for each in row.protocols} for row in (one, other))
    real = inventory.proves if one.port == other.port else inventory.is_service
    times = [[-inf, inf] if None in (row.first, row.last) else [row.first or 0, row.last or 0] for row in (one, other)]
    return all(
        (
            one.client == other.service,
            not mine or not yours or mine & yours,
            times[0][0] <= times[1][1] + SLACK and times[1][0] <= times[0][1] + SLACK,
            one.stores != other.stores or (one.agents and other.agents and len({*one.agents, *other.agents}) > 1),
            recorders(one) != recorders(other),
            not real(one) or not real(other),
        )
    )


def write(server: Server, agent: str, *rows: Seen) -> None:
    """Write rows as an agent does, all of the same time."""
    with Writer(Single(SocketStore(server.path)), agent=agent, lifetime=900) as writer:
        seen = [replace(row, first=100 * SECOND, last=109 * SECOND) for row in rows]
        writer.offer(observed(*seen), ("the rule in words",))
        assert writer.flush(PATIENCE)


def test_disagreements_of_real_stores_are_found(servers: list[Server]) -> None:
    """In two stores, and between two agents of one; a filter takes the pairs of which it takes one row."""
    one, two = servers[:2]
    write(one, "bert", Seen(A, B, 443, protocol=TCP), Seen(A, C, 53, protocol=UDP))
    write(one, "ernie", Seen(C, A, 40_000, protocol=UDP))
    write(two, "grover", Seen(B, A, 54321, protocol=TCP, packets=9))
    with one.client() as client:
        write_service(client, end(str(B), 443), first=100, last=109, rung=Rung.HANDSHAKE)
    reader = Reader([SocketStore(server.path) for server in servers], by_store=True)

    every = find_disagreements(reader, Filter(), now=110.0).rows
    of_dns = find_disagreements(reader, Filter(ports=frozenset({53})), now=110.0).rows

    assert ports(every) == [(1, 443, False), (1, 54321, True), (2, 53, False), (2, 40_000, False)]
    assert [row.agents for row in every] == [("bert",), ("grover",), ("bert",), ("ernie",)]
    assert [row.stores for row in every[:2]] == [(f"unix://{one.path}",), (f"unix://{two.path}",)]
    assert [row.port for row in of_dns] == [53, 40_000]
