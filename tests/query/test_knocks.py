"""Origins of knocks: rows of hashes, joins of several stores, and filters."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.keys import knock_fields, knock_key
from shodohflo.keys.knocks import MOST_TARGETS
from shodohflo.model import UDP, End, Knock
from shodohflo.query.filters import Filter
from shodohflo.query.knocks import join_knocks, knock_place, knock_row, takes_knock
from shodohflo.store.reading import HashRecord
from support.seen import SECOND, end

if TYPE_CHECKING:
    from shodohflo.query.rows import KnockRow

SSH, SNMP = end("10.0.0.5", 22), end("2001:db8::5", 161, UDP)


def row(origin: str = "203.0.113.9", *targets: End, name: str = "", **fields: str) -> KnockRow | None:
    """Return the row of an origin that knocked from 1000 to 1012 s, with other fields in place of its own."""
    network = ip_network(origin)
    knock = Knock(network, 1000 * SECOND, 1012 * SECOND, 5, 11, 2, 16, targets or (SSH, SNMP))
    record = HashRecord(name or knock_key(network), knock_fields(knock, "bert", "4f1c9a") | fields, 500.0)
    return knock_row(record, "one", 1020.0)


def known(origin: str = "203.0.113.9", *targets: End, **fields: str) -> KnockRow:
    """Return the same, which is there."""
    made = row(origin, *targets, **fields)
    assert made is not None
    return made


def test_a_hash_becomes_a_row() -> None:
    """The row has the sums, the times, the age, and the ends that were tried."""
    made = known()

    assert (made.kind, made.origin, made.is_many) == ("knock", ip_network("203.0.113.9"), False)
    assert (made.refused, made.silent, made.attempts, made.hosts, made.ports) == (5, 11, 16, 2, 16)
    assert (made.first, made.last, made.age, made.expires_in) == (1000.0, 1012.0, 8.0, 500.0)
    assert [(target.protocol, target.port) for target in made.targets] == [("tcp", 22), ("udp", 161)]
    assert (made.agents, made.stores) == (("bert",), ("one",))


@pytest.mark.parametrize("origin", ["203.0.113.0/24", "2001:db8::/64"])
def test_a_network_stands_for_many(origin: str) -> None:
    """The origin of summed attempts is a network."""
    assert known(origin).is_many
    assert known(origin).as_dict()["origin"] == origin


@pytest.mark.parametrize("name", ["knock;203.0.113.9/24", "knock;203.0.0.0/16", "knock;x", "knock;203.0.113.009"])
def test_another_spelling_is_none_of_ours(name: str) -> None:
    """Only addresses and the two lengths of networks are origins."""
    assert row(name=name) is None


def test_a_hash_without_times_is_none_of_ours() -> None:
    """An origin is only a row with possible times; malformed counts are nothing."""
    assert row(first="later") is None
    assert known(**{"refused.bert;4f1c9a": "-5", "silent.bert;4f1c9a": "9" * 30}).attempts == 0


def test_several_stores_are_one_row() -> None:
    """Attempts add up, ends and times are those of all, and each end is told once, the first ones first."""
    early = replace(known("203.0.113.9", SSH), first=900.0, last=950.0, agents=("ernie",), stores=("b",))
    early = replace(early, targets=(replace(early.targets[0], last=950.0),), hosts=7)

    joined = join_knocks([known(), early], 1020.0)

    assert (joined.refused, joined.silent, joined.hosts, joined.ports) == (10, 22, 7, 16)
    assert (joined.first, joined.last, joined.age) == (900.0, 1012.0, 8.0)
    assert [(target.port, target.last) for target in joined.targets] == [(22, 950.0), (161, 1012.0)]
    assert (joined.agents, joined.stores) == (("bert", "ernie"), ("one", "b"))


def test_a_join_is_bounded() -> None:
    """However many ends the stores name, so many are told as one store may have."""
    rows = [known("203.0.113.9", *(end("10.0.0.5", port) for port in range(begin, begin + 32))) for begin in (1, 100)]

    assert len(join_knocks(rows, 1020.0).targets) == MOST_TARGETS


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Filter(clients=(ip_network("203.0.113.0/24"),)), True),
        (Filter(clients=(ip_network("203.0.113.8"),)), False),
        (Filter(clients=(ip_network("2001:db8::/32"),)), False),
        (Filter(not_clients=(ip_network("203.0.113.0/24"),)), False),
        (Filter(services=(ip_network("10.0.0.0/8"),)), True),
        (Filter(services=(ip_network("11.0.0.0/8"),)), False),
        (Filter(not_services=(ip_network("10.0.0.5"),)), False),
        (Filter(ports=frozenset({161})), True),
        (Filter(ports=frozenset({23})), False),
        (Filter(not_ports=frozenset({22})), False),
        (Filter(within=8.0), True),
        (Filter(within=7.9), False),
    ],
)
def test_an_origin_is_a_client_and_what_it_tried_are_services(wanted: Filter, taken: bool) -> None:  # noqa: FBT001 - expectations
    """One wanted end is enough, one unwanted is too many, as everywhere."""
    assert takes_knock(wanted, known()) is taken


def test_a_network_is_wanted_for_any_of_its_addresses_and_unwanted_with_all_of_them() -> None:
    """Nobody knows which address of the network knocked, so it is shown for each, and hidden only with all."""
    network = known("203.0.113.0/24")

    assert takes_knock(Filter(clients=(ip_network("203.0.113.77"),)), network)
    assert takes_knock(Filter(not_clients=(ip_network("203.0.113.77"),)), network)
    assert not takes_knock(Filter(not_clients=(ip_network("203.0.0.0/16"),)), network)


def test_origins_are_sorted_by_number() -> None:
    """By address as a number, a network before its first address; IPv4 comes first."""
    rows = [known(origin) for origin in ("9.0.0.1", "203.0.113.0/24", "203.0.113.0", "203.0.113.9", "2001:db8::/64")]

    assert sorted([*rows[2:], *rows[:2]], key=knock_place) == rows
