"""The writer with real stores that start late, disappear, stop answering or lose connections."""

from __future__ import annotations

import logging
import math
import random
import signal
import time
from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from itertools import cycle
from threading import Event
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import ValkeyError

from shodohflo.keys import counts
from shodohflo.model import TCP, UDP, End, Kind, Knock, Rung, ServiceSeen
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Reader
from shodohflo.store import connection
from shodohflo.store.connection import RemoteStore, SocketStore
from shodohflo.store.dialogue import Dialogue
from shodohflo.store.services import read_services
from shodohflo.store.sinks.single import Single
from shodohflo.store.urls import StoreUrl
from shodohflo.store.writer import Writer
from support.cutting import CuttingWire
from support.holding import HoldingWire
from support.lying import Lies, LyingWire
from support.observing import Seen, Swapped, corrected, flow, observed
from support.permissions import documented_user
from support.serving import PATIENCE, Server, free_port, programs, wait_until
from support.swapping import Conversations

if TYPE_CHECKING:
    from pathlib import Path

    from valkey import Valkey

    from shodohflo.columns.observations import Observations

KNOCK = Knock(ip_network("203.0.113.9"), first=1, last=2, refused=1, silent=15, hosts=1, ports=2)

KINDS = "*;flow", "*;peer", "*;rst", "*;icmp", "client;*"


def stored(client: Valkey) -> dict[str, int]:
    """Return the count of every key of the five kinds; each must have a lifetime."""
    keys = [key for pattern in KINDS for key in client.scan_iter(pattern, count=1000)]
    for key in keys:
        lifetime = client.ttl(key)
        assert isinstance(lifetime, int)
        assert 0 < lifetime <= 900
    return {key: int(str(client.get(key))) for key in keys}


def a_service(port: int, clients: int = 0) -> ServiceSeen:
    """Return a service that its port names."""
    now = time.time_ns()
    return ServiceSeen(End(ip_address("10.0.0.9"), TCP, port), now, now, Rung.HANDSHAKE, clients)


def made_up(seed: int, rows: int) -> Observations:
    """Return random observations with few addresses, so that keys recur."""
    chance = random.Random(seed)
    return observed(
        *(
            Seen(
                IPv4Address(0x0A000000 + chance.randrange(50)),
                IPv4Address(0x08080800 + chance.randrange(50)),
                chance.randrange(1, 20),
                kind=chance.choice(list(Kind)),
                packets=chance.randrange(1, 1000),
            )
            for _ in range(rows)
        )
    )


def total(several: list[Observations]) -> dict[str, int]:
    """Return the sum of packets for each key of `several`."""
    expected: Counter[str] = Counter()
    for observations in several:
        expected.update(counts(observations))
    return dict(expected)


def test_all_that_is_offered_is_written(store: SocketStore, client: Valkey) -> None:
    """The store has the sums of all observations, however they were divided into writes."""
    offered = [made_up(seed, rows=900) for seed in range(3)]

    with Writer(Single(store), agent="bert", lifetime=900) as writer:
        for observations in offered:
            writer.offer(observations)
        flushed = writer.flush(PATIENCE)
        stats = writer.stats

    assert flushed
    assert stored(client) == total(offered)
    assert stats.packets == sum(int(observations.packets.sum()) for observations in offered)
    assert (stats.connected, stats.waiting, stats.outages, stats.repeated) == (True, 0, 0, 0)
    assert stats.writes > 1


def test_counts_are_exact_over_a_wire_that_keeps_breaking(server: Server, client: Valkey, tmp_path: Path) -> None:
    """Counts are exact although requests are truncated and answers lost."""
    chance = random.Random(20)
    offered = [made_up(seed, rows=700) for seed in range(30)]

    with CuttingWire(tmp_path / "wire", server.path, lambda: chance.random() < 0.15) as wire:
        writer = Writer(Single(SocketStore(tmp_path / "wire")), agent="bert", lifetime=900).start()
        for observations in offered:
            writer.offer(observations)
            assert writer.flush(PATIENCE)
        stats = writer.stats
        writer.close()

    assert stored(client) == total(offered)
    assert wire.requests_cut > 0
    assert wire.answers_cut >= stats.repeated > 0
    assert stats.outages > 0
    assert stats.packets == sum(int(observations.packets.sum()) for observations in offered)


def test_counts_are_exact_when_requests_arrive_long_after_they_were_repeated(
    server: Server, client: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that a router held back and that arrives after later writes adds nothing, in whatever order they come."""
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT", 0.2)
    chance = random.Random(4)
    offered = [made_up(seed, rows=1500) for seed in range(12)]

    with HoldingWire(tmp_path / "wire", server.path, lambda: chance.random() < 0.2) as wire:
        with Writer(Single(SocketStore(tmp_path / "wire")), agent="bert", lifetime=900) as writer:
            for observations in offered:
                writer.offer(observations)
                assert writer.flush(PATIENCE)
                if chance.random() < 0.5:
                    wire.deliver(chance)
        wire.deliver(chance)

    assert stored(client) == total(offered)
    assert wire.delivered > 1


@pytest.mark.parametrize("make", programs())
def test_counts_are_exact_when_the_store_is_killed_while_it_writes(make: str, tmp_path: Path) -> None:
    """A store that keeps a journal, killed at odd moments: what it has is what was offered."""
    server = Server(programs()[make](), tmp_path, ("--appendonly", "yes", "--appendfsync", "always")).start()
    offered = [made_up(seed, rows=3000) for seed in range(5)]

    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=900) as writer:
        for observations in offered:
            before = writer.stats.writes
            writer.offer(observations)
            wait_until(lambda before=before: writer.stats.writes > before, "some of it is written")  # type: ignore[misc] # a default
            server.kill()
            server.start()
            assert writer.flush(PATIENCE)
        assert writer.stats.outages > 0

    with server.client() as client:
        assert stored(client) == total(offered)
    server.kill()


@pytest.mark.parametrize("make", programs())
def test_what_was_seen_before_the_store_came_is_written_when_it_comes(make: str, tmp_path: Path) -> None:
    """Observations offered before the store runs are written when it starts."""
    server = Server(programs()[make](), tmp_path)

    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=900) as writer:
        writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3)))
        wait_until(lambda: writer.stats.outages > 0, "the store is missed")
        writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=4)))
        server.start()
        flushed = writer.flush(PATIENCE)

    with server.client() as client:
        assert flushed
        assert client.get("10.0.0.1;8.8.8.8;53;flow") == "7"
    server.kill()


def test_a_store_that_refuses_to_write_gets_it_all_once_it_agrees(store: SocketStore, client: Valkey) -> None:
    """Observations that a full store refused are written once it has free memory."""
    client.config_set("maxmemory", "1")
    try:
        with Writer(Single(store), agent="bert", lifetime=900) as writer:
            writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3)))
            wait_until(lambda: "memory" in writer.stats.last_error, "the refusal is noticed")
            client.config_set("maxmemory", "0")
            assert writer.flush(PATIENCE)
    finally:
        client.config_set("maxmemory", "0")

    assert client.get("10.0.0.1;8.8.8.8;53;flow") == "3"


def test_what_does_not_fit_while_the_store_is_away_has_a_name(tmp_path: Path) -> None:
    """Keys beyond the memory, and those still waiting when the writer closes, are counted by kind."""
    offered = [made_up(seed, rows=500) for seed in range(4)]

    writer = Writer(Single(SocketStore(tmp_path / "nobody")), agent="bert", lifetime=900, octets=100_000).start()
    for observations in offered:
        writer.offer(observations)
    octets = writer.stats.octets
    closed = writer.close(timeout=0.2)

    stats = writer.stats
    assert 0 < octets <= 75_000
    assert not closed
    for kind in ("flow", "peer", "client", "rst", "icmp"):
        assert stats.no_room[kind] + stats.given_up[kind] == stats.offered[kind] > 0
    assert stats.no_room["flow"] > 0


def test_closing_while_the_store_is_silent_does_not_take_for_ever(own_server: Server) -> None:
    """`close` gives up an unanswered write when its timeout is over."""
    with Writer(Single(SocketStore(own_server.path)), agent="bert", lifetime=900) as writer:
        writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3)))
        assert writer.flush(PATIENCE)
        own_server.send(signal.SIGSTOP)
        writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=4)))

        closed = writer.close(timeout=0.2)

        own_server.send(signal.SIGCONT)
        assert not closed
        assert writer.stats.given_up["flow"] == 4
        assert writer.stats.packets == 3


def test_a_replica_is_named_and_written_to_once_it_is_a_primary(own_server: Server) -> None:
    """A replica refuses for good until somebody makes it a primary; the error says so, and nothing is lost."""
    offered = made_up(1, rows=900)
    with (
        own_server.client() as admin,
        Writer(Single(SocketStore(own_server.path)), agent="bert", lifetime=900) as writer,
    ):
        admin.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))
        writer.offer(offered)
        wait_until(lambda: writer.stats.attempts > 0, "the write is refused")
        said = writer.stats.last_error
        admin.execute_command("REPLICAOF", "NO", "ONE")
        assert writer.flush(PATIENCE)

        assert said.endswith("it is a replica, which takes no writes: name its primary")
        assert stored(admin) == counts(offered)


@pytest.mark.parametrize("make", programs())
def test_what_a_store_forgets_is_written_again(make: str, tmp_path: Path) -> None:
    """A store that is restarted from a snapshot, or emptied, has everything again, and the losses are counted."""
    server = Server(programs()[make](), tmp_path).start()
    offered = [made_up(seed, rows=900) for seed in range(4)]

    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=900) as writer:
        for number, observations in enumerate(offered):
            writer.offer(observations)
            assert writer.flush(PATIENCE)
            with server.client() as client:
                if number == 0:
                    client.save()
                if number == 2:
                    client.flushall()
            if number == 1:
                server.kill()
                server.start()
        stats = writer.stats
        held = stored(server.client())
    server.kill()

    assert held == total(offered)
    assert (stats.losses, stats.unsure, sum(stats.lost.values())) == (2, 0, 0)
    assert stats.rewritten > 0


def test_a_flush_ends_after_its_longest_time(server: Server, client: Valkey, tmp_path: Path) -> None:
    """A store that takes one write after the other is flushed to for as long as the caller says, or to the end."""
    never, offered = Event(), made_up(1, rows=2400)

    with (
        HoldingWire(tmp_path / "wire", server.path, lambda: never.wait(0.2)),
        Writer(Single(SocketStore(tmp_path / "wire")), agent="bert", lifetime=900) as writer,
    ):
        writer.offer(offered)
        begin = time.monotonic()
        flushed = [writer.flush(PATIENCE, longest=0.5)]
        took = time.monotonic() - begin
        flushed.append(writer.flush(PATIENCE, longest=math.inf))

    assert flushed == [False, True]
    assert took == pytest.approx(0.5, abs=0.4)
    assert stored(client) == counts(offered)


def test_what_is_offered_after_the_end_is_counted_as_given_up(store: SocketStore) -> None:
    """Observations offered after `close` are counted as given up."""
    writer = Writer(Single(store), agent="bert", lifetime=900).start()
    writer.close()

    writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3)))

    assert writer.stats.given_up["flow"] == 3


def test_the_agents_hash_says_what_it_was_told_last(store: SocketStore, client: Valkey) -> None:
    """The agent's hash has the fields of the last heartbeat only, and expires after a day."""
    client.set("agent;bert", "somebody's")

    with Writer(Single(store), agent="bert", lifetime=900) as writer:
        writer.heartbeat({"received": 1, "old": "yes"})
        assert writer.flush(PATIENCE)
        writer.heartbeat({"received": 2})
        assert writer.flush(PATIENCE)

    lifetime = client.ttl("agent;bert")
    assert client.hgetall("agent;bert") == {"lifetime": "900", "received": "2"}
    assert isinstance(lifetime, int)
    assert 23 * 3600 < lifetime <= 24 * 3600


def test_a_heartbeat_waits_for_the_store_too(own_server: Server) -> None:
    """A heartbeat that could not be written is written when the store is back."""
    with Writer(Single(SocketStore(own_server.path)), agent="bert", lifetime=900) as writer:
        own_server.kill()
        writer.heartbeat({"received": 1})
        wait_until(lambda: writer.stats.outages > 0, "the loss is noticed")
        own_server.start()
        assert writer.flush(PATIENCE)

    with own_server.client() as client:
        assert client.hget("agent;bert", "received") == "1"


def test_the_rules_of_before_and_after_a_reload_keep_their_words(store: SocketStore, client: Valkey) -> None:
    """Rows decided before and after a reload keep the texts of their own rules."""
    writer = Writer(Single(store), agent="bert", lifetime=900)
    writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, last=1)), ("the old rule",))
    writer.offer(observed(flow("10.0.0.2", "8.8.8.8", 53, last=2)), ("the new rule",))
    writer.start()

    assert writer.flush(PATIENCE)
    writer.close()

    assert client.hget("detail;10.0.0.1;8.8.8.8;53", "sentence") == "the old rule"
    assert client.hget("detail;10.0.0.2;8.8.8.8;53", "sentence") == "the new rule"


def test_own_connections_are_the_ones_that_the_store_sees(server: Server, client: Valkey) -> None:
    """The list of our own connections has the same two ends that the store sees."""
    tcp = RemoteStore(StoreUrl(host="127.0.0.1", port=server.port))

    with Writer(Single(tcp), agent="bert", lifetime=900) as writer:
        writer.heartbeat({})
        assert writer.flush(PATIENCE)
        [ends] = writer.connections()
        seen = str(client.client_list())

    assert f"'addr': '127.0.0.1:{ends.local_port}', 'laddr': '127.0.0.1:{server.port}'" in seen
    assert (ends.local, ends.peer, ends.peer_port) == (ip_address("127.0.0.1"), ip_address("127.0.0.1"), server.port)
    assert ends in writer.connections()


def test_an_outage_is_one_line_in_the_log_and_its_end_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An outage causes one warning, however often the writer retries, and its end one line."""
    caplog.set_level(logging.INFO, "shodohflo")
    server = Server(programs()["valkey"](), tmp_path)

    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=900) as writer:
        writer.heartbeat({})
        wait_until(lambda: writer.stats.attempts > 3, "the store was missed several times")
        failing = writer.stats.failing
        server.start()
        assert writer.flush(PATIENCE)
        stats = writer.stats
    server.kill()

    assert (stats.outages, failing, stats.failing) == (1, True, False)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert str(server.path) in caplog.messages[0]


def test_a_password_is_in_no_message(own_server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """When the store refuses a password, neither log nor counters contain it."""
    with own_server.client() as client:
        client.config_set("requirepass", "right-secret")
    store = RemoteStore(StoreUrl(host="127.0.0.1", port=own_server.port, password="wrong-secret"))

    with Writer(Single(store), agent="bert", lifetime=900) as writer:
        writer.heartbeat({})
        wait_until(lambda: writer.stats.outages > 0, "the refusal is noticed")
        said = writer.stats.last_error
        writer.close(timeout=0)

    assert "password" in said.lower() or "WRONGPASS" in said
    assert "secret" not in said + caplog.text + repr(store)


def test_a_store_that_nobody_listens_at_is_named_with_its_port() -> None:
    """An error for a closed port is one line with the URL of the store."""
    port = free_port()

    with pytest.raises(Exception, match=f"store valkey://127.0.0.1:{port}: .*refused") as caught:
        RemoteStore(StoreUrl(host="127.0.0.1", port=port)).connect()

    assert not isinstance(caught.value, ValkeyError)
    assert "\n" not in str(caught.value)


COMMANDS = (
    "AUTH secret",
    "CLIENT SETNAME",
    "SELECT 1",
    "PING",
    "EVAL writer",
    "EVAL agent",
    "EVAL service",
    "INFO stats",
    "INFO persistence",
)
"""Every command that a writer sends."""


@pytest.mark.parametrize("shared_server", ["valkey"], indirect=True)
@pytest.mark.parametrize("applies", [True, False])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_answer_to_any_command_ends_the_writer_or_costs_a_count(
    server: Server, client: Valkey, tmp_path: Path, command: str, *, applies: bool
) -> None:
    """Whatever a store answers to a command, the writer goes on, and all counts are exact once the store is sane."""
    lies = Lies(command)
    store = RemoteStore(StoreUrl(path=str(tmp_path / "hostile"), database=1, password="secret"))
    offered: list[Observations] = []

    with LyingWire(tmp_path / "hostile", server.path, lies, applies=applies):
        # A new writer whenever one is content with an answer, because some commands are only sent at its beginning.
        while lies.answers or len(offered) < 3:
            with Writer(Single(store), agent="bert", lifetime=900) as writer:
                offered.append(made_up(len(offered), rows=300))
                writer.offer(offered[-1])
                writer.heartbeat({"received": len(offered)})
                writer.offer_services([a_service(80)])
                flushed = writer.flush(PATIENCE)
                stats = writer.stats
            assert flushed
            assert (stats.waiting, stats.failing, stats.given_up) == (0, False, {})

    client.select(1)
    assert stored(client) == total(offered)
    assert client.hget("agent;bert", "received") == str(len(offered))


def test_a_heartbeat_that_is_refused_does_not_block_counts(
    own_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """With access rules that forbid only `agent;*`, all counts are written, and the log says what is not."""
    with own_server.client() as admin:
        admin.execute_command(
            "ACL", "SETUSER", "writer", "on", ">right", "+@all", "~*;*;*", "~client;*", "~writer;*", "~*;peer"
        )
    store = RemoteStore(StoreUrl(path=str(own_server.path), username="writer", password="right"))
    offered = made_up(1, rows=900)

    with Writer(Single(store), agent="bert", lifetime=900) as writer:
        writer.heartbeat({"received": 1})
        writer.offer(offered)
        flushed = writer.flush(PATIENCE)
        stats = writer.stats

    with own_server.client() as admin:
        assert stored(admin) == total([offered])
        assert not admin.exists("agent;bert")
    assert flushed
    assert (stats.outages, stats.heartbeats_refused) == (0, 1)
    assert "heartbeat of this agent was not written, counts still are" in caplog.text


def test_the_documented_permissions_are_enough(own_server: Server) -> None:
    """A user with the permissions that the documentation names writes everything, and reads it again."""
    with own_server.client() as admin:
        admin.execute_command(*documented_user())
        store = RemoteStore(StoreUrl(path=str(own_server.path), username="shodohflo", password="PASSWORD"))

        with Writer(Single(store), agent="bert", lifetime=900) as writer:
            for seed in range(2):
                writer.offer(made_up(seed, rows=300))
                writer.heartbeat({"received": seed})
                assert writer.flush(PATIENCE)
            swapped = Swapped(ip_address("10.0.0.5"), ip_address("10.0.0.9"), 54321, 40000, packets=7)
            for each in (swapped, replace(swapped, protocol=UDP)):
                writer.offer(observed(each.as_written()))
            for each in (swapped, replace(swapped, protocol=UDP)):
                writer.correct(corrected(each))
            writer.offer_services([a_service(80)])
            writer.offer_knocks([KNOCK])
            assert writer.flush(PATIENCE)
            stats = writer.stats
        flows = Reader([store]).flows(Filter(), 0.0).rows

        found = read_services(Dialogue(store.connect()))

        assert (stats.attempts, stats.refused, stats.heartbeats_refused) == (0, 0, 0)
        assert (stats.corrected, stats.hashes, stats.hashes_given_up) == (14, 2, 0)
        assert [service.end.port for service in found] == [80]
        assert sum(flow.packets for flow in flows) == sum(
            count for key, count in stored(admin).items() if key.endswith(";flow")
        )
        assert admin.execute_command("ACL", "LOG") == []


def test_writing_again_is_only_said_when_something_was_written(
    own_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that takes heartbeats but no counts is away, and stays so until it takes counts."""
    caplog.set_level(logging.INFO, "shodohflo")
    with own_server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "writer", "on", ">right", "+@all", "~agent;*")
        store = RemoteStore(StoreUrl(path=str(own_server.path), username="writer", password="right"))

        with Writer(Single(store), agent="bert", lifetime=900) as writer:
            writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53)))
            wait_until(lambda: writer.stats.attempts > 2, "writes are refused")
            beaten = 0
            while beaten < 3:
                writer.heartbeat({"received": beaten})
                wait_until(
                    lambda beaten=beaten: admin.hget("agent;bert", "received") == str(beaten),  # type: ignore[misc] # a default
                    "the heartbeat is there",
                )
                beaten += 1
            stats, said = writer.stats, caplog.text
            admin.execute_command("ACL", "SETUSER", "writer", "~*")
            assert writer.flush(PATIENCE)

    assert (stats.failing, stats.outages) == (True, 1)
    assert "nothing is written until somebody corrects this" in said
    assert "writing again" not in said
    assert "writing again" in caplog.text


def test_a_mistake_of_ours_does_not_end_the_thread(
    store: SocketStore, client: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys that no write can be made of are given up and logged, and the writer goes on with the others."""
    writer = Writer(Single(store), agent="bert", lifetime=900)
    writer.change_lifetime("soon")  # type: ignore[arg-type] # the mistake
    writer._outbox.books.lifetime = 900
    writer.start()
    writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3)))
    wait_until(lambda: writer.stats.attempts > 0, "it has failed")
    writer.change_lifetime(900)
    writer.offer(observed(flow("10.0.0.2", "8.8.8.8", 53, packets=4)))
    flushed = writer.flush(PATIENCE)
    stats = writer.stats
    writer.close()

    assert flushed
    assert client.get("10.0.0.2;8.8.8.8;53;flow") == "4"
    assert stats.given_up["client"] == 3
    assert "unexpected TypeError" in caplog.text
    assert "please report it" in caplog.text


def test_what_waits_is_told_in_keys_and_packets(tmp_path: Path) -> None:
    """What the store has not confirmed is counted, in keys and in packets."""
    with Writer(Single(SocketStore(tmp_path / "nobody")), agent="bert", lifetime=900) as writer:
        writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3), flow("10.0.0.1", "8.8.8.8", 54, packets=4)))
        waiting = writer.stats
        writer.close(timeout=0)

    assert waiting.waiting > 0
    assert waiting.waiting_packets == 7
    assert (writer.stats.waiting, writer.stats.waiting_packets) == (0, 0)


def told(writer: Writer, conversations: Conversations, happenings: int) -> int:
    """Offer what happens, and return the number of corrections."""
    number = 0
    for _ in range(happenings):
        happening = conversations.happen()
        writer.offer(happening.observations)
        writer.correct(happening.corrections)
        number += len(happening.corrections)
    return number


def counts_in_the_end(conversations: Conversations) -> dict[str, int]:
    """Return the counts of the five kinds that a store should have."""
    return {key: count for key, count in conversations.in_the_end().items() if " " not in key}


def test_corrections_are_exact_over_a_wire_that_keeps_breaking(server: Server, client: Valkey, tmp_path: Path) -> None:
    """Each is applied once and after its rows, although requests are truncated and answers lost."""
    chance = random.Random(7)
    conversations = Conversations(chance, number=40)

    with CuttingWire(tmp_path / "wire", server.path, lambda: chance.random() < 0.15) as wire:
        writer = Writer(Single(SocketStore(tmp_path / "wire")), agent="bert", lifetime=900).start()
        corrections = 0
        for _ in range(15):
            corrections += told(writer, conversations, 10)
            assert writer.flush(PATIENCE)
        stats = writer.stats
        writer.close()

    assert stored(client) == counts_in_the_end(conversations)
    assert wire.answers_cut >= stats.repeated > 0
    assert (stats.corrections, stats.corrections_vanished, stats.losses) == (corrections, 0, 0)


def test_corrections_are_exact_when_requests_arrive_long_after_they_were_repeated(
    server: Server, client: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A correction that a router held back moves nothing when it comes at last."""
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT", 0.2)
    chance = random.Random(5)
    conversations = Conversations(chance)
    is_held = cycle([False] * 6 + [True])

    with HoldingWire(tmp_path / "wire", server.path, lambda: next(is_held)) as wire:
        with Writer(Single(SocketStore(tmp_path / "wire")), agent="bert", lifetime=900) as writer:
            for _ in range(8):
                told(writer, conversations, 3)
                assert writer.flush(PATIENCE)
                if chance.random() < 0.5:
                    wire.deliver(chance)
        wire.deliver(chance)

    assert stored(client) == counts_in_the_end(conversations)
    assert wire.delivered > 1


@pytest.mark.parametrize("make", programs())
def test_corrections_are_exact_when_the_store_is_killed_while_it_writes(make: str, tmp_path: Path) -> None:
    """A store that keeps a journal, killed at odd moments, has moved each packet once."""
    server = Server(programs()[make](), tmp_path, ("--appendonly", "yes", "--appendfsync", "always")).start()
    conversations = Conversations(random.Random(8), number=30)

    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=900) as writer:
        for _ in range(5):
            before = writer.stats.writes
            told(writer, conversations, 60)
            wait_until(lambda before=before: writer.stats.writes > before, "some of it is written")  # type: ignore[misc] # a default
            server.kill()
            server.start()
            assert writer.flush(PATIENCE)
        assert writer.stats.outages > 0

    with server.client() as client:
        assert stored(client) == counts_in_the_end(conversations)
    server.kill()


def test_what_a_store_lost_is_moved_all_the_same(own_server: Server) -> None:
    """A store that was emptied gets what the agent knows: the packets under the right keys."""
    swapped = Swapped(ip_address("10.0.0.5"), ip_address("10.0.0.9"), 54321, 40000, packets=7)
    with Writer(Single(SocketStore(own_server.path)), agent="bert", lifetime=900) as writer:
        writer.offer(observed(swapped.as_written()))
        assert writer.flush(PATIENCE)
        with own_server.client() as client:
            client.flushall()
            writer.correct(corrected(swapped))
            assert writer.flush(PATIENCE)

            assert stored(client) == counts(observed(swapped.as_it_is()))
        assert (writer.stats.corrected, writer.stats.corrections_vanished, writer.stats.losses) == (7, 0, 1)


def test_services_and_knocks_are_written_and_flushed(store: SocketStore, client: Valkey) -> None:
    """`flush` waits for them too; of each, the latest news are written."""
    with Writer(Single(store), agent="bert", lifetime=900) as writer:
        writer.offer_services(a_service(port) for port in range(1, 1201))
        writer.offer_services([a_service(1, clients=9)])
        writer.offer_knocks([KNOCK])
        assert writer.flush(PATIENCE)
        stats = writer.stats

    assert (stats.hashes, stats.hashes_given_up, stats.writes, stats.packets) == (1201, 0, 0, 0)
    assert len(list(client.scan_iter("service;*", count=1000))) == 1200
    assert client.hget("service;10.0.0.9;tcp;1", "clients") == "9"
    run = writer._delivery.writing.session
    assert client.hget("knock;203.0.113.9", f"silent.bert;{run}") == "15"
    left = client.ttl("knock;203.0.113.9")
    assert isinstance(left, int)
    assert 0 < left <= 900


def test_services_wait_for_a_store_that_is_away(own_server: Server) -> None:
    """They are written when it is back, and counts go first."""
    own_server.kill()
    with Writer(Single(SocketStore(own_server.path)), agent="bert", lifetime=900) as writer:
        writer.offer_services([a_service(80)])
        wait_until(lambda: writer.stats.outages > 0, "the store is missed")
        writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53)))
        own_server.start()
        assert writer.flush(PATIENCE)
        stats = writer.stats

    with own_server.client() as client:
        assert client.exists("service;10.0.0.9;tcp;80")
        assert client.get("10.0.0.1;8.8.8.8;53;flow") == "1"
    assert (stats.hashes, stats.hashes_given_up) == (1, 0)


def test_services_that_are_refused_do_not_block_counts(own_server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """With access rules that forbid `service;*`, all counts are written, and the log says what is not."""
    with own_server.client() as admin:
        rules = ("~*;flow", "~*;rst", "~*;icmp", "~detail;*", "~client;*", "~writer;*", "~*;peer")
        admin.execute_command("ACL", "SETUSER", "writer", "on", ">right", "+@all", *rules)
    store = RemoteStore(StoreUrl(path=str(own_server.path), username="writer", password="right"))
    offered = made_up(1, rows=900)

    with Writer(Single(store), agent="bert", lifetime=900) as writer:
        writer.offer_services([a_service(80)])
        writer.offer(offered)
        assert writer.flush(PATIENCE)
        writer.offer_services([a_service(81)])
        assert writer.flush(PATIENCE)
        stats = writer.stats

    with own_server.client() as admin:
        assert stored(admin) == total([offered])
        assert not list(admin.scan_iter("service;*"))
    assert (stats.outages, stats.hashes, stats.hashes_given_up) == (0, 0, 2)
    assert "what is known of services and knocks was not written, counts still are" in caplog.text


def test_counts_do_not_wait_for_services(store: SocketStore, client: Valkey) -> None:
    """However many services wait, counts are written after the round trip at most that is under way."""
    with Writer(Single(store), agent="bert", lifetime=900) as writer:
        for place in range(1, 11):
            writer.offer_services([a_service(port) for port in range(1, 20_000)])
            writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53)))
            wait_until(lambda place=place: writer.stats.packets == place, "the count is there")  # type: ignore[misc] # a default
        services = writer.stats.hashes
        writer.close(timeout=0)

    assert client.get("10.0.0.1;8.8.8.8;53;flow") == "10"
    assert services < 10 * 20_000


def test_services_that_wait_at_the_end_are_given_up(tmp_path: Path) -> None:
    """They are counted, as are those that come after the end."""
    writer = Writer(Single(SocketStore(tmp_path / "nobody")), agent="bert", lifetime=900).start()
    writer.offer_services([a_service(80), a_service(81)])
    writer.close(timeout=0.1)
    writer.offer_knocks([KNOCK])

    assert writer.stats.hashes_given_up == 3


def test_a_service_that_cannot_be_written_does_not_end_the_thread(store: SocketStore, client: Valkey) -> None:
    """A mistake of ours is counted and logged, and the writer goes on with the others."""
    mistaken = a_service(80)
    with Writer(Single(store), agent="bert", lifetime=900) as writer:
        writer.offer_services([replace(mistaken, end=replace(mistaken.end, protocol=1))])
        wait_until(lambda: writer.stats.hashes_given_up == 1, "it is given up")
        writer.offer_services([a_service(81)])
        writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53)))
        assert writer.flush(PATIENCE)

    assert client.exists("service;10.0.0.9;tcp;81")
    assert client.get("10.0.0.1;8.8.8.8;53;flow") == "1"
