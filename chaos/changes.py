"""What changes around an agent that goes on: its interfaces and their addresses, its store, its configuration.

Each change is a function that begins it, and returns how to undo it later on, or None if there is nothing to undo.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from valkey.exceptions import ValkeyError

from support.meddling import Fate, always_pass, often
from support.networks import join

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from support.meddling import Meddling
    from support.networks import Namespace
    from support.serving import Server

Undo = Callable[[], None]

_LIFETIMES: Final = (30, 45)
"""Seconds that keys live, at least and at most: the 15 minutes of 8 hours are 38 seconds in 20 minutes."""

_WRONG: Final = ("TTL_GRACE = 0\n", "this is no Python\n", "FLOW_MAPPING = 7\n", "1 / 0\n")
"""Configurations that an agent must refuse."""

_RIGHT: Final = (
    "",
    "PCAP_STATS = 7\n",
    'IGNORE_FLOW = {("203.0.113.9", 9)}\n',
    'CAPTURE_FILTER = "not host 203.0.113.9"\n',
    "SUPPRESS_OWN_NETWORK = True\n",
    'ACCEPTED_FINDINGS = {"DEAD-RULE FLOW_MAPPING[0]": "as it changes"}\n',
)
"""What else a configuration has; none of it says anything about the packets that are sent."""


@dataclass(slots=True)
class Stage:
    """Everything around the agent; `chance` decides what changes, and how."""

    chance: Random
    far: Namespace
    """Where packets are sent."""
    near: Namespace
    """Where the agent is, with `near0`, which stays, and `near1`, which does not."""
    elsewhere: Namespace
    server: Server
    wire: Meddling
    """Between the agent and its store."""
    configuration: Path
    agent: int = 0
    """The agent's process id."""

    @property
    def url(self) -> str:
        """The agent's store."""
        return f"valkey://127.0.0.1:{self.wire.port}"

    def configure(self, text: str) -> None:
        """Write a configuration with `text`, and let the agent read it if there is one."""
        self.configuration.write_text(f"TTL_GRACE = {self.chance.randint(*_LIFETIMES)}\n{text}")
        self._reload()

    def misconfigure(self, text: str) -> None:
        """Write a configuration that is wrong, and let the agent read it."""
        self.configuration.write_text(text)
        self._reload()

    def settle(self) -> None:
        """Let the store answer again, whatever has become of it."""
        self.wire.choose = always_pass
        if not self.server.answers():
            self.start_store()

    def start_store(self) -> None:
        """Start the store in the agent's namespace."""
        with self.near.entered():
            self.server.start()

    def _reload(self) -> None:
        if self.agent:
            os.kill(self.agent, signal.SIGHUP)


def taken_down(stage: Stage) -> Undo:
    """Take the interface down."""
    stage.near.ip("link", "set", "near1", "down")
    return lambda: stage.near.ip("link", "set", "near1", "up")


def deleted(stage: Stage) -> Undo:
    """Delete the interface, and make it anew."""
    stage.near.ip("link", "delete", "near1")
    return lambda: join(stage.far, "far1", stage.near, "near1")


def renamed(stage: Stage) -> Undo:
    """Give the interface another name; the kernel may want it to be down for that."""
    _rename(stage, "near1", "other1")
    return lambda: _rename(stage, "other1", "near1")


def moved(stage: Stage) -> Undo:
    """Move the interface to another namespace, and back."""
    stage.near.ip("link", "set", "near1", "netns", stage.elsewhere.name)

    def undo() -> None:
        stage.elsewhere.ip("link", "set", "near1", "netns", stage.near.name)
        stage.near.ip("link", "set", "near1", "arp", "off", "up")

    return undo


def added(stage: Stage) -> Undo:
    """Add another interface, with an address."""
    join(stage.far, "far2", stage.near, "near2")
    stage.near.ip("address", "add", "192.0.2.1/24", "dev", "near2")
    return lambda: stage.near.ip("link", "delete", "near2")


def addressed(stage: Stage) -> Undo:
    """Give the interface an address of another network, of either family."""
    number = stage.chance.randrange(256)
    address = stage.chance.choice([f"172.20.{number}.1/24", f"fd77:{number:x}::1/64"])
    stage.near.ip("address", "add", address, "dev", "near1")
    return lambda: stage.near.ip("address", "flush", "dev", "near1")


def killed(stage: Stage) -> Undo:
    """Kill the store, and start it again without its data."""
    stage.server.kill()
    return stage.start_store


def stopped(stage: Stage) -> Undo:
    """Stop the store."""
    stage.server.send(signal.SIGSTOP)
    return lambda: stage.server.send(signal.SIGCONT)


def emptied(stage: Stage) -> None:
    """Empty the store."""
    with stage.server.client() as client:
        client.flushall()


def filled(stage: Stage) -> Undo:
    """Fill the store's memory, so that it refuses writes."""
    _limit(stage, "1mb")
    return lambda: _limit(stage, "0")


def cut_off(stage: Stage) -> Undo:
    """Cut and delay what agent and store say to each other."""
    stage.wire.choose = often(stage.chance, Fate.CUT, Fate.DROP, Fate.LATE)

    def undo() -> None:
        stage.wire.choose = always_pass

    return undo


def disconnected(stage: Stage) -> None:
    """Let the store close the connections of its clients."""
    with stage.server.client() as client:
        try:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")
        except ValkeyError:
            return


def configured(stage: Stage) -> None:
    """Let the agent read another configuration."""
    stage.configure(stage.chance.choice(_RIGHT))


def misconfigured(stage: Stage) -> Undo:
    """Let the agent read a configuration that it must refuse."""
    stage.misconfigure(stage.chance.choice(_WRONG))
    return lambda: stage.configure(stage.chance.choice(_RIGHT))


CHANGES: Final[dict[str, Callable[[Stage], Undo | None]]] = {
    change.__name__.replace("_", " "): change
    for change in (
        taken_down,
        deleted,
        renamed,
        moved,
        added,
        addressed,
        killed,
        stopped,
        emptied,
        filled,
        cut_off,
        disconnected,
        configured,
        misconfigured,
    )
}
"""All changes by name."""


def _rename(stage: Stage, old: str, new: str) -> None:
    stage.near.ip("link", "set", old, "down")
    stage.near.ip("link", "set", old, "name", new)
    stage.near.ip("link", "set", new, "up")


def _limit(stage: Stage, memory: str) -> None:
    with stage.server.client() as client:
        client.config_set("maxmemory", memory)
