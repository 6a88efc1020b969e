"""Services that answered: rows of hashes, marks, joins of several stores, and filters."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network

import pytest

from shodohflo.keys import service_fields, service_key
from shodohflo.model import TCP, UDP, Rung, ServiceSeen
from shodohflo.query.filters import Filter
from shodohflo.query.rows import ServiceRow
from shodohflo.query.services import Lately, join_services, place, service_pattern, service_row, takes_service
from shodohflo.store.reading import HashRecord
from support.seen import SECOND, end

SSH = end("10.0.0.9", 22)
LATELY = Lately(new=60.0, gone=60.0)


def record(name: str = "", **fields: str) -> HashRecord:
    """Return the hash of ssh, seen from 1000 to 1100 s, with other fields in place of its own."""
    written = service_fields(ServiceSeen(SSH, 1000 * SECOND, 1100 * SECOND, Rung.KNOWN, 3), "bert")
    return HashRecord(name or service_key(SSH), written | fields, 500.0)


def row(now: float = 1105.0, lately: Lately = LATELY, **fields: str) -> ServiceRow:
    """Return the row of that hash."""
    made = service_row(record(**fields), "one", lately, now)
    assert made is not None
    return made


def test_a_hash_becomes_a_row() -> None:
    """The row has the end of the key, the fields of the hash, and its age."""
    assert row() == ServiceRow(
        address=ip_address("10.0.0.9"),
        port=22,
        protocol="tcp",
        evidence="known",
        clients=3,
        first=1000.0,
        last=1100.0,
        new=False,
        gone=False,
        agents=("bert",),
        age=5.0,
        expires_in=500.0,
        stores=("one",),
    )


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("service;10.0.0.9;tcp;022", {}),
        ("service;10.0.0.9;icmp;22", {}),
        ("service;10.0.0.009;tcp;22", {}),
        ("services;10.0.0.9;tcp;22", {}),
        ("", {"first": "never"}),
        ("", {"last": "9" * 5_000}),
        ("", {"first": "1101"}),
    ],
)
def test_what_is_none_of_ours_is_no_row(name: str, fields: dict[str, str]) -> None:
    """A name in another spelling, and a hash without possible times, are left out."""
    assert service_row(record(name, **fields), "one", LATELY, 1105.0) is None


def test_doubtful_fields_are_left_blank() -> None:
    """Evidence in no word of ours is unknown, and clients are never more than the bound."""
    assert row(evidence="magic").evidence == ""
    assert row(clients="9" * 10).clients == 1000
    assert row(clients="-1").clients == 0


@pytest.mark.parametrize(
    ("now", "new", "gone"),
    [(1060.0, True, False), (1061.0, False, False), (1160.0, False, False), (1161.0, False, True)],
)
def test_new_and_gone_are_a_matter_of_time(now: float, new: bool, gone: bool) -> None:  # noqa: FBT001 - expectations
    """A service is new up to the given age, and gone after the given silence, to the second."""
    marked = row(now)

    assert (marked.new, marked.gone) == (new, gone)


def test_a_clock_that_is_behind_makes_no_negative_age() -> None:
    """A service that was seen in the future is as old as now."""
    assert row(900.0).age == 0.0


def test_several_stores_are_one_row() -> None:
    """The join has the strongest evidence, the most clients, the outer times, all agents and stores, and its marks."""
    other = replace(
        row(),
        evidence="handshake",
        clients=2,
        first=900.0,
        last=1104.0,
        agents=("ernie",),
        expires_in=None,
        stores=("b",),
    )

    joined = join_services([row(), other], Lately(1e9, 0.5), 1105.0)

    assert (joined.evidence, joined.clients, joined.first, joined.last) == ("handshake", 3, 900.0, 1104.0)
    assert (joined.agents, joined.stores, joined.expires_in) == (("bert", "ernie"), ("one", "b"), None)
    assert (joined.age, joined.new, joined.gone) == (1.0, True, True)
    assert join_services([replace(row(), evidence=""), row()], LATELY, 1105.0).evidence == "known"


@pytest.mark.parametrize("weaker", ["", "bits, one way", "no word of ours"])
def test_evidence_of_one_direction_is_stronger_than_none(weaker: str) -> None:
    """As in the hash itself; what is no word of ours is no evidence."""
    rows = [replace(row(), evidence=evidence) for evidence in (weaker, "handshake, one way")]

    assert join_services(rows, LATELY, 1105.0).evidence == "handshake, one way"


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Filter(services=(ip_network("10.0.0.0/8"),)), True),
        (Filter(services=(ip_network("11.0.0.0/8"),)), False),
        (Filter(not_services=(ip_network("10.0.0.9"),)), False),
        (Filter(ports=frozenset({22, 80})), True),
        (Filter(not_ports=frozenset({22})), False),
        (Filter(protocols=frozenset({"udp"})), False),
        (Filter(not_protocols=frozenset({"udp"})), True),
        (Filter(evidence=frozenset({"known"})), True),
        (Filter(not_evidence=frozenset({"known"})), False),
        (Filter(within=5.0), True),
        (Filter(within=4.9), False),
    ],
)
def test_every_part_of_a_filter_counts(wanted: Filter, taken: bool) -> None:  # noqa: FBT001 - expectations
    """A service is chosen by address, port, protocol, evidence and age."""
    assert takes_service(wanted, row()) is taken


@pytest.mark.parametrize(
    ("wanted", "pattern"),
    [
        (Filter(), "service;*;*;*"),
        (Filter(services=(ip_network("10.0.0.9"),), ports=frozenset({22})), "service;10.0.0.9;*;22"),
        (Filter(services=(ip_network("10.0.0.0/8"),), protocols=frozenset({"tcp"})), "service;10.*;tcp;*"),
        (Filter(ports=frozenset({22, 80}), protocols=frozenset({"tcp", "udp"})), "service;*;*;*"),
    ],
)
def test_a_pattern_matches_every_wanted_service(wanted: Filter, pattern: str) -> None:
    """The store leaves out what can be told by a pattern, and never a wanted service."""
    assert service_pattern(wanted) == pattern
    assert fnmatchcase(service_key(SSH), pattern)
    assert takes_service(wanted, row())


def test_evidence_of_one_direction_is_weaker_but_has_the_same_word() -> None:
    """Two stores that know a service keep what both directions showed; a filter finds either."""
    weak = row(evidence="handshake, one way")

    assert join_services([weak, row()], LATELY, 1105.0).evidence == "known"
    assert join_services([row(evidence="nonsense"), weak], LATELY, 1105.0).evidence == "handshake, one way"
    assert takes_service(Filter(evidence=frozenset({"handshake"})), weak)
    assert not takes_service(Filter(not_evidence=frozenset({"handshake"})), weak)


def test_services_are_sorted_by_number() -> None:
    """By address as a number, then by port, then by protocol; IPv4 comes first."""
    ends = [end("9.0.0.9", 80), end("10.0.0.1", 9, TCP), end("10.0.0.1", 9, UDP), end("10.0.0.1", 10), end("::1", 1)]
    rows = [
        replace(row(), address=each.address, port=each.port, protocol="tcp" if each.protocol == TCP else "udp")
        for each in ends
    ]

    assert sorted([*rows[2:], *rows[:2]], key=place) == rows
