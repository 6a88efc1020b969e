"""A small world: a sender and an agent on the ends of a link, and a store that the agent reaches through a proxy."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from chaos.sending import Sending
from chaos.traffic import OUR_NETS, ROUNDS, Load, Traffic
from support.agents import Watching, watching
from support.clusters import Cluster
from support.meddling import Meddling
from support.networks import Namespace, join, namespace
from support.serving import Server, programs, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAG: Final = 5.0
"""Seconds that counts of known keys wait at most until they are written."""

BUSY: Final = 3.0
"""Seconds until counts are in the store that are due: a tick of the agent, a write, and a busy machine."""

_END: Final = 90.0
"""Seconds in which an agent that is told to end must have ended."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a world is made of."""

    seed: int
    seconds: float
    load: Load = field(default_factory=Load)
    server: tuple[str, ...] = ()
    """Arguments of the server."""
    replicas: int | None = None
    """Of each primary of the cluster that is the store; None if one server is."""
    configuration: str = ""
    """Of the agent."""

    @property
    def rounds(self) -> int:
        """The number of rounds of packets."""
        return round(self.seconds * ROUNDS)


@dataclass(slots=True)
class World:
    """Everything that a scenario may meddle with; `chance` decides when and how."""

    chance: Random
    near: Namespace
    directory: Path
    server: Server
    """The store, or the first node of the cluster."""
    cluster: Cluster | None
    """The store, if it is a cluster."""
    wire: Meddling
    """Between the agent and a store that is one server."""
    sending: Sending
    leaving: ExitStack
    url: str
    agent: Watching | None = None
    started: float = 0.0
    """When the agent was; a monotonic time."""
    away: float = 0.0
    """When the store was killed the last time; a monotonic time, as is `back`."""
    back: float = 0.0
    """When it was there again, and the agent had begun to write."""
    may_miss: Counter[str] = field(default_factory=Counter)
    """What agents that were killed had not written yet, at most, by key."""
    ended: dict[str, int] = field(default_factory=dict)
    """The last agent's exit status, its packets received, and those dropped by the kernel."""
    mistakes: list[str] = field(default_factory=list)
    """Lines of the agents' logs that tell of a mistake in the program."""

    @property
    def holders(self) -> list[Server]:
        """The servers that hold the counts together."""
        return self.cluster.serving() if self.cluster else [self.server]

    def moments(self, number: int) -> list[int]:
        """Return rounds at which something happens, in order, none of them near the beginning or the end."""
        first, last = self.sending.rounds // 10, self.sending.rounds * 7 // 10
        return sorted(self.chance.sample(range(first, last), number))

    def start_agent(self) -> None:
        """Start an agent, and go on sending when it listens."""
        networks = [word for prefix in OUR_NETS for word in ("--our-nets", prefix)]
        self.agent = self.leaving.enter_context(watching(self.near, self.url, self.directory, "near0", *networks))
        assert self.agent.process.poll() is None, self.agent.log()
        self.started = monotonic()
        self.sending.resume()

    def kill_agent(self) -> None:
        """Kill the agent, send nothing until the next one listens, and note what it may not have written."""
        assert self.agent is not None
        killed = monotonic()
        self.agent.process.kill()
        self.sending.pause()
        self.agent.process.wait()
        written = self.away if killed < self.back + BUSY else killed
        known, fresh = (max(self.started, written - lag) for lag in (LAG + BUSY, BUSY))
        self.may_miss.update(self.sending.unwritten(known, fresh))
        self._read_log()

    def kill_store(self, seconds: float) -> None:
        """Kill the store, and start it again after so many seconds."""
        if monotonic() >= self.back + BUSY:  # or else what waited since `away` may still wait
            self.away = monotonic()
        self.server.kill()
        sleep(seconds)
        self.start_server(self.server)
        if self.agent and self.agent.process.poll() is None:
            # It tries again after seconds at most; a store with a long journal may take as long to start.
            wait_until(self._has_written, "the agent writes again")
        self.back = monotonic()

    def _has_written(self) -> bool:
        """Return whether the store has executed a script since it started."""
        with self.server.client() as client:
            return "cmdstat_eval" in client.info("commandstats")

    def end_agent(self) -> None:
        """Tell the agent to end, and keep what it says of itself."""
        assert self.agent is not None
        self.agent.process.send_signal(signal.SIGTERM)
        self.ended["status"] = self.agent.process.wait(timeout=_END)
        self._read_log()
        path = self.directory / "ledger.json"
        assert path.exists(), f"the agent ended without a ledger: {self.agent.log()}"
        ledger = json.loads(path.read_text())
        self.ended |= {name: ledger[name] for name in ("received", "kernel_dropped")}

    def _read_log(self) -> None:
        """Keep what an agent's log says of mistakes; the next agent begins another log."""
        assert self.agent is not None
        signs = ("Traceback", "please report", "unexpected")
        self.mistakes += [line for line in self.agent.log().splitlines() if any(sign in line for sign in signs)]

    def another_server(self, name: str, *arguments: str) -> Server:
        """Return a running server in the same namespace, with its data in a directory of its own."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        server = Server(programs()["valkey"](), directory, arguments)
        self.leaving.callback(server.kill)
        self.start_server(server)
        return server

    def start_server(self, server: Server) -> None:
        """Start or restart a server in the namespace of the agent."""
        with self.near.entered():
            server.start()


@contextmanager
def world(setting: Setting, directory: Path) -> Iterator[World]:
    """Make a world with a store; there is no agent yet, and no packets are sent."""
    with ExitStack() as leaving:
        far, near = (leaving.enter_context(namespace()) for _ in range(2))
        join(far, "far0", near, "near0")
        with near.entered():
            server, cluster = _store(setting, directory, leaving)
        wire = leaving.enter_context(Meddling(server.path, near))
        sending = Sending(far, "far0", Traffic(setting.seed, setting.load, setting.rounds), setting.rounds)
        if setting.configuration:
            (directory / "configuration.py").write_text(setting.configuration)
        leaving.enter_context(sending)
        url = cluster.url if cluster else f"valkey://127.0.0.1:{wire.port}"
        yield World(Random(f"chaos {setting.seed}"), near, directory, server, cluster, wire, sending, leaving, url)


def _store(setting: Setting, directory: Path, leaving: ExitStack) -> tuple[Server, Cluster | None]:
    """Start the store; return its server, or the first of a cluster's."""
    program = programs()["valkey"]()
    if setting.replicas is None:
        server = Server(program, directory, setting.server)
        leaving.callback(server.kill)
        return server.start(), None
    cluster = Cluster(program, directory / "cluster", replicas=setting.replicas, arguments=setting.server)
    leaving.callback(cluster.kill)
    return cluster.start().nodes[0], cluster
