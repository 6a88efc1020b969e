"""A sink with one store: it writes, and disconnects on any error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shodohflo.errors import StoreError
from shodohflo.store.connection import RemoteStore, SocketStore
from shodohflo.store.hashes import Hash
from shodohflo.store.heartbeat import Condition
from shodohflo.store.sinks import HashesRefusedError, HeartbeatRefusedError
from shodohflo.store.sinks.single import Single
from shodohflo.store.urls import StoreUrl
from shodohflo.store.write import Applied, Write, Written
from support.observing import flow, observed
from support.scribing import Scribe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from valkey import Valkey

    from support.serving import Server


def a_write() -> Write:
    """Return the first write of an agent, of one packet."""
    return Scribe().write(observed(flow("10.0.0.1", "8.8.8.8", 53)))


def written(sink: Single, meanwhile: Callable[[], None] = lambda: None) -> Written:
    """Send that write, and return the answer."""
    answers: list[Written] = []
    sink.write([a_write()], lambda _, answer: answers.append(answer), meanwhile)
    return answers[0]


def test_a_write_is_applied_once(store: SocketStore, client: Valkey) -> None:
    """A write that is sent again adds nothing, on the same connection or another."""
    sink = Single(store)
    sink.connect()

    first, again = written(sink), written(sink)
    sink.connect()
    later = written(sink)
    sink.disconnect()

    assert (first, again, later) == (Written(Applied.NOW), *[Written(Applied.BEFORE, held=1)] * 2)
    assert client.get("10.0.0.1;8.8.8.8;53;flow") == "1"


def test_a_heartbeat_returns_what_the_store_says_about_itself(store: SocketStore, client: Valkey) -> None:
    """A heartbeat replaces the agent's hash, and returns the number of evicted keys and whether data are saved."""
    sink = Single(store)
    sink.connect()

    condition = sink.write_heartbeat("bert", {"state": "running"})
    sink.disconnect()

    assert condition == Condition(evicted=0, unsaved="")
    assert client.hgetall("agent;bert") == {"state": "running"}


def test_an_unreachable_store_is_named_in_one_line(tmp_path: Path) -> None:
    """The error for an unreachable store names it, and the sink stays disconnected."""
    sink = Single(SocketStore(tmp_path / "nobody"))

    with pytest.raises(StoreError, match=f"^store unix://{tmp_path}/nobody: "):
        sink.connect()
    with pytest.raises(StoreError, match=r"not connected$"):
        written(sink)


def test_an_error_closes_the_connection(store: SocketStore, client: Valkey) -> None:
    """After an error, writes fail until `connect` is called, even if the store works again."""
    sink = Single(store)
    sink.connect()
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreError, match="memory"):
            written(sink)
    finally:
        client.config_set("maxmemory", "0")

    with pytest.raises(StoreError, match=r"not connected$"):
        written(sink)
    sink.connect()
    assert written(sink).now
    sink.disconnect()


def test_connections_are_those_of_the_store(server: Server) -> None:
    """The connections of a sink are those of its store; a unix socket has none."""
    over_tcp, over_socket = RemoteStore(StoreUrl(host="127.0.0.1", port=server.port)), SocketStore(server.path)

    for store, number in ((over_tcp, 1), (over_socket, 0)):
        sink = Single(store)
        sink.connect()
        assert len(sink.connections()) >= number
        assert sink.connections() == store.connections()
        sink.disconnect()


def test_a_refused_heartbeat_leaves_the_connection_open(own_server: Server) -> None:
    """After a heartbeat that access rules forbid, the same connection takes writes."""
    with own_server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "writer", "on", ">right", "+@all", "~[^a]*")
    sink = Single(RemoteStore(StoreUrl(path=str(own_server.path), username="writer", password="right")))
    sink.connect()

    with pytest.raises(HeartbeatRefusedError, match="permission"):
        sink.write_heartbeat("bert", {"state": "running"})

    assert written(sink).now
    sink.disconnect()


def test_something_is_done_while_the_store_works(store: SocketStore) -> None:
    """`meanwhile` is called once for each write, before its answer is read."""
    called: list[str] = []
    sink = Single(store)
    sink.connect()

    written(sink, lambda: called.append("meanwhile"))
    called.append("answered")
    sink.disconnect()

    assert called == ["meanwhile", "answered"]


def test_what_is_done_meanwhile_may_fail_without_a_word_about_the_store(store: SocketStore) -> None:
    """A mistake of ours is raised as it is, when the answer has been read: the connection is as good as before."""
    sink = Single(store)
    sink.connect()

    def mistaken() -> None:
        raise ZeroDivisionError("a mistake")

    with pytest.raises(ZeroDivisionError, match="a mistake"):
        written(sink, mistaken)

    assert written(sink) == Written(Applied.BEFORE, held=1)
    sink.disconnect()


def test_hashes_are_merged_and_a_refusal_leaves_the_connection_open(own_server: Server) -> None:
    """The number of keys that were left unchanged is returned; a store that takes none says why."""
    sink = Single(RemoteStore(StoreUrl(path=str(own_server.path))))
    sink.connect()
    a_hash = Hash("service;10.0.0.9;tcp;80", {"first": "1.000000", "last": "2.000000"}, 900)
    with own_server.client() as client:
        client.set("service;10.0.0.9;tcp;81", "theirs")
        assert sink.write_hashes([a_hash, replace(a_hash, key="service;10.0.0.9;tcp;81")]) == 1
        assert client.hget(a_hash.key, "last") == "2.000000"

        client.execute_command("ACL", "SETUSER", "default", "-hset")
        with pytest.raises(HashesRefusedError, match=r"permission|can't run"):
            sink.write_hashes([replace(a_hash, key="service;10.0.0.9;tcp;82")])

    assert written(sink).now
    sink.disconnect()
