"""The stores of the readers: those that are named, otherwise this machine's embedded one."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import pytest

from shodohflo.cli.stores import MissingStore, opened, report_failures
from shodohflo.errors import ConfigurationError, StoreError
from shodohflo.query.reader import Reader
from shodohflo.store.connection import ANSWER_TIMEOUT, RemoteStore, SocketStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.slots import slot_of
from shodohflo.store.writer import Writer
from support.clusters import Cluster
from support.machine import require
from support.naming import Dnsmasq, OddNameServer, answered, pointers
from support.observing import Seen, observed
from support.seen import end, write_knock, write_service
from support.serving import PATIENCE, Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.conftest import Command, Process

NAME: Final = "stores.example.net"
OURS: Final = ("--our-nets", "192.168.7.0/24", "--our-nets", "2001:db8:7::/48")
"""The networks of the demo capture."""

FLOW: Final = "10.0.0.1;10.0.0.2;443;flow"
READING: Final = {
    "flows": ["flows"],
    "flows by store": ["flows", "--by-store"],
    "disagreeing": ["flows", "--disagreeing"],
    "peers": ["peers"],
    "peers of a port": ["peers", "--port", "443"],
    "clients": ["clients"],
    "clients of a port": ["clients", "--port", "443"],
    "services": ["services"],
    "recon": ["recon"],
    "a flow": ["explain", "--key", FLOW],
    "running rules": ["rules", "--running"],
    "grades": ["rules", "--grade"],
}
"""Every command that asks stores."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Yield two stores with the same port on two addresses, whose agents disagree."""
    first = Server(programs()["valkey"](), tmp_path_factory.mktemp("first")).start()
    beside = ("--bind", "127.0.0.2")
    second = Server(programs()["valkey"](), tmp_path_factory.mktemp("second"), beside, port=first.port).start()
    now = int(time.time())
    for server, agent, ends in ((first, "bert", (1, 2, 443)), (second, "ernie", (2, 1, 54321))):
        client, service, port = ends
        flow = Seen(
            ip_address(f"10.0.0.{client}"), ip_address(f"10.0.0.{service}"), port, first=now * 10**9, last=now * 10**9
        )
        with Writer(Single(SocketStore(server.path)), agent=agent, lifetime=900) as writer:
            writer.offer(observed(flow), ("the rule in words",))
            writer.heartbeat({"received": 7})
            assert writer.flush(PATIENCE)
        with server.client() as client_of:
            write_knock(client_of, "203.0.113.9/32", end("10.0.0.5", 22), first=now - 9, last=now, silent=3)
    with first.client() as client_of:
        write_service(client_of, end("10.0.0.2", 443), first=now - 9, last=now)
    yield [first, second]
    for server in (first, second):
        server.kill()


@pytest.fixture(scope="module")
def names(pair: list[Server]) -> Iterator[Dnsmasq]:
    """Yield a DNS server that knows both by one name, and by another with a host that is away."""
    assert pair
    records = (
        *pointers(NAME, "127.0.0.1", "127.0.0.2"),
        *pointers("part.example.net", "127.0.0.1", "127.0.0.2", "127.0.0.3"),
        *pointers("away.example.net", "127.0.0.3"),
    )
    with Dnsmasq(records) as server:
        yield server


def test_a_cluster_is_written_to_and_read_as_one_store(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """What a replay writes into a cluster, every reader finds there, by any of its nodes; one that is away is said."""
    cluster = Cluster(programs()["valkey"](), tmp_path / "cluster").start()
    ports = [node.port for node in cluster.nodes]
    try:
        written = shodohflo("replay", "--store", cluster.url, *OURS, demo)
        printed = shodohflo("replay", "--keys", *OURS, demo)
        by_name = [shodohflo("flows", "--json", "--store", f"redis+cluster://127.0.0.1:{port}") for port in ports]
        clients = shodohflo("clients", "--json", "--store", cluster.url)
        cluster.nodes[2].kill()
        away = shodohflo("flows", "--store", cluster.url)
    finally:
        held = cluster.counts()
        cluster.kill()

    keys = dict(line.split("\t") for line in printed.stdout.splitlines())
    flows = [[json.loads(line) for line in each.stdout.splitlines()] for each in by_name]
    assert (written.exit_code, clients.exit_code, {each.exit_code for each in by_name}) == (0, 0, {0})
    assert sum(flow["packets"] for flow in flows[0]) == sum(int(n) for key, n in keys.items() if key.endswith(";flow"))
    assert len(clients.stdout.splitlines()) == sum(key.startswith("client;") for key in keys)
    assert {len(each) for each in flows} == {sum(key.endswith(";flow") for key in keys)}
    assert held.items() <= {key: int(n) for key, n in keys.items()}.items()
    assert (away.exit_code, away.stdout) == (1, "")
    assert f"node 127.0.0.1:{ports[2]}" in away.stderr


def test_every_reader_says_of_a_cluster_what_it_says_of_one_server(
    pair: list[Server], shodohflo: Command, tmp_path: Path
) -> None:
    """All keys of a server are copied into a cluster: all commands print the same."""
    cluster = Cluster(programs()["valkey"](), tmp_path / "cluster").start()
    try:
        with pair[0].client() as client:
            for name in client.scan_iter():
                options = ("COPY", "REPLACE", "KEYS", name)
                port = cluster.node_of(slot_of(name)).port
                client.execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, *options)
        for words in READING.values():
            of_one = shodohflo(*words, "--store", f"unix://{pair[0].path}")
            of_many = shodohflo(*words, "--store", cluster.url)
            as_named = re.sub(r"unix://\S+", cluster.url, of_one.output)
            said = [re.sub(r"\b[0-9]+[smhd]\b", "AGE", output).split() for output in (of_many.output, as_named)]
            assert (of_many.exit_code, said[0]) == (of_one.exit_code, said[1])
    finally:
        cluster.kill()


def test_every_named_store_is_opened_in_order(server: Server) -> None:
    """Each URL gives a store of its own, and a socket is a URL too."""
    first, second = opened([f"unix://{server.path}", "redis://127.0.0.1:1"])

    assert isinstance(first, RemoteStore)
    assert first.connect().ping()
    assert second.name != first.name


def test_a_wrong_url_is_refused() -> None:
    """A URL with another scheme raises `ConfigurationError`."""
    with pytest.raises(ConfigurationError, match="the scheme must be"):
        opened(["ftp://db"])


def test_without_urls_it_is_the_embedded_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a running embedded store, the error is one line about the directory that was searched."""
    monkeypatch.setenv("SHODOHFLO_STATE_DIR", str(tmp_path))

    with pytest.raises(StoreError, match=str(tmp_path)):
        [store.connect() for store in opened([])]


def test_stores_that_failed_are_told_and_the_status_is_1(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each failure is one line on standard error; without one, there is no word and the status is 0."""
    alive, gone = f"unix://{server.path}", f"unix://{tmp_path / 'gone.sock'}"
    well, badly = Reader(opened([alive])), Reader(opened([gone, alive]))
    well.agents()
    badly.agents()

    assert (report_failures(well), capsys.readouterr().err) == (0, "")
    assert report_failures(badly) == 1
    assert capsys.readouterr().err.endswith("; what only it has is missing\n")


def test_a_file_names_stores_of_every_kind(pair: list[Server], names: Dnsmasq, tmp_path: Path) -> None:
    """A file may have URLs and names in DNS; it may stand beside other stores."""
    roster = tmp_path / "stores.txt"
    roster.write_text(f"unix://{pair[0].path} # ours\n\n{names.named}{NAME}:{pair[0].port}\n", encoding="utf-8")

    found = [store.name for store in opened([f" @{roster}", "valkey://bert"])]

    by_name = [f"valkey://127.0.0.{number}:{pair[0].port}" for number in (1, 2)]
    assert found == [f"unix://{pair[0].path}", *by_name, "valkey://bert:6379"]


def test_an_error_in_a_file_names_the_line(tmp_path: Path, shodohflo: Command) -> None:
    """What is malformed is a wrong command line: status 2 and one line, without the password."""
    roster = tmp_path / "stores.txt"
    roster.write_text("valkey://bert\nftp://:hush@ernie\n", encoding="utf-8")

    result = shodohflo("flows", "--store", f"@{roster}")
    gone = shodohflo("flows", "--store", f"@{tmp_path / 'gone'}")

    assert (result.exit_code, gone.exit_code) == (2, 2)
    assert result.stderr.startswith(f"shodohflo: {roster}:2: URL of the store: the scheme must be")
    assert "hush" not in result.stderr
    assert gone.stderr.startswith(f"shodohflo: {tmp_path / 'gone'}: No such file or directory: ")
    assert (result.stderr.count("\n"), gone.stderr.count("\n")) == (1, 1)


def test_the_environment_names_files_and_names(
    pair: list[Server], names: Dnsmasq, tmp_path: Path, shodohflo: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SHODOHFLO_STORE takes all that --store takes; each database is read once, however often it is named."""
    roster = tmp_path / "stores.txt"
    roster.write_text(f"unix://{pair[0].path}", encoding="utf-8")
    monkeypatch.setenv("SHODOHFLO_STORE", f"@{roster} {names.named}{NAME}:{pair[0].port}")

    rows = [json.loads(line) for line in shodohflo("clients", "--json").stdout.splitlines()]

    assert {(row["client"], row["packets"], *row["stores"]) for row in rows} == {
        ("10.0.0.1", 1, f"unix://{pair[0].path}"),
        ("10.0.0.2", 1, f"valkey://127.0.0.2:{pair[0].port}"),
    }


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("command", READING)
def test_a_store_that_is_away_hides_no_other(
    pair: list[Server], names: Dnsmasq, shodohflo: Command, command: str, form: list[str]
) -> None:
    """Every reading command: the rows of the others, one line about the one that is away, and status 1."""
    arguments = [*READING[command], *form]
    port = pair[0].port

    complete = shodohflo(*arguments, "--store", f"{names.named}{NAME}:{port}")
    part = shodohflo(*arguments, "--store", f"{names.named}part.example.net:{port}")

    assert complete.exit_code == 0, complete.stderr
    assert part.exit_code == 1
    warnings = part.stderr.removeprefix(complete.stderr) if complete.stderr else part.stderr
    assert warnings.startswith(f"shodohflo: store valkey://127.0.0.3:{port}: ")
    assert warnings.endswith("; what only it has is missing\n")
    assert warnings.count("\n") == 1
    assert len(part.stdout.splitlines()) == len(complete.stdout.splitlines())
    assert part.stdout or command == "grades"  # which no agent has sent


@pytest.mark.parametrize("command", READING)
def test_a_name_that_dns_does_not_know_hides_no_store(
    pair: list[Server], names: Dnsmasq, shodohflo: Command, command: str
) -> None:
    """It is a store that is away: with others a warning, alone the error, and status 1 in both cases."""
    nowhere = f"{names.named}nowhere.example.net"
    said = f"shodohflo: store {nowhere}: there is no such name in DNS: correct it, or give it PTR records"

    beside = shodohflo(*READING[command], "--store", nowhere, "--store", f"unix://{pair[0].path}")
    alone = shodohflo(*READING[command], "--store", nowhere)

    assert (beside.exit_code, alone.exit_code) == (1, 1)
    assert said in beside.stderr
    assert alone.stderr.startswith(said)
    assert (alone.stdout, alone.stderr.count("\n")) == ("", 1)


def test_a_target_that_is_no_host_is_a_store_that_is_away(pair: list[Server], shodohflo: Command) -> None:
    """A hostile record costs its own rows, and steers no terminal."""
    records = [(f"{NAME}.", "PTR", target) for target in ("127.0.0.1.", r"\027[31mowned.", r"a\032b.")]
    with OddNameServer(lambda query: answered(query, *records)) as server:
        result = shodohflo("flows", "--store", f"{server.named}{NAME}:{pair[0].port}")

    assert result.exit_code == 1
    assert "10.0.0.1" in result.stdout
    assert (
        result.stderr.count("which is no name of a host: correct that PTR record; what only it has is missing\n") == 2
    )
    assert "\x1b" not in result.stderr


def test_if_all_stores_fail_each_is_named(names: Dnsmasq, tmp_path: Path, shodohflo: Command) -> None:
    """The first may be refused for another reason than the second: one line for each, and status 1."""
    gone = f"unix://{tmp_path}/gone"
    result = shodohflo("flows", "--store", f"{names.named}nowhere.example.net", "--store", gone)

    first, second = result.stderr.splitlines()
    assert result.exit_code == 1
    assert first.startswith(f"shodohflo: store {names.named}nowhere.example.net: there is no such name in DNS: ")
    assert second.startswith(f"shodohflo: store {gone}: ")


def test_a_store_that_may_count_twice_is_told(pair: list[Server], shodohflo: Command) -> None:
    """By the name of a user that may not ask INFO, nobody sees that it is the same store: a warning says so."""
    with pair[0].client() as client:
        client.execute_command("ACL", "SETUSER", "blind", "on", ">x", "~*", "+@all", "-info")
    blind = f"127.0.0.1:{pair[0].port}"

    result = shodohflo("clients", "--json", "--store", f"valkey://blind:x@{blind}", "--store", f"unix://{pair[0].path}")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["packets"] == 2
    assert result.stderr.startswith(f"shodohflo: store valkey://{blind}: if it is one of the others, ")
    assert result.stderr.count("\n") == 1


def test_many_stores_that_hang_cost_one_timeout(
    pair: list[Server], tmp_path: Path, shodohflo: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight suspended stores and one that answers: as long as one of them takes, not eight times."""
    timeout = 2.0
    monkeypatch.setattr("shodohflo.store.connection.ANSWER_TIMEOUT", timeout)
    hanging = []
    for number in range(8):
        (tmp_path / str(number)).mkdir()
        hanging.append(Server(programs()["valkey"](), tmp_path / str(number)).start())
        hanging[-1].send(signal.SIGSTOP)
    named = [argument for server in (*hanging, pair[0]) for argument in ("--store", f"unix://{server.path}")]

    began = time.monotonic()
    result = shodohflo("flows", *named)
    took = time.monotonic() - began
    for server in hanging:
        server.kill()

    assert result.exit_code == 1
    assert "10.0.0.1" in result.stdout
    assert result.stderr.count("; what only it has is missing\n") == 8
    assert took < 4 * timeout


def test_an_interrupt_does_not_wait_for_a_store_that_hangs(tmp_path: Path) -> None:
    """Ctrl-C ends the command, while threads wait for two stores that accept a connection and say nothing."""
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2)]
        for number, each in enumerate(silent):
            each.settimeout(PATIENCE)
            each.bind(str(tmp_path / str(number)))
            each.listen()
        named = [word for number in range(2) for word in ("--store", f"unix://{tmp_path / str(number)}")]
        command = [sys.executable, "-m", "shodohflo", "flows", *named]
        reading = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        for each in silent:
            stack.enter_context(each.accept()[0])

        began = time.monotonic()
        reading.send_signal(signal.SIGINT)
        _, told = reading.communicate(timeout=PATIENCE)

    assert (reading.returncode, told.strip()) == (130, "")
    assert time.monotonic() - began < ANSWER_TIMEOUT / 2


def test_by_default_the_servers_of_the_system_are_asked(pair: list[Server], tmp_path: Path) -> None:
    """The name servers and the domain of /etc/resolv.conf, as every program takes them."""
    require("unshare", "mount", root=True)
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.153\nsearch example.net\n", encoding="utf-8")
    reader = f"{sys.executable} -m shodohflo clients --json --store dns:stores:{pair[0].port}"
    script = f"mount --bind {tmp_path}/resolv.conf $(readlink -f /etc/resolv.conf) && exec {reader}"

    with Dnsmasq(pointers(NAME, "127.0.0.1", "127.0.0.2"), address="127.0.0.153", port=53):
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False, env=os.environ
        )

    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["client"] for line in done.stdout.splitlines()} == {"10.0.0.1", "10.0.0.2"}


def test_a_missing_store_has_no_connections() -> None:
    """It is a store that raises its error whenever it is connected to."""
    missing = MissingStore("dns:s.net", StoreError("gone"))

    assert missing.connections() == frozenset()
    with pytest.raises(StoreError, match="gone"):
        missing.connect()


@pytest.mark.parametrize("named", ["@stores.txt", "dns:stores.example.net"])
def test_an_agent_writes_to_one_store(process: Process, demo: Path, named: str) -> None:
    """Names of several stores are for readers."""
    for command in (["run"], ["replay", str(demo)]):
        result = process(*command, "--store", named)

        assert result.returncode == 2
        assert "readers take several stores, by @FILE or dns:NAME; an agent writes to one: name it" in result.stderr
