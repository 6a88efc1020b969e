"""The readers: the contents of stores as tables and as JSON lines."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from shodohflo.keys.networks import PublishedNetwork, to_fields
from shodohflo.model import UDP, Rung
from shodohflo.store.connection import SocketStore
from shodohflo.store.heartbeat import write_heartbeat
from support.seen import end, write_knock, write_service

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Command
    from support.serving import Server

OURS = ("--our-nets", "192.168.7.0/24", "--our-nets", "2001:db8:7::/48")


@pytest.fixture
def url(server: Server, shodohflo: Command, demo: Path) -> str:
    """Return the URL of a store that holds only the demo capture and a foreign key."""
    with server.client() as client:
        client.flushall()
        client.set("somebody;else", "1")
    url = f"unix://{server.path}"
    assert shodohflo("replay", "--store", url, *OURS, demo).exit_code == 0
    return url


def listed(shodohflo: Command, *arguments: object) -> list[dict[str, Any]]:
    """Return the rows that a reader prints as JSON."""
    result = shodohflo(*(str(argument) for argument in arguments), "--json")
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_replaying_into_a_store_writes_what_keys_would_print(
    server: Server, url: str, shodohflo: Command, demo: Path
) -> None:
    """A replay into a store writes the keys and counts that --keys prints, each with its lifetime."""
    printed = dict(line.split("\t") for line in shodohflo("replay", "--keys", *OURS, demo).stdout.splitlines())

    with server.client() as client:
        stored = {key: client.get(key) for key in printed}
        lifetimes = {client.ttl(key) for key in printed}

    assert url.endswith(str(server.path))
    assert stored == printed
    assert min(lifetimes) > 800
    assert max(lifetimes) <= 900


def test_a_replay_into_a_store_shows_the_ledger_only(shodohflo: Command, url: str, demo: Path) -> None:
    """A replay into a store prints only the ledger."""
    result = shodohflo("replay", "--store", url, *OURS, demo)

    assert result.stdout.startswith("1,677 packets received")


def test_flows_are_listed_with_most_packets_first(shodohflo: Command, url: str) -> None:
    """The default is a table with the names of ports, most packets first."""
    lines = shodohflo("flows", "--store", url).stdout.splitlines()

    titles = ["CLIENT", "SERVICE", "PORT", "PACKETS", "BYTES", "FIRST", "AGE", "PROTOCOL", "EVIDENCE", "RULE"]
    assert lines[0].split() == titles
    assert lines[1].split()[:5] == ["192.168.7.20", "192.168.7.2", "22", "ssh", "182"]
    assert lines[1].split()[-3:] == ["tcp", "guessed", "FLOW_MAPPING[0]"]


def test_flows_without_evidence_can_be_chosen(shodohflo: Command, url: str) -> None:
    """The default rules are about ports, so every flow is guessed; what has evidence is none of them."""
    every = listed(shodohflo, "flows", "--store", url)

    assert listed(shodohflo, "flows", "--store", url, "--guessed", "--sort", "evidence")
    assert len(listed(shodohflo, "flows", "--store", url, "--guessed")) == len(every)
    assert {row["evidence"] for row in every} == {"guessed"}
    assert listed(shodohflo, "flows", "--store", url, "--not-evidence", "guessed") == []
    assert listed(shodohflo, "peers", "--store", url, "--evidence", "handshake") == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--port", "22"], {("192.168.7.20", 22), ("2001:db8:7::15", 22)}),
        (["--port", "22", "--client", "192.168.7.0/24"], {("192.168.7.20", 22)}),
        (["--port", "22", "--port", "80"], {("192.168.7.20", 22), ("2001:db8:7::15", 22), ("192.168.7.22", 80)}),
        (
            ["--service", "2001:db8:7::2", "--client", "2001:db8:7::15"],
            {("2001:db8:7::15", 22), ("2001:db8:7::15", 123)},
        ),
        (["--client", "198.51.100.1"], set()),
    ],
)
def test_flows_can_be_narrowed_down(
    shodohflo: Command, url: str, arguments: list[str], expected: set[tuple[str, int]]
) -> None:
    """Filters by client, service and port can be combined and repeated."""
    rows = listed(shodohflo, "flows", "--store", url, *arguments)

    assert {(row["client"], row["port"]) for row in rows} == expected


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("packets", lambda row: -row["packets"]),
        ("age", lambda row: row["age"]),
        ("port", lambda row: row["port"]),
    ],
)
def test_flows_can_be_sorted(shodohflo: Command, url: str, sort: str, key: Any) -> None:  # noqa: ANN401 - a sort key
    """The order is most packets first, latest first, or lowest port first."""
    rows = listed(shodohflo, "flows", "--store", url, "--sort", sort)

    assert rows == sorted(rows, key=key)
    assert len(rows) > 40


def test_addresses_are_sorted_by_number(shodohflo: Command, url: str) -> None:
    """Addresses are in numeric order, IPv4 before IPv6."""
    clients = [row["client"] for row in listed(shodohflo, "flows", "--store", url, "--sort", "client")]

    assert clients[0] == "192.168.7.1"
    assert clients.index("192.168.7.24") < clients.index("203.0.113.100") < clients.index("2001:db8:7::1")


def test_peers_are_pairs_without_roles(shodohflo: Command, url: str) -> None:
    """Each pair is listed once, with the end first that --client asks for."""
    everybody = listed(shodohflo, "peers", "--store", url)
    of_ernie = listed(shodohflo, "peers", "--store", url, "--client", "192.168.7.2")

    pairs = [frozenset((row["address"], row["peer"])) for row in everybody]
    assert len(set(pairs)) == len(pairs)
    assert {row["address"] for row in of_ernie} == {"192.168.7.2"}
    assert "192.168.7.20" in {row["peer"] for row in of_ernie}


def test_peers_on_a_port_are_those_of_its_flows(shodohflo: Command, url: str) -> None:
    """With --port, peers and their counts come from the flows on that port."""
    rows = listed(shodohflo, "peers", "--store", url, "--port", "22")

    assert [(row["address"], row["peer"], row["packets"]) for row in rows] == [
        ("192.168.7.20", "192.168.7.2", 182),
        ("2001:db8:7::15", "2001:db8:7::2", 77),
    ]


def test_clients_of_a_service_are_those_of_its_flows(shodohflo: Command, url: str) -> None:
    """With --port, only flows on that port count; without filters, everything that a client did."""
    everything = {row["client"]: row["packets"] for row in listed(shodohflo, "clients", "--store", url)}
    ssh = {row["client"]: row["packets"] for row in listed(shodohflo, "clients", "--store", url, "--port", "22")}

    assert ssh == {"192.168.7.20": 182, "2001:db8:7::15": 77}
    assert everything["192.168.7.20"] > 182
    assert "198.51.100.80" not in everything


def test_recon_says_what_the_doors_were(shodohflo: Command, url: str) -> None:
    """Resets and unreachables of both families are described in words."""
    output = shodohflo("recon", "--store", url).stdout

    lines = [line.split() for line in output.splitlines()]
    assert ["192.168.7.23", "192.168.7.2", "23", "telnet", "reset", "1", "40023"] in lines
    assert ["192.168.7.23", "198.51.100.99", "161", "snmp", "host", "unreachable", "1", "50000"] in lines
    assert ["2001:db8:7::17", "2001:db8:dead::1", "443", "https", "no", "route", "1", "50001"] in lines


def test_several_stores_are_one(shodohflo: Command, url: str, demo: Path) -> None:
    """The counts of a flow that is in several stores are added up."""
    other = f"{url}?db=1"
    shodohflo("replay", *OURS, "--store", other, demo)

    alone = listed(shodohflo, "flows", "--store", url, "--port", "22")
    once = listed(shodohflo, "flows", "--store", url, "--store", url, "--port", "22")
    twice = listed(shodohflo, "flows", "--store", url, "--store", other, "--port", "22")

    assert [row["packets"] for row in once] == [row["packets"] for row in alone]
    assert [row["packets"] for row in twice] == [2 * row["packets"] for row in once]


def test_a_store_that_is_gone_does_not_hide_the_others(shodohflo: Command, url: str, tmp_path: Path) -> None:
    """The rows of the living stores are listed, the dead one is named, and the status is 1."""
    gone = f"unix://{tmp_path / 'gone.sock'}"

    result = shodohflo("flows", "--store", gone, "--store", url)

    assert result.stdout == shodohflo("flows", "--store", url).stdout
    assert result.stderr.startswith(f"shodohflo: store {gone}: ")
    assert result.stderr.endswith("; what only it has is missing\n")
    assert result.exit_code == 1


def test_the_environment_names_the_stores(
    shodohflo: Command, url: str, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SHODOHFLO_STORE names one or more stores, separated by spaces; --store overrides it."""
    other = f"{url}?db=2"
    shodohflo("replay", *OURS, "--store", other, demo)
    monkeypatch.setenv("SHODOHFLO_STORE", f"{url} {other}")

    assert listed(shodohflo, "flows", "--port", "22")[0]["packets"] == 364
    assert listed(shodohflo, "flows", "--port", "22", "--store", url)[0]["packets"] == 182


def test_a_replay_does_not_write_where_the_environment_says(
    shodohflo: Command, url: str, monkeypatch: pytest.MonkeyPatch, demo: Path
) -> None:
    """A replay writes only to a store named by --store, not to that of SHODOHFLO_STORE."""
    monkeypatch.setenv("SHODOHFLO_STORE", url)

    shodohflo("replay", "--keys", *OURS, demo)

    assert listed(shodohflo, "flows", "--port", "22")[0]["packets"] == 182


@pytest.mark.parametrize("command", ["flows", "peers", "clients", "recon"])
def test_without_a_store_it_says_so_in_one_line(
    shodohflo: Command, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a store, the error is one line with status 1 that says what to start."""
    monkeypatch.setenv("SHODOHFLO_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("SHODOHFLO_STORE", raising=False)

    result = shodohflo(command)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "no embedded store is running" in result.stderr
    assert "shodohflo run" in result.stderr


def test_damaged_keys_are_left_out_and_told(shodohflo: Command, url: str, server: Server) -> None:
    """A key whose value is not a number is left out and reported."""
    with server.client() as client:
        client.set("192.0.2.1;192.0.2.2;22;flow", "many")

    result = shodohflo("flows", "--store", url, "--port", "22")

    assert result.exit_code == 0
    assert "192.0.2.1" not in result.stdout
    assert result.stderr == "1 key looks like ours but is not; it was left out\n"


def test_nothing_recorded_is_an_empty_table(shodohflo: Command, url: str, server: Server) -> None:
    """An empty store gives an empty table, not an error."""
    with server.client() as client:
        client.flushall()

    assert shodohflo("peers", "--store", url).stdout.split() == ["ADDRESS", "PEER", "PACKETS", "WRITTEN"]
    assert listed(shodohflo, "recon", "--store", url) == []


@pytest.mark.parametrize(
    "case",
    [
        ({}, "no agent writes to"),
        ({"state": "running", "received": "0"}, "the agent bert is running, but has received no packets"),
        ({"state": "ended"}, "the agent bert ended 0s ago, and what it had written has expired"),
    ],
)
@pytest.mark.parametrize("command", ["flows", "recon"])
def test_an_empty_table_says_why(
    server: Server, url: str, shodohflo: Command, command: str, case: tuple[dict[str, str], str]
) -> None:
    """The reason is on standard error, and not in the way of scripts."""
    fields, expected = case
    with server.client() as client:
        client.flushall()
    with SocketStore(server.path).connect() as client:
        if fields:
            write_heartbeat(client, "bert", fields)

    assert expected in shodohflo(command, "--store", url).stderr
    assert shodohflo(command, "--store", url, "--json").stderr == ""


def test_filters_that_leave_everything_out_are_the_reason(shodohflo: Command, url: str) -> None:
    """The number of keys without the filters is told."""
    result = shodohflo("flows", "--store", url, "--port", "1")

    assert result.stderr == f"the filters leave out all 49 keys of flows in {url}\n"


def test_a_database_with_keys_is_named_if_this_one_has_none(shodohflo: Command, url: str) -> None:
    """A wrong number of the database is a frequent reason."""
    assert "in the same store, database 0 has " in shodohflo("flows", "--store", f"{url}?db=5").stderr


def test_networks_of_the_agent_can_be_named(shodohflo: Command, url: str, server: Server) -> None:
    """A name stands for the addresses that the rules find in that network; unknown ones are answered with known."""
    ernie = PublishedNetwork("ernie", (ip_network("192.168.7.2"),))
    desks = PublishedNetwork("desks", (ip_network("192.168.7.0/24"),))
    with SocketStore(server.path).connect() as client:
        write_heartbeat(client, "bert", to_fields([ernie, desks]))

    rows = listed(shodohflo, "flows", "--store", url, "--client", "desks", "--service", "ernie", "--port", "ssh")
    without = listed(shodohflo, "flows", "--store", url, "--client", "desks", "--not-service", "ernie")
    wrong = shodohflo("flows", "--store", url, "--client", "erni")

    assert [(row["client"], row["service"]) for row in rows] == [("192.168.7.20", "192.168.7.2")]
    assert "192.168.7.2" not in {row["service"] for row in without}
    assert "192.168.7.2" not in {row["client"] for row in without}
    assert wrong.exit_code == 2
    assert "did you mean ernie?" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--kind", "rst"], {"rst"}),
        (["--kind", "icmp"], {"icmp"}),
        (["--kind", "rst,icmp"], {"rst", "icmp"}),
        (["--not-port", "1-65535"], set()),
    ],
)
def test_failed_attempts_can_be_narrowed_down(
    shodohflo: Command, url: str, arguments: list[str], expected: set[str]
) -> None:
    """Resets and unreachables can be chosen apart, and exclusions leave them out."""
    assert {row["kind"] for row in listed(shodohflo, "recon", "--store", url, *arguments)} == expected


def test_what_was_seen_lately_can_be_chosen(shodohflo: Command, url: str) -> None:
    """The packets of the demo are old, and were written just now; that time is known with a heartbeat only."""
    assert listed(shodohflo, "flows", "--store", url, "--since", "1d") == []
    assert len(listed(shodohflo, "flows", "--store", url, "--since", "2026-01-05T09:00Z")) == 49
    assert listed(shodohflo, "clients", "--store", url, "--since", "1d") == []


def test_pairs_by_protocol_are_those_of_its_flows(shodohflo: Command, url: str) -> None:
    """With a protocol, peers come from flows and have their age; an excluded address is at neither end."""
    table = shodohflo("peers", "--store", url, "--protocol", "udp", "-n", "1").stdout.splitlines()
    pairs = listed(shodohflo, "peers", "--store", url, "--not-client", "192.168.7.2")

    assert table[0].split() == ["ADDRESS", "PEER", "PACKETS", "AGE"]
    assert pairs
    assert all("192.168.7.2" not in (row["address"], row["peer"]) for row in pairs)


@pytest.fixture
def now(server: Server, url: str) -> int:
    """Fill the store with three services and two origins of knocks, and return the time, in seconds since 1970."""
    assert url
    now = int(time.time())
    with server.client() as client:
        client.flushall()
        write_service(client, end("10.0.0.9", 54321), first=now - 86_000, last=now - 2, clients=1000)
        write_service(client, end("10.0.0.9", 22), first=now - 86_000, last=now - 7200, rung=Rung.KNOWN)
        write_service(client, end("192.168.7.1", 53, UDP), first=now - 600, last=now - 1, rung=Rung.BITS)
        targets = [end("10.0.0.5", port) for port in range(1, 33)]
        write_knock(
            client,
            "203.0.113.9/32",
            *targets,
            first=now - 20,
            last=now - 8,
            refused=1000,
            silent=24,
            hosts=3,
            ports=1024,
        )
        write_knock(client, "198.51.100.0/24", end("10.0.0.9", 23), first=now - 9, last=now - 3, silent=7)
    return now


def test_services_are_an_inventory(shodohflo: Command, url: str, now: int) -> None:
    """Services are listed by address and port, with names of ports, clients up to a bound, and marks."""
    lines = [line.split() for line in shodohflo("services", "--store", url).stdout.splitlines()]

    assert lines[0] == ["ADDRESS", "PORT", "PROTOCOL", "EVIDENCE", "CLIENTS", "FIRST", "AGE", "MARK", "AGENTS"]
    assert [line[:2] for line in lines[1:]] == [["10.0.0.9", "22"], ["10.0.0.9", "54321"], ["192.168.7.1", "53"]]
    assert lines[1][2:6] == ["ssh", "tcp", "known", "1"]
    assert lines[1][-2:] == ["gone", "bert"]
    assert lines[2][4] == "1000+"
    assert lines[3][-2:] == ["new", "bert"]
    (row,) = listed(shodohflo, "services", "--store", url, "--port", "domain")
    assert (row["first"], row["last"], row["new"], row["gone"]) == (now - 600, now - 1, True, False)


@pytest.mark.parametrize(
    ("arguments", "ports"),
    [
        (["--address", "10.0.0.0/8"], [22, 54321]),
        (["--not-address", "10.0.0.0/8"], [53]),
        (["--protocol", "udp"], [53]),
        (["--evidence", "known,bits"], [22, 53]),
        (["--since", "1h"], [54321, 53]),
        (["--new", "1h"], [53]),
        (["--new", "1m"], []),
        (["--new", "1d"], [22, 54321, 53]),
        (["--gone", "1h"], [22]),
        (["--gone", "3h"], []),
        (["--gone", "1h", "--new", "1h"], [22, 53]),
        (["--sort", "port", "-n", "2"], [22, 53]),
    ],
)
@pytest.mark.usefixtures("now")
def test_services_can_be_narrowed_down(shodohflo: Command, url: str, arguments: list[str], ports: list[int]) -> None:
    """By address, port, protocol, evidence and time; --new and --gone together are what has changed."""
    assert [row["port"] for row in listed(shodohflo, "services", "--store", url, *arguments)] == ports


@pytest.mark.usefixtures("now")
def test_no_service_is_told_with_where_else_to_look(shodohflo: Command, url: str, server: Server) -> None:
    """An empty inventory says why, and that refused ports are elsewhere; filters are a reason too."""
    filtered_out = shodohflo("services", "--store", url, "--new", "1m").stderr
    with server.client() as client:
        client.flushall()
    empty = shodohflo("services", "--store", url).stderr

    assert "the filters leave out all 3 keys of services" in filtered_out
    assert "recon" not in filtered_out
    assert "no agent writes to" in empty
    assert "`shodohflo recon`" in empty


@pytest.mark.usefixtures("now")
def test_who_knocks_is_told_in_sentences(shodohflo: Command, url: str) -> None:
    """Scans are summed in words, the latest first; a network says that many addresses are summed."""
    lines = shodohflo("recon", "--store", url).stdout.splitlines()

    assert lines[0].startswith("WHO KNOCKS")
    assert lines[1].startswith(
        "198.51.100.0/24 (many addresses): port 23/tcp (telnet) of 10.0.0.9, 7 times in 6 s, 7 silent"
    )
    assert lines[2].startswith("203.0.113.9: 1,024 ports of 3 hosts in 12 s, 1,000 refused, 24 silent ")


@pytest.mark.parametrize(
    ("arguments", "origins"),
    [
        ([], ["198.51.100.0/24", "203.0.113.9"]),
        (["--sort", "port"], ["203.0.113.9", "198.51.100.0/24"]),
        (["--sort", "port", "--reverse"], ["198.51.100.0/24", "203.0.113.9"]),
        (["--client", "198.51.100.77"], ["198.51.100.0/24"]),
        (["--service", "10.0.0.5"], ["203.0.113.9"]),
        (["--port", "23"], ["198.51.100.0/24", "203.0.113.9"]),
        (["--not-port", "1"], ["198.51.100.0/24"]),
        (["--since", "5s"], ["198.51.100.0/24"]),
        (["--kind", "rst,icmp"], []),
        (["-n", "1"], ["198.51.100.0/24"]),
    ],
)
@pytest.mark.usefixtures("now")
def test_who_knocks_can_be_narrowed_down(
    shodohflo: Command, url: str, arguments: list[str], origins: list[str]
) -> None:
    """The origin is the client, and the ends that it tried are services, as in the other rows."""
    assert [row["origin"] for row in listed(shodohflo, "recon", "--store", url, *arguments)] == origins


@pytest.mark.usefixtures("now")
def test_without_an_origin_the_table_of_those_who_knock_is_empty(shodohflo: Command, url: str) -> None:
    """Whoever asks for knocks alone sees the head of their table, not that of resets."""
    done = shodohflo("recon", "--store", url, "--kind", "knock", "--client", "192.0.2.1")

    assert done.stdout.split() == ["WHO", "KNOCKS", "AGE", "TARGETS", "AGENTS"]


@pytest.mark.usefixtures("now")
def test_both_kinds_of_failed_attempts_stand_together(shodohflo: Command, url: str, demo: Path) -> None:
    """Resets and unreachables come first, as they ever did; CSV has one header for all."""
    shodohflo("replay", "--store", url, "--our-nets", "192.168.7.0/24", demo)

    table = shodohflo("recon", "--store", url).stdout.splitlines()
    rows = listed(shodohflo, "recon", "--store", url)
    sheet = list(csv.DictReader(io.StringIO(shodohflo("recon", "--store", url, "--csv").stdout)))

    assert table[0].startswith("CLIENT")
    assert table[table.index("") + 1].startswith("WHO KNOCKS")
    assert [row["kind"] for row in rows][-2:] == ["knock", "knock"]
    assert {row["kind"] for row in rows[:-2]} == {"rst", "icmp"}
    assert [row["kind"] for row in sheet] == [row["kind"] for row in rows]
    assert list(sheet[0])[:6] == ["kind", "client", "remote", "client_port", "remote_port", "code"]
    assert (sheet[0]["origin"], sheet[-1]["client"], sheet[-1]["ports"]) == ("", "", "1024")
    assert sheet[-1]["targets"].startswith("10.0.0.5;tcp;1 10.0.0.5;tcp;2 ")


def test_readers_never_run_a_configuration(url: str, tmp_path: Path) -> None:
    """Readers run neither the configuration in the working directory nor that of SHODOHFLO_CONFIG."""
    trap = tmp_path / "configuration.py"
    trap.write_text("open('trace', 'w')\n")
    environment = os.environ | {"SHODOHFLO_CONFIG": str(trap), "SHODOHFLO_STORE": url}

    for command in ("flows", "peers", "clients", "services", "recon"):
        subprocess.run(
            [sys.executable, "-m", "shodohflo", command], cwd=tmp_path, env=environment, capture_output=True, check=True
        )

    assert not (tmp_path / "trace").exists()


@pytest.fixture
def other(server: Server, url: str, shodohflo: Command, demo: Path) -> str:
    """Return the URL of a second store with the same flows."""
    with server.client() as client:
        client.execute_command("SELECT", 3)
        client.flushdb()
    other = f"{url}?db=3"
    assert shodohflo("replay", "--store", other, *OURS, demo).exit_code == 0
    return other


@pytest.mark.parametrize(
    "command",
    [
        ["flows"],
        ["peers"],
        ["peers", "--port", "22"],
        ["clients"],
        ["clients", "--port", "22"],
        ["services"],
        ["recon"],
        ["recon", "--kind", "knock"],
    ],
    ids=" ".join,
)
def test_by_store_each_store_has_its_own_row(
    server: Server, shodohflo: Command, url: str, other: str, command: list[str]
) -> None:
    """Instead of the sum there is a row for each store, the same as if it were read alone, with its name."""
    now = int(time.time())
    for database in (0, 3):
        with server.client() as client:
            client.execute_command("SELECT", database)
            write_service(client, end("192.168.7.1", 53, UDP), first=now - 9, last=now)
            write_knock(client, "203.0.113.9/32", end("192.168.7.1", 22), first=now - 9, last=now, silent=3)
    both = ("--store", url, "--store", other)

    def rows(*arguments: str) -> set[str]:
        changing = ("age", "expires_in")
        read = listed(shodohflo, *command, *arguments)
        return {json.dumps({name: row[name] for name in row if name not in changing}) for row in read}

    summed, apart = rows(*both), rows(*both, "--by-store")
    lines = shodohflo(*command, *both, "--by-store", "--sort", "store").stdout.splitlines()

    assert apart == rows("--store", url) | rows("--store", other)
    assert len(apart) == 2 * len(summed) > 0
    assert lines[0].endswith("STORE")
    assert [line.split()[-1] for line in lines if "unix://" in line][:1] == [url]
    assert sum(line.endswith((url, other)) for line in lines) == len(apart)


def test_a_sum_cannot_be_sorted_by_store(shodohflo: Command, url: str) -> None:
    """The row of several stores has no place among those of one."""
    result = shodohflo("flows", "--store", url, "--sort", "store")

    assert result.exit_code == 2
    assert result.stderr.startswith("shodohflo flows: --sort store needs --by-store")


def test_what_two_stores_disagree_about_is_listed(shodohflo: Command, server: Server, url: str, other: str) -> None:
    """Both rows of a pair, with who said it; filters take the pair, and JSON and CSV have its number."""
    now = time.time()
    with server.client() as client:
        for database, key, evidence in (
            (0, "10.0.0.1;10.0.0.2;443", "handshake"),
            (3, "10.0.0.2;10.0.0.1;54321", "guessed"),
        ):
            client.execute_command("SELECT", database)
            client.set(f"{key};flow", "7", ex=900)
            fields = {"packets.tcp": "7", "octets.tcp": "420", "first": f"{now - 9}", "last": f"{now}"}
            told = {"evidence": evidence, "rule": "FLOW_MAPPING[0]", f"agent.sensor{database}": f"{now}"}
            client.hset(f"detail;{key}", mapping=fields | told)
    command = ("flows", "--disagreeing", "--store", url, "--store", other)

    result = shodohflo(*command)
    rows = listed(shodohflo, *command, "--client", "10.0.0.1")
    table = list(csv.DictReader(io.StringIO(shodohflo(*command, "--csv").stdout)))

    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][:4] == ["PAIR", "CLIENT", "SERVICE", "PORT"]
    assert [line[-1] for line in lines[1:]] == [url, other]
    assert [line[-2] for line in lines[1:]] == ["sensor0", "contradicted"]
    assert [(row["client"], row["pair"], row["contradicted"], row["stores"]) for row in rows] == [
        ("10.0.0.1", 1, False, [url]),
        ("10.0.0.2", 1, True, [other]),
    ]
    assert [(row["pair"], row["contradicted"]) for row in table] == [("1", "false"), ("1", "true")]


def test_without_a_disagreement_it_says_so(shodohflo: Command, url: str, other: str) -> None:
    """There is a table without rows, the reason, and status 0; without any flows, the reason is another one."""
    agreed = shodohflo("flows", "--disagreeing", "--store", url, "--store", other)
    empty = shodohflo("flows", "--disagreeing", "--store", f"{url}?db=9")

    assert (agreed.exit_code, len(agreed.stdout.splitlines())) == (0, 1)
    assert "it takes two agents to disagree" in agreed.stderr
    assert (empty.exit_code, len(empty.stdout.splitlines())) == (0, 1)
    assert "no agent writes to" in empty.stderr
