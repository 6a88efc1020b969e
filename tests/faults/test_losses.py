"""A store loses what it had taken: the agent notices, writes again what lives, and everything is in the store once.

Each loss is prepared by a function that is given the store before its last writes, and returns the function that makes
it lose them. That one returns the store that answers from then on.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from shodohflo.store.connection import SocketStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.machine import missing
from support.offering import LIFETIME, expected, held, offering
from support.serving import PATIENCE, Server, programs, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Loss = Callable[[Server], Callable[[], Server]]

LIBRARY: Final = "faketime/libfaketimeMT.so.1"
PLACES: Final = [Path("/usr/lib"), *Path("/usr/lib").glob("*-linux-gnu")]
HOUR: Final = 3600


def flushed(server: Server) -> Callable[[], Server]:
    """Empty all databases while the connection stays."""

    def lose() -> Server:
        with server.client() as admin:
            admin.flushall()
        return server

    return lose


def restarted_empty(server: Server) -> Callable[[], Server]:
    """Kill it; it has saved nothing."""

    def lose() -> Server:
        server.kill()
        return server.start()

    return lose


def restored(server: Server) -> Callable[[], Server]:
    """Save before the last writes, and kill it after them."""
    with server.client() as admin:
        admin.save()
    return restarted_empty(server)


def failed_over(server: Server) -> Callable[[], Server]:
    """Let a replica take its place that was cut off from it before the last writes."""
    follows = ("--replicaof", "127.0.0.1", str(server.port))
    replica = Server(server.program, server.directory / "replica", follows).start()
    with replica.client() as admin, server.client() as primary:
        wait_until(lambda: dict(admin.info("replication"))["master_link_status"] == "up", "it follows")
        wait_until(lambda: held(admin) == held(primary), "it has everything")
        admin.execute_command("REPLICAOF", "127.0.0.1", "1")

    def lose() -> Server:
        server.kill()
        with replica.client() as admin:
            admin.execute_command("REPLICAOF", "NO", "ONE")
        server.path.unlink(missing_ok=True)
        server.path.symlink_to(replica.path)
        return replica

    return lose


LOSSES: Final[dict[str, Loss]] = {
    "FLUSHALL": flushed,
    "restart without data": restarted_empty,
    "restart with old data": restored,
    "failover to a lagging replica": failed_over,
}


@pytest.fixture(params=programs())
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Return a store that belongs to the test."""
    (tmp_path / "replica").mkdir()
    server = Server(programs()[request.param](), tmp_path).start()
    yield server
    server.kill()


@pytest.mark.parametrize("loss", LOSSES)
def test_what_a_store_has_lost_is_written_again(server: Server, loss: str) -> None:
    """It is noticed at the next heartbeat or write, within a second of connecting, and has a number."""
    offered = [offering(seed) for seed in range(4)]

    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=LIFETIME) as writer:
        writer.offer(offered[0])
        assert writer.flush(PATIENCE)
        lose = LOSSES[loss](server)
        for observations in offered[1:3]:
            writer.offer(observations)
            assert writer.flush(PATIENCE)
        now = lose()
        writer.heartbeat({})
        wait_until(lambda: writer.stats.losses > 0, "the loss is noticed")
        writer.offer(offered[3])
        assert writer.flush(PATIENCE)
        stats = writer.stats

    with now.client() as client:
        assert held(client) == expected(offered)
    now.kill()
    assert (stats.losses, stats.rewritten > 0, stats.waiting) == (1, True, 0)
    assert not any((*stats.lost.values(), *stats.given_up.values(), *stats.expired.values(), stats.unsure))


def test_a_loss_is_noticed_within_a_second_of_connecting_again(server: Server) -> None:
    """Also where nothing new is counted."""
    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=LIFETIME) as writer:
        writer.offer(offering(1))
        assert writer.flush(PATIENCE)
        restarted_empty(server)()
        writer.heartbeat({})
        wait_until(lambda: writer.stats.outages > 0 or writer.stats.losses > 0, "the restart is noticed")
        begun = time.monotonic()
        wait_until(lambda: writer.stats.losses > 0, "the loss is noticed")
        with server.client() as client:
            wait_until(lambda: held(client) == expected([offering(1)]), "everything is back")
        took = time.monotonic() - begun

    assert took < 1.0


def test_a_store_that_restarts_with_its_data_has_lost_nothing(server: Server) -> None:
    """It is an outage, and nothing is written again."""
    offered = [offering(seed) for seed in range(3)]

    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=LIFETIME) as writer:
        for observations in offered[:2]:
            writer.offer(observations)
            assert writer.flush(PATIENCE)
        server.save_and_end()
        writer.offer(offered[2])
        wait_until(lambda: writer.stats.failing, "the restart is noticed")
        server.start()
        assert writer.flush(PATIENCE)
        writer.heartbeat({})
        assert writer.flush(PATIENCE)
        stats = writer.stats

    with server.client() as client:
        assert held(client) == expected(offered)
    assert (stats.outages, stats.losses, stats.rewritten, stats.unsure) == (1, 0, 0, 0)


def test_what_a_store_evicted_is_written_again_when_it_has_room(server: Server) -> None:
    """Evicted keys are those that would expire next; the number of the last write is never among them."""
    offered = [offering(seed) for seed in range(4)]

    with (
        server.client() as admin,
        Writer(Single(SocketStore(server.path)), agent="bert", lifetime=LIFETIME) as writer,
    ):
        for observations in offered[:3]:
            writer.offer(observations)
        writer.heartbeat({})
        assert writer.flush(PATIENCE)
        admin.config_set("maxmemory-policy", "volatile-ttl")
        admin.config_set("maxmemory", str(int(dict(admin.info("memory"))["used_memory"]) - 100_000))
        wait_until(lambda: held(admin) != expected(offered[:3]), "some are evicted")
        writer.heartbeat({})
        wait_until(lambda: writer.stats.evicted > 0, "it is noticed")
        admin.config_set("maxmemory", "0")
        writer.offer(offered[3])
        assert writer.flush(PATIENCE)

        def is_whole() -> bool:
            writer.heartbeat({})
            writer.flush(PATIENCE)
            return held(admin) == expected(offered)

        wait_until(is_whole, "all are back")
        stats = writer.stats

    assert stats.evicted > 0
    assert not any((*stats.lost.values(), *stats.given_up.values(), *stats.expired.values()))


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with the number of seconds by which the clocks of servers are ahead that start from now on."""
    libraries = [place / LIBRARY for place in PLACES if (place / LIBRARY).exists()]
    if not libraries:
        missing("the library libfaketime (Debian: faketime)")
    file = tmp_path / "clock"
    file.write_text("+0\n")
    monkeypatch.setenv("LD_PRELOAD", str(libraries[0]))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(file))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    return file


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_the_clock_of_the_store_jumps(
    clock: Path, tmp_path: Path, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What expired early is written again; what expires late is counted once."""
    server = Server(programs()["valkey"](), tmp_path).start()  # the memory allocator of Redis asks for the time
    monkeypatch.delenv("LD_PRELOAD")
    offered = [offering(seed) for seed in range(3)]

    with server.client() as admin, Writer(Single(SocketStore(server.path)), agent="bert", lifetime=LIFETIME) as writer:
        for observations in offered[:2]:
            writer.offer(observations)
        assert writer.flush(PATIENCE)
        clock.write_text(f"{seconds:+}\n")
        wait_until(lambda: abs(int(admin.time()[0]) - time.time()) > HOUR / 2, "the clock has jumped")
        wait_until(lambda: not held(admin) or seconds < 0, "all keys have expired")
        writer.offer(offered[2])
        assert writer.flush(PATIENCE)

        def is_whole() -> bool:
            writer.heartbeat({})
            writer.flush(PATIENCE)
            return held(admin) == expected(offered)

        wait_until(is_whole, "all are there")
        stats = writer.stats
    server.kill()

    assert stats.outages == 0
    assert not any((*stats.lost.values(), *stats.given_up.values(), *stats.expired.values(), stats.unsure))
