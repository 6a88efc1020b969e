"""`shodohflo explain --key`: what a store remembers of each kind of key."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from shodohflo.model import UDP
from support.seen import end, write_knock, write_service

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Command
    from support.serving import Server

OURS = ("--our-nets", "192.168.7.0/24", "--our-nets", "2001:db8:7::/48")


@pytest.fixture
def url(server: Server, shodohflo: Command, demo: Path) -> str:
    """Return the URL of a store that holds the demo capture."""
    with server.client() as client:
        client.flushall()
    url = f"unix://{server.path}"
    assert shodohflo("replay", "--store", url, *OURS, demo).exit_code == 0
    return url


def test_a_flow_is_told_with_all_that_its_detail_remembers(shodohflo: Command, url: str) -> None:
    """A flow has packets and bytes by protocol, times, agents, and the sentence of its rule as stored."""
    result = shodohflo("explain", "--key", "192.168.7.20;192.168.7.2;22;flow", "--store", url)

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0] == "192.168.7.20;192.168.7.2;22;flow"
    told = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in lines[1:])
    assert told["client"] == "192.168.7.20"
    assert told["service"] == "192.168.7.2, port 22 (ssh)"
    assert told["packets"] == "182"
    assert told["tcp"] == "182 packets, 68.1 kB"
    assert told["first seen"].startswith("2026-01-05 ")
    assert told["last seen"].startswith("2026-01-05 ")
    assert told["agents"] == "replay"
    assert told["decided by"].startswith(
        "FLOW_MAPPING[0], as it was then: from any network to our_nets: the end with the lower port is the service"
    )
    assert told["expires"].startswith("in 1")
    assert told["stores"] == url


def test_a_service_is_told_with_its_evidence(shodohflo: Command, url: str, server: Server) -> None:
    """A service has port, evidence, clients up to a bound, and times; JSON has the fields of `services`."""
    with server.client() as client:
        write_service(client, end("10.0.0.9", 22), first=1_700_000_000, last=1_700_000_060, clients=1000)
        write_service(client, end("10.0.0.9", 22, UDP), first=1_700_000_000, last=1_700_000_060)
    key = "service;10.0.0.9;tcp;22"

    lines = shodohflo("explain", "--key", key, "--store", url).stdout.splitlines()
    told = json.loads(shodohflo("explain", "--key", key, "--store", url, "--json").stdout)

    assert lines[0] == key
    words = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in lines[1:])
    assert words["service"] == "10.0.0.9, port 22/tcp (ssh)"
    assert words["evidence"].startswith("handshake: the flow's own opening")
    assert (words["clients"], words["agents"], words["stores"]) == ("1,000 or more", "bert", url)
    assert words["first seen"].startswith("2023-11-14 22:13:20 UTC, ")
    assert (told["key"], told["protocol"], told["clients"]) == (key, "tcp", 1000)


def test_an_origin_of_knocks_is_told_with_what_it_tried(shodohflo: Command, url: str, server: Server) -> None:
    """An origin has its sentence and every end that is known, which the table has no room for."""
    with server.client() as client:
        targets = [end("10.0.0.5", port) for port in range(1, 6)]
        write_knock(client, "203.0.113.0/24", *targets, first=1_700_000_000, last=1_700_000_012, silent=5, ports=5)

    lines = shodohflo("explain", "--key", "knock;203.0.113.0/24", "--store", url).stdout.splitlines()

    assert "203.0.113.0/24 (many addresses): 5 ports of 10.0.0.5 in 12 s, 5 silent" in lines[1]
    assert sum(line.strip().startswith("tried ") for line in lines) == 5
    assert "10.0.0.5 3/tcp, " in "".join(lines)


@pytest.mark.parametrize("key", ["service;10.0.0.9;tcp;23", "knock;203.0.113.8"])
def test_what_no_store_has_is_told_in_one_line(shodohflo: Command, url: str, key: str) -> None:
    """A key that is ours and not there is an error, as for flows."""
    result = shodohflo("explain", "--key", key, "--store", url)

    assert result.exit_code == 1
    assert result.stderr == f"shodohflo: no store has the key {key}: it was never written, or it has expired\n"


@pytest.mark.parametrize("key", ["service;10.0.0.9;tcp;023", "service;10.0.0.9;22", "knock;203.0.113.8/24", "knock;"])
def test_another_spelling_is_none_of_our_keys(shodohflo: Command, url: str, key: str) -> None:
    """Each key has one spelling, as keys of flows have."""
    assert "is not one of our keys" in shodohflo("explain", "--key", key, "--store", url).stderr


def test_a_flow_is_remembered_as_json_too(shodohflo: Command, url: str) -> None:
    """The JSON form is the row of `flows --json` with its key."""
    key = "2001:db8:7::15;2001:db8:7::2;22;flow"

    told = json.loads(shodohflo("explain", "--key", key, "--store", url, "--json").stdout)

    rows = map(json.loads, shodohflo("flows", "--store", url, "--json").stdout.splitlines())
    (row,) = (row for row in rows if (row["client"], row["port"]) == ("2001:db8:7::15", 22))
    assert told["key"] == key
    assert told["sentence"].startswith("from any network to our_nets: ")
    assert {name: told[name] for name in ("packets", "protocols", "first", "last", "agents")} == {
        name: row[name] for name in ("packets", "protocols", "first", "last", "agents")
    }


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("192.168.7.20;192.168.7.2;peer", {"address": "192.168.7.20", "peer": "192.168.7.2"}),
        ("192.168.7.2;192.168.7.20;peer", {"address": "192.168.7.2", "peer": "192.168.7.20"}),
        ("client;192.168.7.20", {"client": "192.168.7.20"}),
        (
            "192.168.7.23;192.168.7.2;40023:23;rst",
            {"client": "192.168.7.23, port 40023", "reset by": "192.168.7.2, port 23", "packets": "1"},
        ),
        (
            "192.168.7.23;198.51.100.99;50000:161;1;icmp",
            {"tried": "198.51.100.99, port 161", "reason": "host unreachable"},
        ),
        (
            "2001:db8:7::17;2001:db8:dead::1;50001:443;0;icmp",
            {"tried": "2001:db8:dead::1, port 443", "reason": "no route"},
        ),
    ],
)
def test_other_kinds_are_told_with_what_there_is(shodohflo: Command, url: str, key: str, told: dict[str, str]) -> None:
    """Other keys are shown with their parts, their count and their lifetime."""
    result = shodohflo("explain", "--key", key, "--store", url)

    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == key
    assert {f"{name} {value}" for name, value in told.items()} <= set(lines)
    assert any(line.startswith("expires in ") for line in lines)
    assert any(line.startswith("packets ") for line in lines)


def test_a_key_without_a_detail_hash_is_told_all_the_same(shodohflo: Command, url: str, server: Server) -> None:
    """A flow key without its detail hash is shown with its count only."""
    with server.client() as client:
        client.set("10.0.0.1;8.8.8.8;53;flow", "7")

    result = shodohflo("explain", "--key", "10.0.0.1;8.8.8.8;53;flow", "--store", url)

    assert "packets     7" in result.stdout
    assert "decided by" not in result.stdout
    assert "expires" not in result.stdout


@pytest.mark.parametrize(
    "key",
    [
        "10.9.9.9;8.8.8.8;53;flow",
        "192.168.7.23;192.168.7.2;40024:23;rst",
        "192.168.7.23;198.51.100.99;50000:161;2;icmp",
        "client;8.8.8.8",
        "8.8.8.8;8.8.8.8;peer",
    ],
)
def test_an_unknown_key_is_one_line_with_status_1(shodohflo: Command, url: str, key: str) -> None:
    """A key that no store has is one line with status 1."""
    result = shodohflo("explain", "--key", key, "--store", url)

    assert result.exit_code == 1
    assert result.stderr == f"shodohflo: no store has the key {key}: it was never written, or it has expired\n"


def test_several_stores_are_one(shodohflo: Command, url: str, demo: Path) -> None:
    """The counts of several stores are added up, and each store is named."""
    key = "client;192.168.7.20"

    other = f"{url}?db=1"
    shodohflo("replay", *OURS, "--store", other, demo)

    once = json.loads(shodohflo("explain", "--key", key, "--store", url, "--store", url, "--json").stdout)
    twice = json.loads(shodohflo("explain", "--key", key, "--store", url, "--store", other, "--json").stdout)

    assert once["stores"] == [url]
    assert twice["packets"] == 2 * once["packets"]
    assert twice["stores"] == [url, other]


def test_a_store_that_is_gone_is_named_beside_what_the_others_know(
    shodohflo: Command, url: str, tmp_path: Path
) -> None:
    """The key is shown as the living stores know it, with a line about the dead one."""
    gone = f"unix://{tmp_path / 'gone.sock'}"

    result = shodohflo("explain", "--key", "client;192.168.7.20", "--store", gone, "--store", url)

    assert "client;192.168.7.20" in result.stdout
    assert gone in result.stderr
    assert result.exit_code == 1


def test_without_the_only_store_nothing_is_said_about_the_key(shodohflo: Command) -> None:
    """If a store fails, a key is not said to have expired."""
    result = shodohflo("explain", "--key", "192.0.2.1;192.0.2.2;53;flow", "--store", "redis://127.0.0.1:1")

    assert result.exit_code == 1
    assert "expired" not in result.stderr
