"""The inventory of services: cells and orders."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from shodohflo.query.rows import ServiceRow
from shodohflo.report.services import SERVICES

DNS = ServiceRow(
    address=ip_address("10.0.0.9"),
    port=53,
    protocol="udp",
    evidence="bits",
    clients=12,
    first=1000.0,
    last=1060.0,
    new=False,
    gone=False,
    agents=("bert", "ernie"),
    age=5.0,
    expires_in=None,
    stores=("one",),
)


def test_a_service_in_cells() -> None:
    """A service fills all cells, with the name of its port, and FIRST is an age as AGE is."""
    assert SERVICES.cells(DNS) == ("10.0.0.9", "53", "domain", "udp", "bits", "12", "1m", "5s", "", "bert,ernie")
    assert len(SERVICES.columns) == len(SERVICES.cells(DNS))


def test_clients_are_counted_up_to_a_bound() -> None:
    """At the bound there may be more, and the cell says so."""
    assert SERVICES.cells(replace(DNS, clients=999))[5] == "999"
    assert SERVICES.cells(replace(DNS, clients=1000))[5] == "1000+"


def test_marks_are_words() -> None:
    """A service can be new and gone."""
    assert SERVICES.cells(replace(DNS, new=True))[8] == "new"
    assert SERVICES.cells(replace(DNS, gone=True))[8] == "gone"
    assert SERVICES.cells(replace(DNS, new=True, gone=True))[8] == "new, gone"


@pytest.mark.parametrize(
    ("by", "ports"),
    [
        ("address", [443, 53, 22]),
        ("port", [22, 53, 443]),
        ("protocol", [22, 443, 53]),
        ("evidence", [22, 53, 443]),
        ("clients", [22, 53, 443]),
        ("first", [22, 53, 443]),
        ("age", [22, 53, 443]),
        ("mark", [22, 443, 53]),
        ("agents", [53, 22, 443]),
    ],
)
def test_services_can_be_sorted_by_every_column(by: str, ports: list[int]) -> None:
    """Counts the most first, times the latest first, evidence the strongest first; what is unknown comes last."""
    web = replace(
        DNS, address=ip_address("9.0.0.1"), port=443, protocol="tcp", evidence="", clients=3, first=900.0, age=50.0
    )
    web = replace(web, new=True, agents=())
    ssh = replace(
        DNS, address=ip_address("::1"), port=22, protocol="tcp", evidence="handshake", clients=1000, first=1050.0
    )
    ssh = replace(ssh, gone=True, age=1.0, agents=("ernie",))

    assert [row.port for row in SERVICES.sorted([web, DNS, ssh], by)] == ports
    assert "packets" not in SERVICES.orders


def test_evidence_of_one_direction_comes_after_all_of_both() -> None:
    """And before what has none that we know, which is unknown."""
    texts = ("", "handshake, one way", "bits", "handshake")
    rows = [replace(DNS, evidence=evidence) for evidence in texts]

    assert [row.evidence for row in SERVICES.orders["evidence"].sorted(rows)] == list(reversed(texts))
