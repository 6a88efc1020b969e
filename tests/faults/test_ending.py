"""How the agent ends whatever its store does: within five seconds, or one after a second signal, and it says all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from shodohflo.store.connection import SocketStore
from support.agents import Watching, watching
from support.holding import HoldingWire
from support.networks import Namespace, send, wait_until
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Fault = Callable[[Path, Namespace, ExitStack], tuple[str, Callable[[], None]]]
    """Starts a store with its files in a directory, and returns its URL and what makes it fail.

    The agent is in the namespace.
    """

LONGEST: Final = 5.0
HURRIED: Final = 1.0
PACKETS: Final = 4000
"""As many flows, which are the keys of several writes."""

OURS: Final = ("--our-nets", "95.136.242.0/24")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Return a capture of as many flows as packets."""
    sources = [f"198.51.{number // 250}.{number % 250 + 1}" for number in range(PACKETS)]
    packets = [Ether() / IP(src=source, dst="95.136.242.1") / UDP(sport=40000, dport=53) for source in sources]
    wrpcap(str(tmp_path / "many.pcap"), packets)
    return tmp_path / "many.pcap"


def refused(_directory: Path, _near: Namespace, _leaving: ExitStack) -> tuple[str, Callable[[], None]]:
    """Let nobody listen."""
    return "valkey://127.0.0.1:1", lambda: None


def unreachable(_directory: Path, near: Namespace, leaving: ExitStack) -> tuple[str, Callable[[], None]]:
    """Let no connection come about, as where a router drops all packets: nobody accepts, and the queue is full."""
    with near.entered():
        listening = leaving.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = leaving.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
    return f"valkey://127.0.0.1:{listening.getsockname()[1]}", lambda: None


def unresolved(_directory: Path, near: Namespace, leaving: ExitStack) -> tuple[str, Callable[[], None]]:
    """Let the name server answer nothing."""
    configured = Path("/etc/netns", near.name)
    configured.mkdir(parents=True)
    leaving.callback(shutil.rmtree, configured)
    (configured / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30\n")
    with near.entered():
        leaving.enter_context(socket.socket(type=socket.SOCK_DGRAM)).bind(("127.0.0.1", 53))
    return "valkey://store.example.net", lambda: None


def hanging(directory: Path, _near: Namespace, leaving: ExitStack) -> tuple[str, Callable[[], None]]:
    """Let the store accept connections, and answer nothing any more."""
    server = Server(programs()["valkey"](), directory).start()
    leaving.callback(server.kill)
    return f"unix://{server.path}", lambda: server.send(signal.SIGSTOP)


def slow(directory: Path, _near: Namespace, leaving: ExitStack) -> tuple[str, Callable[[], None]]:
    """Let every answer take two seconds."""
    server = Server(programs()["valkey"](), directory).start()
    leaving.callback(server.kill)
    is_slow, never = Event(), Event()
    wire = HoldingWire(directory / "wire", server.path, lambda: is_slow.is_set() and never.wait(2.0))
    leaving.enter_context(wire)
    return f"unix://{directory}/wire", is_slow.set


def endless(directory: Path, _near: Namespace, leaving: ExitStack) -> tuple[str, Callable[[], None]]:
    """Let the store take one write after the other, but not all within the time."""
    server = Server(programs()["valkey"](), directory).start()
    leaving.callback(server.kill)
    is_slow, never = Event(), Event()
    wire = HoldingWire(directory / "wire", server.path, lambda: is_slow.is_set() and never.wait(0.9))
    leaving.enter_context(wire)
    return f"unix://{directory}/wire", is_slow.set


def embedded(directory: Path, _near: Namespace, leaving: ExitStack) -> tuple[str, Callable[[], None]]:
    """Stop the server of the agent itself."""
    store = SocketStore(directory / "state" / "store.sock")

    def stop() -> None:
        with store.connect_as_agent() as client:
            server = int(dict(client.info("server"))["process_id"])
        leaving.callback(os.kill, server, signal.SIGKILL)
        os.kill(server, signal.SIGSTOP)

    return "", stop


FAULTS: Final = [refused, unreachable, unresolved, hanging, slow, endless, embedded]


@contextmanager
def failed(
    fault: Fault,
    ends: tuple[Namespace, Namespace],
    many: Path,
    *words: str,
) -> Iterator[Watching]:
    """Run an agent whose store fails, and give it packets after that."""
    with ExitStack() as leaving:
        store, fail = fault(many.parent, ends[1], leaving)
        agent = leaving.enter_context(watching(ends[1], store, many.parent, *OURS, *words))
        if not store:
            wait_until((many.parent / "state" / "store.sock").exists)
        fail()
        send(ends[0], "far0", many)
        yield agent


def ledger(agent: Watching) -> dict[str, int]:
    """Return the outcomes in the ledger that a run has written."""
    outcomes: dict[str, int] = json.loads((agent.directory / "ledger.json").read_text())["outcomes"]
    return outcomes


@pytest.mark.parametrize("fault", FAULTS)
def test_sigterm_ends_within_five_seconds_and_says_what_was_lost(
    fault: Fault, ends: tuple[Namespace, Namespace], many: Path
) -> None:
    """The status is 1, the ledger is there, and one line has the packets that never reached the store."""
    with failed(fault, ends, many) as agent:
        begun = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        status = agent.process.wait(timeout=60)
        took = time.monotonic() - begun

    assert took < LONGEST, agent.log()
    assert status == 1, agent.log()
    assert ledger(agent)["recorded.flow"] == PACKETS
    assert (
        len([line for line in agent.log().splitlines() if "never reached" in line and "recorded packet" in line]) == 1
    )


@pytest.mark.parametrize("fault", [refused, hanging, embedded])
def test_the_end_of_the_duration_is_the_same(fault: Fault, ends: tuple[Namespace, Namespace], many: Path) -> None:
    """A run with `--duration` ends as one that gets a signal."""
    with failed(fault, ends, many, "--duration", "6") as agent:
        wait_until(lambda: "ending: the duration is over" in agent.log())
        begun = time.monotonic()
        status = agent.process.wait(timeout=60)
        took = time.monotonic() - begun

    assert took < LONGEST, agent.log()
    assert status == 1, agent.log()
    assert "recorded packets never reached" in agent.log()


def test_an_embedded_server_that_was_stopped_saves_when_it_goes_on(
    ends: tuple[Namespace, Namespace], many: Path
) -> None:
    """It was left with its order to save and to end; nothing else may start in its place before."""
    state = many.parent / "state"
    with failed(embedded, ends, many) as agent:
        agent.process.send_signal(signal.SIGTERM)
        agent.process.wait(timeout=60)
        assert "its server is not ready yet" in agent.log().splitlines()[-1]
        assert not (state / "store.rdb").exists()
        [server] = servers(state)
        os.kill(server, signal.SIGCONT)
        wait_until(lambda: not servers(state))

        assert (state / "store.rdb").exists()


def servers(state: Path) -> list[int]:
    """Return the processes of servers with their data in `state`."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (place / "cwd").readlink() == state:
                found.append(int(place.name))
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_second_sigterm_ends_within_a_second(fault: Fault, ends: tuple[Namespace, Namespace], many: Path) -> None:
    """Ledger and summary are written all the same."""
    with failed(fault, ends, many) as agent:
        agent.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "waiting for" in agent.log())
        begun = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        status = agent.process.wait(timeout=60)
        took = time.monotonic() - begun

    assert took < HURRIED, agent.log()
    assert status == 1, agent.log()
    assert ledger(agent)["recorded.flow"] == PACKETS
    assert "packets received" in agent.log()
