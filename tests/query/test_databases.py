"""Databases of several real stores: each is read once, all at the same time."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from shodohflo.errors import StoreError
from shodohflo.query.databases import Databases
from shodohflo.store.connection import RemoteStore, SocketStore
from shodohflo.store.urls import parse_url
from support.hostile import HostileStore, bulk
from support.serving import PATIENCE, Server, free_port, programs, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from valkey import Valkey

    from shodohflo.store.announced import TcpEnds
    from shodohflo.store.connection import Store
    from shodohflo.store.dialogue import Dialogue


def size(dialogue: Dialogue, name: str) -> tuple[str, int]:
    """Return the name of a store with its number of keys."""
    return name, int(dialogue.demand(("DBSIZE",)))


def socket_of(server: Server) -> SocketStore:
    """Return a server as a store."""
    return SocketStore(server.path)


@pytest.fixture
def many(tmp_path: Path) -> Iterator[list[HostileStore]]:
    """Yield ten honest stores, each another database."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                HostileStore(tmp_path / str(number), {"INFO": bulk(f"master_replid:{str(number) * 40}\r\n")})
            )
            for number in range(10)
        ]


@dataclass(frozen=True, slots=True)
class Counted:
    """A store that counts how often it was connected to."""

    store: Store
    connects: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the name of the store."""
        return self.store.name

    def connect(self) -> Valkey:
        """Count, and connect."""
        self.connects.append(self.name)
        return self.store.connect()

    def connections(self) -> frozenset[TcpEnds]:
        """Return those of the store."""
        return self.store.connections()


def test_every_database_is_read_in_the_order_of_the_stores(servers: list[Server]) -> None:
    """Each result is that of one store, and none has failed."""
    databases = Databases([socket_of(server) for server in servers])

    assert databases.read(size) == [(f"unix://{server.path}", 0) for server in servers]
    assert databases.failures == {}


def test_a_database_with_several_names_is_read_by_the_first(servers: list[Server]) -> None:
    """The socket and the port of one server are one store; another database of it is another."""
    server = servers[0]
    by_port = [RemoteStore(parse_url(f"127.0.0.1:{server.port}{database}")) for database in ("", "", "/1")]

    names = [name for name, _ in Databases([socket_of(server), *by_port]).read(size)]

    assert names == [f"unix://{server.path}", f"valkey://127.0.0.1:{server.port}/1"]


def test_a_primary_is_read_once_with_its_replica(servers: list[Server], tmp_path: Path) -> None:
    """Both have the same id of replication; if the first that was named is away, the other is read."""
    primary = servers[0]
    follows = ("--replicaof", f"127.0.0.1 {primary.port}")
    replica = Server(programs()["valkey"](), tmp_path, follows).start()
    with primary.client() as client, replica.client() as following:
        client.set("a", "1")
        wait_until(lambda: following.get("a") == "1", "the replica has the key")

    both = Databases([socket_of(replica), socket_of(primary)]).read(size)
    replica.kill()
    databases = Databases([socket_of(replica), socket_of(primary)])

    assert both == [(f"unix://{replica.path}", 1)]
    assert databases.read(size) == [(f"unix://{primary.path}", 1)]
    assert list(databases.failures) == [f"unix://{replica.path}"]


def test_a_replica_that_has_lost_its_primary_may_count_twice(servers: list[Server], tmp_path: Path) -> None:
    """A primary that is back has another id, which its replica takes over only when they are connected again."""
    nowhere = ("--replicaof", f"127.0.0.1 {free_port()}")
    lost = [Server(programs()["valkey"](), tmp_path / name, nowhere) for name in "ab"]
    for replica in lost:
        replica.directory.mkdir()
        replica.start()
    databases = Databases([socket_of(server) for server in (servers[0], *lost, lost[0])])

    results = databases.read(size)
    for replica in lost:
        replica.kill()

    assert len(results) == 3
    assert databases.unidentified == tuple(f"unix://{replica.path}" for replica in lost)


def test_all_stores_are_read_at_the_same_time(many: list[HostileStore]) -> None:
    """Ten readings that wait for each other end."""
    everybody = Barrier(len(many))

    def together(dialogue: Dialogue, name: str) -> tuple[str, int]:
        everybody.wait(PATIENCE)
        return size(dialogue, name)

    results = Databases([RemoteStore(parse_url(store.url)) for store in many]).read(together)

    assert [name for name, _ in results] == [store.url for store in many]


def test_a_store_that_is_away_is_asked_once(servers: list[Server], tmp_path: Path) -> None:
    """A second query of the same command does not wait for it again; it stays named, and the others are read."""
    gone = Counted(SocketStore(tmp_path / "gone"))
    databases = Databases([gone, socket_of(servers[0])])

    first, second = databases.read(size), databases.read(size)

    assert first == second == [(f"unix://{servers[0].path}", 0)]
    assert gone.connects == [gone.name]
    assert list(databases.failures) == [gone.name]


def test_a_store_that_hangs_fails_alone(servers: list[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspended server answers nothing; the rows of the others come when it is given up."""
    monkeypatch.setattr("shodohflo.store.connection.ANSWER_TIMEOUT", 0.5)
    hanging = Server(programs()["valkey"](), tmp_path).start()
    hanging.send(signal.SIGSTOP)
    databases = Databases([socket_of(hanging), socket_of(servers[0])])

    results = databases.read(size)
    hanging.kill()

    assert results == [(f"unix://{servers[0].path}", 0)]
    assert list(databases.failures) == [f"unix://{hanging.path}"]


def test_a_store_that_hangs_while_it_is_read_is_asked_once(
    servers: list[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has answered who it is; a second query of the same command does not wait for it, but for one that refuses."""
    monkeypatch.setattr("shodohflo.store.connection.ANSWER_TIMEOUT", 0.5)
    with (
        HostileStore(tmp_path / "a", {"INFO": bulk(f"master_replid:{'a' * 40}\r\n"), "DBSIZE": b""}) as silent,
        HostileStore(
            tmp_path / "b", {"INFO": bulk(f"master_replid:{'b' * 40}\r\n"), "DBSIZE": b"-NOPERM\r\n"}
        ) as strict,
    ):
        asked = [Counted(RemoteStore(parse_url(store.url))) for store in (silent, strict)]
        databases = Databases([*asked, socket_of(servers[0])])
        results = [databases.read(size) for _ in range(3)]

    assert results == [[(f"unix://{servers[0].path}", 0)]] * 3
    assert [len(store.connects) for store in asked] == [2, 4]
    assert list(databases.failures) == [silent.url, strict.url]


def test_if_all_fail_the_error_names_each(tmp_path: Path) -> None:
    """The error is one line, that of the store which was named first; its notes are those of the others."""
    gone = [SocketStore(tmp_path / name) for name in ("a", "b", "c")]

    for number in (1, 2, 3):
        databases = Databases(gone[:number])
        for _ in range(2):  # a second query asks nobody again
            with pytest.raises(StoreError) as caught:
                databases.read(size)
            told = [str(caught.value), *getattr(caught.value, "__notes__", ())]
            assert [line.partition(": ")[0] for line in told] == [f"store {store.name}" for store in gone[:number]]


def test_a_store_that_may_not_be_asked_who_it_is_may_count_twice(servers: list[Server]) -> None:
    """Known by its name only, it is named, unless it is the only one that is read."""
    server = servers[0]
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "blind", "on", ">x", "~*", "+@all", "-info")
    named = f"valkey://127.0.0.1:{server.port}"
    blind = RemoteStore(parse_url(f"valkey://blind:x@127.0.0.1:{server.port}"))
    alone, beside = Databases([blind, blind]), Databases([blind, socket_of(server)])

    assert (len(alone.read(size)), alone.unidentified) == (1, ())
    assert (len(beside.read(size)), beside.unidentified) == (2, (named,))


def test_the_first_error_of_a_store_that_is_named_twice_is_told(tmp_path: Path, servers: list[Server]) -> None:
    """Both are one store in messages."""
    gone = SocketStore(tmp_path / "gone")
    databases = Databases([gone, gone, socket_of(servers[0])])

    databases.read(size)

    assert list(databases.failures) == [gone.name]


def test_a_store_that_fails_while_it_is_read_is_replaced_by_its_other_name(
    servers: list[Server], tmp_path: Path
) -> None:
    """What says that it is the same database, and then refuses, does not hide it."""
    server = servers[0]
    with server.client() as client:
        identity = client.info("replication")["master_replid"]
    script = {"INFO": bulk(f"master_replid:{identity}\r\n"), "DBSIZE": b"-ERR not now\r\n"}

    with HostileStore(tmp_path / "s", script) as broken:
        databases = Databases([RemoteStore(parse_url(broken.url)), socket_of(server)])
        results = databases.read(size)

    assert results == [(f"unix://{server.path}", 0)]
    assert databases.failures == {broken.url: f"store {broken.url}: not now"}
