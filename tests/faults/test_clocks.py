"""Clocks that jump, in the agent: it goes by the time since the machine started, whatever the wall clock says."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import pytest

from support.agents import NAME, recorded, replayed, watching
from support.networks import Namespace, send, wait_until
from support.serving import Server, programs

if TYPE_CHECKING:
    from pathlib import Path

OURS: Final = "95.136.242.0/24"
HOUR: Final = 3600

CLOCK: Final = """
import os, time
true = time.time_ns
def ahead():
    with open(os.environ["CLOCK_AHEAD"]) as file:
        return int(file.read() or 0) * 10**9
time.time_ns = lambda: true() + ahead()
time.time = lambda: time.time_ns() / 1e9
"""
"""Executed at the start of the interpreter: the wall clock is ahead by what a file says.

libfaketime does the same for other programs, but makes the sleep of this one fail.
"""


def seen(server: Server) -> str:
    """Return the time of the agent's last heartbeat."""
    with server.client() as client:
        return str(client.hget(f"agent;{NAME}", "seen"))


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_the_wall_clock_of_the_agent_jumps(
    ends: tuple[Namespace, Namespace],
    tmp_path: Path,
    shipped_captures: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
) -> None:
    """Before the jump and after it, every packet is in the store once, with its whole lifetime."""
    capture, clock = shipped_captures / "dpkt-nb6-http.pcap", tmp_path / "clock"
    clock.write_text("0")
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CLOCK_AHEAD", str(clock))
    server = Server(programs()["valkey"](), tmp_path).start()

    with watching(ends[1], f"unix://{server.path}", tmp_path, "--our-nets", OURS) as agent:
        send(ends[0], "far0", capture)
        wait_until(lambda: bool(recorded(server)))
        before = seen(server)
        clock.write_text(f"{seconds}")
        wait_until(lambda: abs(minutes(seen(server)) - minutes(before)) > 30)
        send(ends[0], "far0", capture)
        agent.end()

    expected = {key: 2 * count for key, count in replayed(capture, our_nets=[OURS]).items()}
    assert recorded(server) == expected
    with server.client() as client:
        assert {key for key in expected if int(str(client.ttl(key))) < 800} == set()
        assert client.hget(f"agent;{NAME}", "store.given_up") == "0"
    server.kill()


def minutes(moment: str) -> float:
    """Return a time of a heartbeat in minutes since 1970."""
    return datetime.fromisoformat(moment).timestamp() / 60
