"""A long outage with an injected clock: a day of a flood, second by second, through the real outbox to a real store.

Every second brings flows of clients that were never seen before, of which each makes four keys and then is silent, and
packets of flows that go on all the time. The store is there for half a minute, then away, then there again.
`python -m chaos.outage --hours 24` prints the figures in a line.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from chaos.figures import look
from chaos.traffic import KINDS, sums
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.observations import Observations
from shodohflo.model import TCP, Rung
from shodohflo.store.connection import SocketStore
from shodohflo.store.delivery import Delivery
from shodohflo.store.outbox import Outbox
from shodohflo.store.sinks.single import Single
from shodohflo.store.write import SLOTS, Writing
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chaos.figures import Found

NEW_KEYS: Final = 10_000
"""New keys in a second of the outage."""

LIVE: Final = 3_000
"""Flows that go on, each with some packets every five seconds."""

BEFORE: Final = 30
"""Seconds that the store is there at first."""

_EVERY: Final = 5
"""Seconds between two packets of a live flow; what is seen meanwhile is added at once, as an agent does."""

SOON: Final = (_EVERY * NEW_KEYS + 4 * LIVE) // SLOTS
"""Writes after the outage within which live flows must be right: those of what was seen in the last five seconds."""

GROWTH: Final = 1.1
"""What the process may grow by, as a multiple of the bound, which is an estimate."""

BESIDE: Final = 40_000_000
"""Bytes that the process may grow by in any case: what was refused is remembered, and a second is worked on."""

_OF_A_CLIENT: Final = 4
"""Keys of a new flow of a new client: flow, peer both ways, client."""

_FLOOD: Final = 32 << 24
"""The first address of the clients that flood; a day of them ends below 48.0.0.0."""

_HOME: Final = 10 << 24
_SERVICES: Final = 198 << 24
_SECOND: Final = 10**9
_TAIL: Final = 4
"""The part of the memory that the writer sets apart for its latest writes."""


@dataclass(slots=True)
class Flood:
    """What is seen in each second, and what it should count."""

    offered: Counter[str] = field(default_factory=Counter)
    """Counts by kind."""
    _clients: int = 0
    _live: NDArray[np.int64] = field(default_factory=lambda: np.zeros(LIVE, np.int64))

    def second(self, number: int, now: int) -> Observations:
        """Return what is seen in one second."""
        fresh = np.arange(self._clients, self._clients + NEW_KEYS // _OF_A_CLIENT, dtype=np.uint64)
        self._clients += len(fresh)
        live = np.arange(number % _EVERY, LIVE, _EVERY, dtype=np.uint64)
        packets = np.concatenate([fresh % 3 + 1, live % 7 + 1]).astype(np.int64)
        self._live[live] += packets[len(fresh) :]
        total = int(packets.sum())
        self.offered.update({"flow": total, "peer": 2 * total, "client": total})
        clients = np.concatenate([_FLOOD + fresh, _HOME + live])
        return rows(clients, _SERVICES + np.concatenate([fresh % 200, live]), packets, now)

    @property
    def live(self) -> Counter[str]:
        """The counts of the flows that go on, by key."""
        return Counter({live_key(flow): packets for flow, packets in enumerate(self._live.tolist()) if packets})


def live_key(flow: int) -> str:
    """Return the key of one of the flows that go on."""
    return f"{IPv4Address(_HOME + flow)};{IPv4Address(_SERVICES + flow)};443;flow"


def flood_packets(key: str) -> int | None:
    """Return what a key of a client that floods should count, `None` for any other key."""
    ends = [int(IPv4Address(part)) for part in key.split(";") if part.count(".") == 3]
    clients = [end for end in ends if _FLOOD <= end < 48 << 24]
    return (clients[0] - _FLOOD) % 3 + 1 if clients else None


def rows(clients: NDArray[Any], remotes: NDArray[Any], packets: NDArray[np.int64], now: int) -> Observations:
    """Return rows of TCP flows to port 443, by the lower port."""
    number = len(packets)
    zeros = np.zeros(number, np.uint8)
    return Observations(
        kind=zeros,
        client=Addresses.from_column(4, clients),
        remote=Addresses.from_column(4, remotes),
        client_port=np.zeros(number, np.uint16),
        port=np.full(number, 443, np.uint16),
        protocol=np.full(number, TCP, np.uint8),
        code=zeros,
        rule=np.zeros(number, np.uint16),
        rung=np.full(number, Rung.LISTED, np.uint8),
        packets=packets,
        octets=packets * 100,
        first=np.full(number, now, np.int64),
        last=np.full(number, now, np.int64),
    )


@dataclass(frozen=True, slots=True)
class Outage:
    """What came of an outage."""

    hours: float
    octets: int
    """The bound of the memory for what waits, and for what is known of keys that were written."""
    took: float
    """Seconds of this machine for it."""
    flood: Flood
    named: dict[str, Counter[str]]
    """What the outbox says became of the counts."""
    before: Counter[str]
    """What was written before the outage."""
    found: Found
    soon: int
    """The live flows that were right after `SOON` writes."""
    soon_seconds: float
    catching_up: float
    """Seconds until everything was written."""
    looking: float
    """Seconds until everything was read after that."""
    most: int
    """The most bytes of the outbox, as it says itself."""
    grown: int
    """The bytes that the process has grown by."""

    @property
    def difference(self) -> dict[str, int]:
        """Counts of each kind that have no name."""
        return {kind: self.flood.offered[kind] - sum(each[kind] for each in self.named.values()) for kind in KINDS}

    def faults(self) -> list[str]:
        """Return what is wrong, in words."""
        wrong = [f"{kind}: {missing} counts have no name" for kind, missing in self.difference.items() if missing]
        wrong += [
            f"{kind}: {number} counts written that the store does not have" for kind, number in self._gone().items()
        ]
        wrong += self._wrong_counts()[:3]
        if self.soon < len(self.flood.live):
            wrong.append(f"only {self.soon} of {len(self.flood.live)} live flows were right after {SOON} writes")
        if self.most > self.octets - self.octets // _TAIL or self.grown > GROWTH * self.octets + BESIDE:
            wrong.append(f"more memory than the bound: {self.most:,} bytes, and {self.grown:,} of the process")
        if self.found.lifeless:
            wrong.append(f"{self.found.lifeless} keys have no lifetime")
        return wrong

    def _gone(self) -> dict[str, int]:
        """Return what was written and is not in the store, although it can't have expired there.

        What was written before the outage may have, but for the live flows; and the store's clock goes on while the
        rest is written and looked at, that of the outbox does not.
        """
        stored, written, hours = sums(self.found.counts.items()), self.named["written"], self.hours * 3600 + BEFORE
        most = {kind: count / hours * (self.catching_up + self.looking) for kind, count in self.flood.offered.items()}
        gone = {kind: written[kind] - stored[kind] for kind in self.flood.offered}
        return {kind: number for kind, number in gone.items() if not 0 <= number <= self.before[kind] + most[kind]}

    def _wrong_counts(self) -> list[str]:
        """Return the keys that are not what they should be."""
        should = {key: flood_packets(key) for key in self.found.counts} | dict(self.flood.live)
        counts = self.found.counts
        return [
            f"{key} counts {counts[key]}, not {n}" for key, n in should.items() if n is not None and counts[key] != n
        ]

    def line(self) -> str:
        """Return the figures in a line."""
        counts = {"offered": self.flood.offered, **self.named}
        words = ", ".join(f"{sum(each.values()):,} {name}" for name, each in counts.items())
        return (
            f"outage of {self.hours:g} hours in {self.took:.0f} s: counts {words}, difference "
            f"{sum(self.difference.values())}; {self.soon:,} of {len(self.flood.live):,} live flows right after "
            f"{self.soon_seconds:.1f} s, all written after {self.catching_up:.0f} s; outbox {self.most / 1e6:.0f} MB, "
            f"process {self.grown / 1e6:.0f} MB more"
        )


class Suffering:
    """An outbox and its delivery to a server, both by a clock that is given."""

    def __init__(self, server: Server, octets: int, lifetime: int) -> None:
        """Connect; keys live for `lifetime` seconds."""
        self.outbox = Outbox(octets - octets // _TAIL, lifetime)
        self._sink = Single(SocketStore(server.path))
        self._sink.connect()
        self.delivery = Delivery(self.outbox, Writing("outage", "outage", lifetime), self._sink.lanes, octets // _TAIL)

    def write(self, now: int, most: int = sys.maxsize) -> None:
        """Write what waits, in so many writes at most."""
        last = self.delivery.writes + most
        while self.delivery.writes < last and (writes := self.delivery.next_writes(now)):
            self._sink.write(writes, self.delivery.confirm)

    def named(self) -> dict[str, Counter[str]]:
        """Return what became of all counts."""
        books = self.outbox.books
        return {
            "written": self.delivery.written,
            "expired": books.expired,
            "no room": books.no_room,
            "lost": self.delivery.lost,
        }


def suffer(hours: float, octets: int, lifetime: int, server: Server) -> Outage:
    """Let an outage of so many hours happen to an outbox of so many bytes that writes to `server`."""
    flood, suffering, began, before = Flood(), Suffering(server, octets, lifetime), time.monotonic(), _resident()
    most, now, written = 0, _SECOND, Counter[str]()
    for second in range(0, BEFORE + round(hours * 3600), _EVERY):
        now = (second + _EVERY) * _SECOND
        seen = Observations.concatenate([flood.second(second + more, now) for more in range(_EVERY)])
        suffering.outbox.add(seen, ("the lower port is the service",), now)
        if second < BEFORE:
            suffering.write(now)
            written = Counter(suffering.delivery.written)
        most = max(most, suffering.outbox.books.octets)
    grown, took = _resident() - before, time.monotonic() - began
    over = time.monotonic()
    suffering.write(now, SOON)
    soon_seconds = time.monotonic() - over
    live = flood.live
    with server.client() as client:
        counts = client.mget(list(live))
    soon = sum(int(count or 0) == live[key] for key, count in zip(live, counts, strict=True))
    suffering.write(now)
    catching_up, looking = time.monotonic() - over, time.monotonic()
    found = look([server])
    return Outage(
        hours=hours,
        octets=octets,
        took=took,
        flood=flood,
        named=suffering.named(),
        before=written,
        found=found,
        soon=soon,
        soon_seconds=soon_seconds,
        catching_up=catching_up,
        looking=time.monotonic() - looking,
        most=most,
        grown=grown,
    )


def _resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(arguments: Sequence[str]) -> int:
    """Suffer the outage that the command line describes; return 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m chaos.outage", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="of the outage (%(default)g)")
    parser.add_argument("--memory", type=int, default=256, help="OUTBOX_MEMORY, in megabytes (%(default)s)")
    parser.add_argument("--lifetime", type=int, default=900, help="of keys, in seconds (%(default)s)")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="outage") as directory:
        server = Server(programs()["valkey"](), Path(directory)).start()
        try:
            outage = suffer(chosen.hours, chosen.memory * 1_000_000, chosen.lifetime, server)
        finally:
            server.kill()
    print("\n  WRONG: ".join([outage.line(), *(faults := outage.faults())]))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
