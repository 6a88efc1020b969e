"""Whole runs of the agent, each in a network namespace of its own."""

from __future__ import annotations

import logging
import signal
import socket
from contextlib import closing, suppress
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from shodohflo.agent import RunOptions, Status, run
from shodohflo.agent.signals import Signals
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.config import Configuration, load
from shodohflo.errors import CaptureError
from shodohflo.process.service_manager import ServiceManager
from shodohflo.store.connection import SocketStore
from support.networks import Namespace, join, namespace, send
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OURS = (ip_network("95.136.242.0/24"),)
_PACKETS = 62


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[Namespace, Namespace]]:
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        yield far, near


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Server]:
    server = Server(programs()["valkey"](), tmp_path).start()
    yield server
    server.kill()


@pytest.fixture(name="options")
def _options(tmp_path: Path) -> RunOptions:
    """Return the options of a short run with the default rules, which writes to the store of `server`, if any."""
    settings = replace(load(None, {}), stats_interval=1)
    store = SocketStore(tmp_path / "s.sock")
    configuration = Configuration(settings, _OURS)
    return RunOptions(
        wanted=Wanted(), configuration=configuration, store=store, name="bert", duration=0.5, patience=0.3
    )


def running(space: Namespace, options: RunOptions, **changes: Any) -> int:  # noqa: ANN401 - whatever options take
    """Run the agent in `space` and return its exit status."""
    with space.entered():
        return run(replace(options, **changes))


@pytest.mark.usefixtures("server")
def test_the_status_tells_what_was_recorded_since_the_last_one(
    ends: tuple[Namespace, Namespace], options: RunOptions, shipped_captures: Path
) -> None:
    """The recent observations of all statuses add up to all recorded packets."""
    far, near = ends
    seen: list[Status] = []

    def show(status: Status) -> None:
        if not seen:
            send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
        seen.append(status)

    ended: list[Status] = []
    status = running(near, options, on_status=show, on_end=ended.append, duration=2.0)

    assert status == 0
    assert [one.state for one in seen[:1] + ended] == ["running", "ended"]
    assert ended[0].ledger.received == _PACKETS
    recorded = sum(count for name, count in ended[0].ledger.outcomes.items() if name.startswith("recorded."))
    assert sum(int(one.recent.packets.sum()) for one in seen) == recorded > 0
    assert [one.interfaces for one in ended] == [("near0",)]


@pytest.mark.usefixtures("server")
def test_without_anybody_to_show_it_to_the_log_gets_a_line_now_and_then(
    ends: tuple[Namespace, Namespace], options: RunOptions, caplog: pytest.LogCaptureFixture
) -> None:
    """Without `on_status`, a summary is logged every `stats_interval` seconds and at the end."""
    caplog.set_level(logging.INFO)

    running(ends[1], options, duration=1.5)

    assert len([message for message in caplog.messages if "packets received" in message]) == 2


def test_a_run_whose_store_never_came_says_so_by_its_status(
    ends: tuple[Namespace, Namespace], options: RunOptions, shipped_captures: Path
) -> None:
    """A run without a reachable store returns 1, is `cut short`, and counts every packet that was not written."""
    far, near = ends
    ended: list[Status] = []

    def show(status: Status) -> None:
        if status.ledger.received == 0:
            send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")

    status = running(near, options, on_status=show, on_end=ended.append)

    assert (status, ended[0].state) == (1, "cut short")
    recorded = sum(count for name, count in ended[0].ledger.outcomes.items() if name.startswith("recorded."))
    assert ended[0].given_up == recorded > 0


def test_the_agents_hash_says_that_it_ended(
    ends: tuple[Namespace, Namespace], options: RunOptions, server: Server
) -> None:
    """The agent's hash is marked `ended` and lives for at most one more day."""
    running(ends[1], options)

    with server.client() as client:
        fields, lifetime = client.hgetall("agent;bert"), client.ttl("agent;bert")
    assert (fields["state"], fields["interfaces"], fields["configuration"]) == ("ended", "near0", "defaults")
    assert 0 < lifetime <= 24 * 3600


def test_an_unknown_interface_ends_the_run_before_it_begins(
    ends: tuple[Namespace, Namespace], options: RunOptions
) -> None:
    """An unknown interface raises `CaptureError` before the run begins."""
    with pytest.raises(CaptureError, match="there is no interface eth7"):
        running(ends[1], options, wanted=Wanted(("eth7",)))


@pytest.mark.usefixtures("server")
def test_the_service_manager_learns_what_the_agent_does(
    ends: tuple[Namespace, Namespace], options: RunOptions, tmp_path: Path
) -> None:
    """It is told that the agent is ready, lives, reloads, is ready again and ends, with what it does in one line."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        manager = ServiceManager(str(tmp_path / "notify"), watchdog=1.0)
        with Signals() as signals, ends[1].entered():
            signal.raise_signal(signal.SIGHUP)
            same = options.configuration
            assert run(replace(options, manager=manager, duration=2.0, reread=lambda: same), signals) == 0
        told = list(_received(systemd))

    words = [text.split("=")[0] for text in told]
    states = [word for word in words if word in {"READY", "RELOADING", "STOPPING"}]
    assert states == ["READY", "RELOADING", "READY", "STOPPING"]
    assert words.count("WATCHDOG") >= 2
    assert any(text.startswith("STATUS=0 packets received") for text in told)


def _received(end: socket.socket) -> Iterator[str]:
    """Yield the datagrams that wait."""
    with suppress(BlockingIOError):
        while True:
            yield end.recv(4096).decode()
