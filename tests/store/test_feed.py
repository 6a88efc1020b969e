"""The feed with real stores: all services first, then those that others wrote, and a store that fails."""

from __future__ import annotations

import signal
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from shodohflo.model import TCP, End, Rung, ServiceSeen
from shodohflo.store import connection, feed
from shodohflo.store.connection import RemoteStore, SocketStore
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.feed import ServiceFeed
from shodohflo.store.hashes import to_hash, write_hashes
from shodohflo.store.urls import StoreUrl
from shodohflo.store.write import Writing
from support.lying import ODD, Lies, LyingWire
from support.serving import PATIENCE, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from valkey import Valkey

    from support.serving import Server


def write(client: Valkey, *ports: int) -> None:
    """Write a service on each port, as another agent does."""
    now = time.time_ns()
    services = [ServiceSeen(End(ip_address("10.0.0.9"), TCP, port), now, now, Rung.HANDSHAKE, 1) for port in ports]
    assert write_hashes(client, [to_hash(each, Writing("4f1c9a", "ernie", 900)) for each in services]) == 0


def ports_of(services: list[ServiceSeen]) -> list[int]:
    """Return the ports of services, sorted."""
    return sorted(service.end.port for service in services)


def come(fed: ServiceFeed) -> list[int]:
    """Wait until something comes, and return the ports."""
    taken: list[ServiceSeen] = []

    def has_come() -> bool:
        taken.extend(fed.take())
        return bool(taken)

    wait_until(has_come, "services come")
    return ports_of(taken)


def test_first_come_all_services_and_then_the_new_ones(store: SocketStore, client: Valkey) -> None:
    """What was written before the feed knew all is not read again."""
    write(client, 80, 443)
    for port in (80, 443):
        client.expire(f"service;10.0.0.9;tcp;{port}", 1000)

    with ServiceFeed(store, interval=0.1) as fed:
        assert fed.wait(PATIENCE)
        assert ports_of(fed.take()) == [80, 443]
        write(client, 22)
        assert come(fed) == [22]
        write(client, 80)
        taken: set[int] = set()
        while 80 not in taken:
            taken.update(come(fed))
        assert 443 not in taken
    assert fed.failures == 0


def test_an_embedded_store_is_read_but_never_started(tmp_path: Path) -> None:
    """The feed waits until the writer has started it, and reads as anybody may."""
    embedded = EmbeddedStore(tmp_path / "state")
    with ServiceFeed(embedded, interval=0.1) as fed:
        assert not fed.wait(PATIENCE)
        assert not embedded.owned
        with embedded.connect() as client:
            write(client, 80)
            assert come(fed) == [80]
    embedded.close()


def test_taking_never_waits_for_the_store(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is silent blocks the thread, and neither its caller nor the end."""
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT", 60.0)
    own_server.send(signal.SIGSTOP)
    begun = time.monotonic()

    with ServiceFeed(RemoteStore(StoreUrl(path=str(own_server.path)))) as fed:
        assert fed.take() == []
        assert not fed.wait(0.1)

    assert time.monotonic() - begun < PATIENCE
    own_server.send(signal.SIGCONT)


def test_a_store_that_comes_later_is_read_then(own_server: Server) -> None:
    """A failure is counted, and the next time everything is asked for."""
    own_server.kill()
    with ServiceFeed(SocketStore(own_server.path), interval=0.1) as fed:
        assert not fed.wait(PATIENCE)
        own_server.start()
        with own_server.client() as client:
            write(client, 80)
            client.expire("service;10.0.0.9;tcp;80", 1000)
            wait_until(lambda: fed.wait(0), "the store is read")
            assert come(fed) == [80] if fed.failures else True
    assert fed.failures > 0


def test_an_answer_is_expected_from_a_store_that_is_there(own_server: Server, tmp_path: Path) -> None:
    """Before the first question, and as long as an embedded store is not started; not from one that is away."""
    assert ServiceFeed(SocketStore(own_server.path)).is_pending
    with ServiceFeed(SocketStore(own_server.path)) as fed:
        assert fed.wait(PATIENCE)
        assert not fed.is_pending
    own_server.kill()
    with ServiceFeed(SocketStore(own_server.path)) as fed, ServiceFeed(EmbeddedStore(tmp_path / "state")) as starting:
        assert not fed.wait(PATIENCE)
        assert not starting.wait(PATIENCE)
        assert (fed.is_pending, starting.is_pending) == (False, True)


def test_a_store_that_has_just_been_started_is_read_at_once(own_server: Server) -> None:
    """A store that was not there yet is not left alone for a minute: it starts together with its agent."""
    own_server.kill()
    with ServiceFeed(SocketStore(own_server.path), interval=3_600.0) as fed:
        assert not fed.wait(PATIENCE)
        own_server.start()
        with own_server.client() as client:
            write(client, 80)
        wait_until(lambda: fed.wait(0), "the store is read")


def test_what_is_not_taken_is_bounded(store: SocketStore, client: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often services come that nobody takes."""
    monkeypatch.setattr(feed, "MOST", 3)
    with ServiceFeed(store, interval=0.05) as fed:
        for port in range(1, 6):
            write(client, port)
            before = fed._reads
            wait_until(lambda before=before: fed._reads > before + 1, "the store is read again")  # type: ignore[misc]
        assert len(fed.take()) == 3


@pytest.mark.parametrize("command", ["SCAN 0", "HMGET service;10.0.0.9;tcp;80", "PING"])
def test_whatever_a_store_answers_the_feed_goes_on(
    server: Server, client: Valkey, tmp_path: Path, command: str
) -> None:
    """After all odd answers, services are read as ever."""
    write(client, 80)
    lies = Lies(command, [name for name in ODD if name != "silence"])
    with (
        LyingWire(tmp_path / "wire", server.path, lies, applies=False),
        ServiceFeed(SocketStore(tmp_path / "wire"), interval=0.01) as fed,
    ):
        wait_until(lambda: not lies.answers, "all lies are told")
        fed.take()
        write(client, 80)
        assert come(fed) == [80]
