"""The disk of an embedded store fills: it is said at once and at the end, and the last good file is kept."""

from __future__ import annotations

import os
import secrets
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest
from valkey.exceptions import ResponseError

from shodohflo.store.connection import SocketStore
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.agents import watching
from support.disks import fill, small_disk
from support.networks import Namespace, wait_until
from support.offering import LIFETIME, expected, held, offering
from support.serving import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.agents import Watching

OURS: Final = ("--our-nets", "95.136.242.0/24")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """Return a state directory on a small disk."""
    with small_disk(tmp_path / "state") as directory:
        yield directory


def put(state: Path, name: str) -> None:
    """Write a megabyte that cannot be packed."""
    with SocketStore(state / "store.sock").connect_as_agent() as client:
        client.set(name, secrets.token_bytes(1_000_000), ex=900)


def save(state: Path) -> bool:
    """Let the server save in the background, as it does once a minute, and return whether it could."""
    with SocketStore(state / "store.sock").connect_as_agent() as client:
        with suppress(ResponseError):  # it is saving already
            client.bgsave()
        wait_until(lambda: not dict(client.info("persistence"))["rdb_bgsave_in_progress"])
        return bool(dict(client.info("persistence"))["rdb_last_bgsave_status"] == "ok")


def said(agent: Watching, what: str) -> float:
    """Wait until the agent has said `what`, and return how many seconds that took."""
    begun = time.monotonic()
    wait_until(lambda: what in agent.log())
    return time.monotonic() - begun


def test_it_is_said_at_once_and_at_the_end_and_the_last_good_file_is_kept(
    ends: tuple[Namespace, Namespace], state: Path
) -> None:
    """Within two seconds of the last free byte, long before a save fails; the status is 1."""
    with watching(ends[1], "", state.parent, *OURS) as agent:
        wait_until((state / "store.sock").exists)
        put(state, "before")
        assert save(state)
        good = (state / "store.rdb").read_bytes()
        filling = fill(state)
        took = said(agent, "bytes are free in")
        put(state, "after")
        assert not save(state)
        said(agent, "its last save in the background failed")
        agent.process.send_signal(signal.SIGTERM)
        status = agent.process.wait(timeout=30)

    assert took < 2.0
    assert status == 1
    assert "embedded store: its data were not saved" in agent.log().splitlines()[-1]
    assert (state / "store.rdb").read_bytes() == good
    filling.unlink()
    again = EmbeddedStore(state)
    with again.connect() as client:
        assert client.exists("before", "after") == 1
    again.close()


def test_with_room_again_it_saves_and_says_so(ends: tuple[Namespace, Namespace], state: Path) -> None:
    """Nothing is wrong at the end, and nothing is missing."""
    with watching(ends[1], "", state.parent, *OURS) as agent:
        wait_until((state / "store.sock").exists)
        filling = fill(state)
        put(state, "meanwhile")
        assert not save(state)
        said(agent, "its last save in the background failed")
        filling.unlink()
        said(agent, "there is room to save its data again")
        assert save(state)
        said(agent, "saved again")
        agent.process.send_signal(signal.SIGTERM)
        status = agent.process.wait(timeout=30)

    assert status == 0, agent.log()
    assert (state / "store.rdb").stat().st_size > 1_000_000


@pytest.mark.parametrize("is_full", [True, False])
def test_what_its_killed_server_had_not_saved_is_written_again(state: Path, *, is_full: bool) -> None:
    """It is started again with the last good file, also on a full disk, and the rest is known to the agent."""
    offered = [offering(seed) for seed in range(3)]
    store = EmbeddedStore(state)
    reading = SocketStore(state / "store.sock")

    with Writer(Single(store), agent="bert", lifetime=LIFETIME) as writer:
        writer.offer(offered[0])
        assert writer.flush(PATIENCE)
        assert save(state)
        filling = fill(state) if is_full else None
        writer.offer(offered[1])
        assert writer.flush(PATIENCE)
        with reading.connect_as_agent() as client:
            os.kill(int(dict(client.info("server"))["process_id"]), signal.SIGKILL)
        writer.offer(offered[2])
        assert writer.flush(PATIENCE)
        stats = writer.stats
    with reading.connect() as client:
        assert held(client) == expected(offered)
    if filling:
        filling.unlink()
    store.close()

    assert (stats.outages, stats.losses, stats.rewritten > 0) == (1, 1, True)
    assert not any((*stats.lost.values(), *stats.given_up.values(), stats.unsure))
