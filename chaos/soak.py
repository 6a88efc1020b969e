"""`python -m chaos.soak`: the traffic of 8 hours in 20 minutes, while everything around changes.

One agent runs from the beginning to the end, on all interfaces and with networks that it derives from their addresses.
Known packets arrive on an interface that stays, and others on one that is taken down, renamed, deleted, moved to
another namespace or given other addresses. Meanwhile the store is killed, stopped, emptied, filled or cut off, and the
configuration is changed and read again, at moments that the seed gives. Keys live for as much less as the time is
compressed (`chaos.changes`), so that as many expire as in 8 hours.

In the end, what the agent offered to its store is what its ledger says it recorded; each count of it has a name; the
flows that went on all the time, on the interface that stays, have exactly what was sent; and memory, file descriptors
and threads have not grown.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from chaos.changes import CHANGES, Stage, Undo
from chaos.figures import LOSSES, look
from chaos.gauges import Gauges, Sample
from chaos.traffic import ROUNDS, Load, Traffic, kind_of
from support.agents import watching
from support.meddling import Meddling
from support.networks import join, namespace
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chaos.figures import Found
    from support.agents import Watching
    from support.networks import Namespace

MINUTES: Final = 20.0
HOURS: Final = 8.0
"""The traffic of so many hours is sent in so many minutes."""

_STEADY: Final = Load()
_UNSTEADY: Final = Load(established=50, known=30, fresh=10, resets=2, unreachables=2)

_BETWEEN: Final = (0.5, 4.0)
"""Seconds between two changes."""

_SAMPLES: Final = 400
"""Samples that are taken in a run, but at most two in a second."""

_CALM: Final = 3.0
"""Seconds of packets at both ends of a run in which nothing is changed."""

_END: Final = 90.0
"""Seconds in which the agent must end."""

_ROOM: Final = 8 << 20
"""Bytes of packets on their way that the kernel holds for a socket."""


@dataclass(slots=True)
class Link:
    """Packets of a seed that are sent on one interface."""

    space: Namespace
    name: str
    traffic: Traffic
    packets: int = 0
    keys: Counter[str] = field(default_factory=Counter)
    """How often each key of the flows that go on should have been counted."""
    kinds: Counter[str] = field(default_factory=Counter)
    """How often the keys of each kind should have been counted."""
    _socket: socket.socket | None = None

    def send(self) -> None:
        """Send the packets of a round; what an interface that is away does not take is not counted."""
        packets = self.traffic.round()
        try:
            if self._socket is None:
                self._socket = self._open()
            for packet in packets:
                self._socket.send(packet.frame)
                self.packets += 1
                self.keys.update(key for key in packet.keys if key in self.traffic.steady)
                self.kinds.update(map(kind_of, packet.keys))
        except OSError:
            self.close()

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        with self.space.entered():
            opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
            opened.bind((self.name, 0))
        except OSError:
            opened.close()
            raise
        return opened


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of a run."""

    seed: int
    seconds: float
    changes: Counter[str]
    steady: Link
    unsteady: Link
    ledger: Mapping[str, int]
    """Packets received, dropped by the kernel, and recorded, by name."""
    status: int
    """The agent's exit status."""
    found: Found
    gauges: Gauges
    mistakes: Sequence[str]
    """Lines of the agent's log that tell of a mistake in the program."""

    @property
    def recorded(self) -> dict[str, int]:
        """The counts of each kind of key that the ledger says should be offered to the store."""
        flow, ignored, rst, icmp = (
            self.ledger.get(f"recorded.{name}", 0) for name in ("flow", "flow_ignored", "rst", "icmp")
        )
        own_ends = {"peer": 2 * (flow + ignored), "client": flow + ignored + rst + icmp}
        return {"flow": flow, **own_ends, "rst": rst, "icmp": icmp}

    def faults(self) -> list[str]:
        """Return what is wrong, in words."""
        wrong = [f"the agent ended with status {self.status}"] if self.status else []
        wrong += [f"the agent's log has: {line}" for line in self.mistakes[:3]]
        wrong += self._nameless()
        if not self.ledger["kernel_dropped"]:
            wrong += self._wrong_flows()
            received, least = self.ledger["received"], self.steady.packets
            if received < least:
                wrong.append(f"{least:,} packets were sent on the interface that stays, and {received:,} received")
        if self.found.lifeless:
            wrong.append(f"{self.found.lifeless} keys have no lifetime")
        return wrong + self.gauges.faults()

    def _nameless(self) -> list[str]:
        """Return the kinds of which not every count that the ledger has was written, or lost by a name."""
        wrong = []
        for kind, recorded in self.recorded.items():
            named = {name: self.found.named(name)[kind] for name in ("written", *LOSSES)}
            if sum(named.values()) != recorded:
                wrong.append(f"{kind}: {recorded:,} counts in the ledger, but {named}")
        return wrong

    def _wrong_flows(self) -> list[str]:
        """Return the flows that went on all the time and do not have what was sent, unless a loss of them has a name.

        An interface that comes and goes shares no flow with them.
        """
        if any(self.found.named(loss)["flow"] for loss in ("no_room", "given_up", "lost")):
            return []
        sent, counts = self.steady.keys, self.found.counts
        wrong = {key: count for key, count in sent.items() if counts[key] != count}
        some = ", ".join(f"{key} {count} sent, {counts[key]} found" for key, count in list(wrong.items())[:3])
        return [f"{len(wrong)} of {len(sent)} flows that go on are wrong: {some}"] if wrong else []

    def line(self) -> str:
        """Return the figures in a few lines."""
        named = {name: sum(self.found.named(name).values()) for name in ("written", *LOSSES)}
        words = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in named.items())
        changes = ", ".join(f"{count} {name}" for name, count in sorted(self.changes.items()))
        sent = self.steady.packets + self.unsteady.packets
        return (
            f"soak, seed {self.seed}, {self.seconds / 60:.1f} minutes: {sent:,} packets sent, "
            f"{self.ledger['received']:,} received, {self.ledger['kernel_dropped']:,} dropped by the kernel; "
            f"counts {words}; {len(self.steady.keys)} flows that go on\n"
            f"  agent: {self.gauges.line()}\n"
            f"  {self.changes.total()} changes: {changes}"
        )


def soak(seed: int, seconds: float, directory: Path) -> Soaked:
    """Run for so many seconds, with all files in `directory`, which must be empty."""
    with _stage(seed, directory) as stage, ExitStack() as leaving:
        links = _links(stage, seed, round(seconds * ROUNDS))
        for link in links:
            leaving.callback(link.close)
        words = ("--config", str(stage.configuration))
        agent = leaving.enter_context(watching(stage.near, stage.url, directory, *words))
        assert agent.process.poll() is None, agent.log()
        stage.agent = agent.process.pid
        gauges, changes = Gauges(), Counter[str]()
        _play(stage, links, seconds, gauges, changes)
        stage.settle()
        agent.process.send_signal(signal.SIGTERM)
        status = agent.process.wait(timeout=_END)
        steady, unsteady = links
        return Soaked(
            seed=seed,
            seconds=seconds,
            changes=changes,
            steady=steady,
            unsteady=unsteady,
            ledger=_ledger(agent),
            status=status,
            found=look([stage.server]),
            gauges=gauges,
            mistakes=[line for line in agent.log().splitlines() if _is_mistake(line)],
        )


def _links(stage: Stage, seed: int, rounds: int) -> tuple[Link, Link]:
    steady = Link(stage.far, "far0", Traffic(seed, _STEADY, rounds))
    return steady, Link(stage.far, "far1", Traffic(seed + 1_000_000, _UNSTEADY, rounds))


def _play(stage: Stage, links: Sequence[Link], seconds: float, gauges: Gauges, changes: Counter[str]) -> None:
    """Send packets, take samples, and make changes; what a change leaves undone is undone before the next one."""
    began = time.monotonic()
    due, sample_at, next_change = began, 0.0, _CALM
    undo: Undo | None = None
    while (now := time.monotonic() - began) < seconds:
        for link in links:
            link.send()
        if now >= sample_at:
            gauges.samples.append(Sample.of(stage.agent, now))
            sample_at = now + max(seconds / _SAMPLES, 0.5)
        if now >= next_change and (undo is not None or now < seconds - _CALM):
            if undo is not None:
                undo()
                undo = None
            else:
                name = stage.chance.choice(sorted(CHANGES))
                changes[name] += 1
                undo = CHANGES[name](stage)
            next_change = now + stage.chance.uniform(*_BETWEEN)
        # A round that is late is not made up for: the load must not come in bursts after a pause.
        due = max(due + 1 / ROUNDS, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0.0))
    if undo is not None:
        undo()


def _ledger(agent: Watching) -> dict[str, int]:
    path = agent.directory / "ledger.json"
    assert path.exists(), f"the agent ended without a ledger: {agent.log()[-2000:]}"
    ledger = json.loads(path.read_text())
    assert sum(ledger["outcomes"].values()) == ledger["received"]
    return {"received": ledger["received"], "kernel_dropped": ledger["kernel_dropped"], **ledger["outcomes"]}


def _is_mistake(line: str) -> bool:
    return any(sign in line for sign in ("Traceback", "please report", "unexpected"))


@contextmanager
def _stage(seed: int, directory: Path) -> Iterator[Stage]:
    """Make namespaces, links and a store; there is no agent yet."""
    with ExitStack() as leaving:
        far, near, elsewhere = (leaving.enter_context(namespace()) for _ in range(3))
        for number in range(2):
            join(far, f"far{number}", near, f"near{number}")
        for address in ("10.0.0.1/8", "fd00::1/16"):
            near.ip("address", "add", address, "dev", "near0")
        with near.entered():
            server = Server(programs()["valkey"](), directory)
            leaving.callback(server.kill)
            server.start()
        wire = leaving.enter_context(Meddling(server.path, near))
        stage = Stage(Random(f"soak {seed}"), far, near, elsewhere, server, wire, directory / "configuration.py")
        stage.configure("")
        yield stage


def main(arguments: Sequence[str]) -> int:
    """Run as the command line says; return 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m chaos.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of packets and changes (%(default)s)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of the run (%(default)g)")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers and namespaces are removed
    with tempfile.TemporaryDirectory(prefix="soak") as directory:
        soaked = soak(chosen.seed, chosen.minutes * 60, Path(directory))
    with suppress(BrokenPipeError):
        print("\n  WRONG: ".join([soaked.line(), *(faults := soaked.faults())]), flush=True)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
