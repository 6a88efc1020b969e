"""The table of faults: whatever a store does while it is written to, it has everything once in the end.

Each fault is a context: it begins when the context is entered, and has been corrected when it is left.
"""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import pytest
from valkey.exceptions import ResponseError

from shodohflo.store import connection
from shodohflo.store.connection import RemoteStore, SocketStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.urls import StoreUrl
from shodohflo.store.writer import Writer
from support.holding import HoldingWire
from support.offering import LIFETIME, expected, held, offering
from support.resetting import Resetting
from support.serving import Server, programs, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from valkey import Valkey

PATIENCE: Final = 60.0
"""Seconds until everything is in the store after a fault: attempts are up to half a minute apart."""


@pytest.fixture(params=programs())
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Return a store that belongs to the test."""
    server = Server(programs()[request.param](), tmp_path).start()
    yield server
    server.kill()


def kill_clients(admin: Valkey) -> None:
    """End all connections but the own one."""
    admin.client_kill_filter(_type="normal", skipme=True)


@contextmanager
def refused(server: Server) -> Iterator[None]:
    """Let nobody find the store."""
    away = server.path.with_name("away")
    with server.client() as admin:
        admin.ping()
        server.path.rename(away)
        kill_clients(admin)
        yield
        away.rename(server.path)


@contextmanager
def loading(server: Server) -> Iterator[None]:
    """Let it load its data for a long time."""
    with server.client() as admin:
        admin.config_set("rdbcompression", "no")
        for number in range(200):  # it looks for clients every two megabytes
            admin.set(f"foreign;{number}", "x" * 100_000)
        admin.save()
    before = server.arguments
    server.kill()
    server.arguments += ("--key-load-delay", "10000")
    server.launch()
    yield
    server.arguments = before
    wait_until(server.answers, "it has loaded its data")


@contextmanager
def busy(server: Server) -> Iterator[None]:
    """Let a script of another client run without end."""
    with server.client() as other, server.client() as admin:
        admin.config_set("lua-time-limit", "50")

        def is_busy() -> bool:
            try:
                return not admin.ping()
            except ResponseError as error:
                return "BUSY" in str(error)

        def run() -> None:
            with pytest.raises(ResponseError, match="killed"):
                other.eval("while true do end", 0)

        running = Thread(target=run)
        running.start()
        wait_until(is_busy, "the script runs")
        yield
        admin.execute_command("SCRIPT", "KILL")
        running.join()
        admin.config_set("lua-time-limit", "5000")


@contextmanager
def read_only(server: Server) -> Iterator[None]:
    """Make it a replica of nobody."""
    with server.client() as admin:
        admin.execute_command("REPLICAOF", "127.0.0.1", "1")
        yield
        admin.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def misconfigured(server: Server) -> Iterator[None]:
    """Let it fail to save its data, and therefore refuse to write (MISCONF)."""
    in_the_way = server.directory / "dump.rdb"
    in_the_way.mkdir()
    with server.client() as admin:
        admin.config_set("save", "3600 1")
        admin.bgsave()
        wait_until(lambda: dict(admin.info("persistence"))["rdb_last_bgsave_status"] == "err", "it cannot save")
        yield
        in_the_way.rmdir()
        admin.save()


@contextmanager
def out_of_memory(server: Server) -> Iterator[None]:
    """Let its memory be full, and evict nothing."""
    with server.client() as admin:
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", "1")
        yield
        admin.config_set("maxmemory", "0")


@contextmanager
def user_revoked(server: Server) -> Iterator[None]:
    """Take all rights from everybody who is connected."""
    with server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "admin", "on", "nopass", "~*", "&*", "+@all")
        admin.execute_command("AUTH", "admin", "x")
        admin.execute_command("ACL", "SETUSER", "default", "-@all")
        yield
        admin.execute_command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def password_changed(server: Server) -> Iterator[None]:
    """Ask everybody for a password that the writer does not have."""
    with server.client() as admin:
        admin.config_set("requirepass", "other")
        kill_clients(admin)
        yield
        admin.config_set("requirepass", "")


@contextmanager
def hanging(server: Server) -> Iterator[None]:
    """Stop the process, for longer than an answer may take."""
    server.send(signal.SIGSTOP)
    yield
    server.send(signal.SIGCONT)


FAULTS: Final[dict[str, tuple[Callable[[Server], AbstractContextManager[None]], str]]] = {
    "refused": (refused, "No such file"),
    "loading": (loading, "loading"),
    "busy": (busy, "busy running a script"),
    "read only": (read_only, "it is a replica, which takes no writes"),
    "misconfigured": (misconfigured, "snapshot"),
    "out of memory": (out_of_memory, "memory"),
    "user revoked": (user_revoked, "the user lacks a permission"),
    "password changed": (password_changed, "the store asks for a password"),
    "hanging": (hanging, "Timeout reading from"),
}
"""What begins and ends each fault, and what is said of it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_is_one_and_loses_nothing(server: Server, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything offered before, during and after is in the store once; the fault is named, and counted once."""
    if fault == "hanging":
        monkeypatch.setattr(connection, "ANSWER_TIMEOUT", 1.0)  # nobody waits for ten seconds
    begin, said = FAULTS[fault]
    offered = [offering(seed) for seed in range(4)]

    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=LIFETIME) as writer:
        writer.offer(offered[0])
        assert writer.flush(PATIENCE)
        with begin(server):
            writer.offer(offered[1])
            wait_until(lambda: said in writer.stats.last_error, f"{said!r} is said")
            writer.offer(offered[2])
            wait_until(lambda: writer.stats.attempts > 3, "it is tried again")
        writer.offer(offered[3])
        assert writer.flush(PATIENCE)
        stats = writer.stats

    with server.client() as client:
        assert held(client) == expected(offered)
    assert (stats.outages, stats.failing, stats.waiting) == (1, False, 0)
    assert not any(stats.given_up.values())
    assert not stats.refused


def test_a_store_that_answers_after_two_seconds_is_slow_and_not_away(server: Server, tmp_path: Path) -> None:
    """Nothing fails, nothing is written twice."""
    is_slow, never = Event(), Event()
    offered = [offering(seed) for seed in range(2)]

    with (
        HoldingWire(tmp_path / "wire", server.path, lambda: is_slow.is_set() and never.wait(2.0)),
        Writer(Single(SocketStore(tmp_path / "wire")), agent="bert", lifetime=LIFETIME) as writer,
    ):
        writer.offer(offered[0])
        assert writer.flush(PATIENCE)
        is_slow.set()
        begun = time.monotonic()
        writer.offer(offered[1])
        assert writer.flush(PATIENCE)
        took = time.monotonic() - begun
        is_slow.clear()
        stats = writer.stats

    with server.client() as client:
        assert held(client) == expected(offered)
    assert took >= 2.0
    assert (stats.outages, stats.repeated) == (0, 0)


def test_connections_that_are_reset_lose_nothing(server: Server) -> None:
    """Each connection is reset (TCP) with the request or with the answer on the way."""
    offered = [offering(seed) for seed in range(12)]

    with (
        Resetting(server.port) as wire,
        Writer(Single(RemoteStore(StoreUrl(host="127.0.0.1", port=wire.port))), agent="bert", lifetime=900) as writer,
    ):
        for observations in offered:
            wire.reset_after(2)
            writer.offer(observations)
            assert writer.flush(PATIENCE)
        stats = writer.stats

    with server.client() as client:
        assert held(client) == expected(offered)
    assert wire.resets > 3
    assert stats.attempts > 3


def test_clients_that_are_killed_in_a_loop_lose_nothing(server: Server) -> None:
    """Between two kills, some writes get through."""
    offered = [offering(seed) for seed in range(40)]
    ended = Event()

    def kill() -> None:
        with server.client() as admin:
            while not ended.wait(0.002):
                kill_clients(admin)

    with ExitStack() as leaving:
        writer = leaving.enter_context(Writer(Single(SocketStore(server.path)), agent="bert", lifetime=LIFETIME))
        killing = Thread(target=kill)
        killing.start()
        leaving.callback(killing.join)
        leaving.callback(ended.set)
        for observations in offered:
            writer.offer(observations)
            writer.flush(0.1, 0.1)
        assert writer.flush(PATIENCE)
        stats = writer.stats

    with server.client() as client:
        assert held(client) == expected(offered)
    assert stats.attempts > 3


def test_a_value_of_another_program_is_left_alone_and_named(server: Server) -> None:
    """The one key is counted as refused at each write; all others are exact, and nothing is an outage."""
    offered = [offering(seed) for seed in range(2)]
    taken = next(key for key in sorted(expected(offered)) if key.endswith(";flow"))

    with server.client() as client, Writer(Single(SocketStore(server.path)), agent="bert", lifetime=900) as writer:
        client.sadd(taken, "of another program")
        for observations in offered:
            writer.offer(observations)
            assert writer.flush(PATIENCE)
        stats = writer.stats
        kind = client.type(taken)
        client.delete(taken)

        others = {key: count for key, count in expected(offered).items() if key != taken}
        assert held(client) == others
    assert kind == "set"
    assert (stats.outages, stats.refused > 0) == (0, True)
