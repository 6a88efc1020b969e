"""Who knocks, in sentences and sorted."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from shodohflo.attribution.evidence.origins import MOST_DISTINCT
from shodohflo.query.rows import KnockRow, KnockTarget
from shodohflo.report.knocks import KNOCKS, MOST_COUNTED, knock_sentence, order_of
from shodohflo.report.listings import RECON


def target(address: str, port: int, protocol: str = "tcp") -> KnockTarget:
    """Return an end that was tried."""
    return KnockTarget(ip_address(address), protocol, port, 1000.0)


SCAN = KnockRow(
    origin=ip_network("203.0.113.9"),
    refused=1000,
    silent=24,
    hosts=3,
    ports=1024,
    first=1000.0,
    last=1012.5,
    targets=tuple(target("10.0.0.5", port) for port in range(1, 33)),
    agents=("bert",),
    age=61.0,
    expires_in=None,
    stores=("one",),
)


def test_a_scan_is_one_sentence() -> None:
    """Ports, hosts, the time it took, and what came of it."""
    assert knock_sentence(SCAN) == "203.0.113.9: 1,024 ports of 3 hosts in 12 s, 1,000 refused, 24 silent"


def test_what_is_counted_up_to_a_bound_may_be_more() -> None:
    """At the bound of an agent's count the sentence says `at least`, unless there were no more attempts than that."""
    assert MOST_COUNTED == MOST_DISTINCT
    told = knock_sentence(replace(SCAN, silent=64_535))
    assert told.startswith("203.0.113.9: at least 1,024 ports of 3 hosts, 65,535 times in 12 s, ")
    assert "at least" not in knock_sentence(replace(SCAN, ports=1023, silent=64_535))
    assert " of at least 1,024 hosts, " in knock_sentence(replace(SCAN, hosts=1024, silent=64_535))


def test_many_addresses_are_told_as_such() -> None:
    """A network stands for the sum of many origins."""
    assert knock_sentence(replace(SCAN, origin=ip_network("203.0.113.0/24"))).startswith(
        "203.0.113.0/24 (many addresses): 1,024 ports of 3 hosts"
    )


@pytest.mark.parametrize(
    ("targets", "hosts", "ports", "refused", "silent", "told"),
    [
        (("10.0.0.5",), 1, 1, 0, 1, "port 22/tcp (ssh) of 10.0.0.5, 1 silent"),
        (("10.0.0.5",), 1, 1, 0, 15, "port 22/tcp (ssh) of 10.0.0.5, 15 times in 12 s, 15 silent"),
        (("10.0.0.5", "10.0.0.6"), 2, 2, 2, 0, "port 22/tcp (ssh) of 2 hosts in 12 s, 2 refused"),
        (("10.0.0.5", "10.0.0.6"), 2, 3, 3, 0, "3 ports of 2 hosts in 12 s, 3 refused"),
        ((), 1, 1, 0, 1, "1 port of 1 host, 1 silent"),
        ((), 0, 0, 0, 0, "0 ports of 0 hosts, nothing came of it"),
    ],
)
def test_what_is_known_of_few_ends_is_named(  # noqa: PLR0917 - one for each part of the sentence
    targets: tuple[str, ...], hosts: int, ports: int, refused: int, silent: int, told: str
) -> None:
    """A single port or host has its name if all ends that were tried are known; one attempt took no time."""
    ends = tuple(target(address, 22) for address in targets)
    row = replace(SCAN, targets=ends, hosts=hosts, ports=ports, refused=refused, silent=silent)

    assert knock_sentence(row) == f"203.0.113.9: {told}"


def test_the_cells_have_the_first_targets() -> None:
    """Some targets stand in a cell, with how many there are besides."""
    sentence, age, targets, agents = KNOCKS.cells(SCAN)

    assert sentence == knock_sentence(SCAN)
    assert (age, agents) == ("1m", "bert")
    assert targets == "10.0.0.5 1/tcp, 10.0.0.5 2/tcp, 10.0.0.5 3/tcp and 1,021 more"
    assert KNOCKS.cells(replace(SCAN, targets=(target("::1", 161, "udp"),), ports=1))[2] == "::1 161/udp"
    assert KNOCKS.cells(replace(SCAN, targets=()))[2] == ""
    assert len(KNOCKS.columns) == len(KNOCKS.cells(SCAN))


@pytest.mark.parametrize(
    ("by", "origins"),
    [
        ("written", ["203.0.113.9", "9.0.0.1"]),
        ("packets", ["9.0.0.1", "203.0.113.9"]),
        ("client", ["9.0.0.1", "203.0.113.9"]),
        ("service", ["203.0.113.9", "9.0.0.1"]),
        ("port", ["203.0.113.9", "9.0.0.1"]),
        ("what", ["203.0.113.9", "9.0.0.1"]),
        ("client-port", ["203.0.113.9", "9.0.0.1"]),
    ],
)
def test_every_order_of_failed_attempts_is_one_of_origins(by: str, origins: list[str]) -> None:
    """The latest come first where an order has no meaning for origins."""
    other = replace(SCAN, origin=ip_network("9.0.0.1"), refused=0, silent=9000, hosts=1, ports=1, age=70.0)

    assert [str(row.origin.network_address) for row in KNOCKS.sorted([other, SCAN], order_of(by))] == origins
    assert by in RECON.orders
