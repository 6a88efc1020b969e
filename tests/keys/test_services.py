"""The hash of a service: what an agent writes into it, and what a reader takes from it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.services import StoredService, service_end, service_fields, service_key
from shodohflo.keys.sightings import Sightings
from shodohflo.model import MOST_CLIENTS, RUNGS, TCP, UDP, End, Rung, ServiceSeen
from support.observing import ADDRESSES, PORTS

END = End(ip_address("10.0.0.9"), TCP, 54321)
NAME = "service;10.0.0.9;tcp;54321"
SEEN = ServiceSeen(END, first=1_700_000_000_250_000_000, last=1_700_000_009_500_000_000, rung=Rung.HANDSHAKE, clients=3)
FIELDS = {
    "first": "1700000000.250000",
    "last": "1700000009.500000",
    "evidence": "handshake",
    "clients": "3",
    "agent.bert": "1700000009.500000",
}


def test_the_example_of_the_module_is_true() -> None:
    """An agent writes the fields that the module shows, and a reader gets back what it knew."""
    assert service_key(END) == NAME
    assert service_fields(SEEN, "bert") == FIELDS
    assert StoredService.from_fields(NAME, FIELDS) == StoredService(
        END, Sightings(1700000000.25, 1700000009.5, {"bert": 1700000009.5}), Rung.HANDSHAKE, 3
    )


@given(st.builds(End, ADDRESSES, st.sampled_from([TCP, UDP]), PORTS))
def test_a_name_is_that_of_one_end(end: End) -> None:
    """Both directions agree, for both families and protocols."""
    assert service_end(service_key(end)) == end


@pytest.mark.parametrize(
    "name", ["", "service;", "10.0.0.9;tcp;80", "service;10.0.0.9;tcp;80;flow", "service;a;tcp;80"]
)
def test_another_name_is_that_of_none(name: str) -> None:
    """A key of another program has no end, and no hash of ours."""
    assert service_end(name) is None
    assert StoredService.from_fields(name, FIELDS) is None


def test_a_name_with_ipv4_fits_a_dns_label() -> None:
    """The longest name can be asked for with dig."""
    assert len(service_key(End(ip_address("255.255.255.255"), UDP, 65535))) <= 63


@pytest.mark.parametrize("rung", RUNGS.values())
def test_every_rung_is_written_and_read(rung: Rung) -> None:
    """The word of each rung comes back as the rung."""
    fields = service_fields(ServiceSeen(END, 1, 2, rung, 0), "bert")
    stored = StoredService.from_fields(NAME, fields)

    assert stored is not None
    assert stored.rung is rung


@pytest.mark.parametrize(
    ("field", "value", "rung", "clients"),
    [
        ("evidence", "hearsay", Rung.NONE, 3),
        ("evidence", "", Rung.NONE, 3),
        ("evidence", "\x1b[2J" * 10_000, Rung.NONE, 3),
        ("clients", "-1", Rung.HANDSHAKE, 0),
        ("clients", "many", Rung.HANDSHAKE, 0),
        ("clients", "9" * 10_000, Rung.HANDSHAKE, 0),
        ("clients", str(10 * MOST_CLIENTS), Rung.HANDSHAKE, MOST_CLIENTS),
        ("theirs", "x" * 10_000, Rung.HANDSHAKE, 3),
    ],
)
def test_a_field_out_of_bounds_is_left_out(field: str, value: str, rung: Rung, clients: int) -> None:
    """All others are read as ever."""
    stored = StoredService.from_fields(NAME, FIELDS | {field: value})

    assert stored is not None
    assert (stored.rung, stored.clients) == (rung, clients)


def test_more_clients_than_are_told_apart_are_written_as_the_most() -> None:
    """The number is bounded where it is written, too."""
    assert service_fields(ServiceSeen(END, 1, 2, Rung.BITS, 10**9), "bert")["clients"] == str(MOST_CLIENTS)


@given(st.dictionaries(st.sampled_from(list(FIELDS)) | st.text(), st.text() | st.sampled_from(list(FIELDS.values()))))
def test_any_hash_can_be_read(fields: dict[str, str]) -> None:
    """Parsing a hash with any content raises nothing."""
    stored = StoredService.from_fields(NAME, fields)

    assert stored is None or 0 <= stored.clients <= MOST_CLIENTS
