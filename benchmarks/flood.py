"""A flood of new flows from memory, through the pipeline and the writer to a real store.

Each block has a packet of each established flow, and as many of flows that were never seen before as fit. They are
fed as fast as the pipeline takes them; what comes faster than that, a ring would drop. The benchmark measures how
many new flows a second that are, the memory of the whole process, what became of all counts, whether the established
flows have exactly what was sent, and how soon after the flood the newest counts of these flows are in the store.

    PYTHONPATH=tests python -m benchmarks.flood --seconds 20
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.worst import pipeline
from shodohflo.attribution.pipeline import BLOCK
from shodohflo.columns.frames import Frames
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.store.connection import SocketStore
from shodohflo.store.outlet import Outlet
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.serving import Server, programs

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEMORY: Final = 512_000_000
"""Bytes that the process may have at most."""

ESTABLISHED: Final = 1_000

_LIFETIME: Final = 900
_PATIENCE: Final = 60.0
_SIZE: Final = 40
_RAW: Final = 101
_OURS: Final = 10 << 24
_FLOOD: Final = 32 << 24


def block(number: int) -> Frames:
    """Return one block: a packet of each established flow, then new ones to one service of ours."""
    fresh = BLOCK - ESTABLISHED
    known = np.arange(ESTABLISHED)
    clients = np.concatenate([(198 << 24) + known, _FLOOD + number * fresh + np.arange(fresh)]).astype(np.uint32)
    services = np.concatenate([_OURS + 256 + known, np.full(fresh, _OURS + 1)]).astype(np.uint32)
    rows = np.zeros((BLOCK, _SIZE), np.uint8)
    rows[:, 0], rows[:, 3], rows[:, 8], rows[:, 9] = 0x45, _SIZE, 64, 6
    rows[:, 12:16], rows[:, 16:20] = _octets(clients), _octets(services)
    rows[:, 20:24] = 0x9C, 0x40, 0x01, 0xBB
    rows[:, 32], rows[:, 33] = 0x50, 0x10
    sizes = np.full(BLOCK, _SIZE, np.int64)
    starts, layers = np.arange(BLOCK, dtype=np.int64) * _SIZE, np.full(BLOCK, _RAW, np.uint32)
    return Frames(rows.reshape(-1), starts, sizes, sizes, layers, np.full(BLOCK, time.time_ns(), np.int64))


def _octets(addresses: NDArray[np.uint32]) -> NDArray[np.uint8]:
    return addresses.astype(">u4").view(np.uint8).reshape(-1, 4)


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def flood(seconds: float, server: Server) -> list[str]:
    """Flood for so many seconds; print the figures, and return what is wrong."""
    taking_in, most, blocks = pipeline(), 0, 0
    with Writer(Single(SocketStore(server.path)), agent="flood", lifetime=_LIFETIME) as writer:
        outlet = Outlet(writer, taking_in.rules.mapping.sentences, _LIFETIME, keep_recent=False)
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            taking_in.ingest(block(blocks))
            blocks += 1
            outlet.add(taking_in.take(), taking_in.take_corrections(), time.monotonic_ns())
            most = max(most, resident())
        took, ended = time.monotonic() - began, time.monotonic()
        outlet.hand_on_rest()
        while (right := _right(server, blocks)) < ESTABLISHED and time.monotonic() < ended + _PATIENCE:
            time.sleep(0.1)
        recovery = time.monotonic() - ended
        stats, most = writer.stats, max(most, resident())
        writer.close(0.0)
    new = blocks * (BLOCK - ESTABLISHED)
    refused = {name: sum(getattr(stats, name).values()) for name in ("no_room", "expired", "lost")}
    named = sum(refused.values()) + sum(stats.written.values())
    print(
        f"flood of {took:.0f} s: {new:,} new flows, {new / took:,.0f} a second; memory {most / 1e6:.0f} MB at most; "
        f"{stats.keys:,} keys known, {stats.octets / 1e6:.0f} MB; {sum(stats.written.values()):,} counts written, "
        f"{refused}, {sum(stats.offered.values()) - named:,} waiting; {stats.writes / took:.0f} writes a second; "
        f"{right:,} of {ESTABLISHED:,} established flows exact {recovery:.1f} s after it"
    )
    wrong = [f"{most:,} bytes of memory"] if most > MEMORY else []
    return wrong + ([f"only {right} established flows are exact"] if right < ESTABLISHED else [])


def _right(server: Server, blocks: int) -> int:
    """Return how many established flows have exactly what was sent."""
    names = [f"198.0.{n >> 8}.{n & 255};10.0.{(n + 256) >> 8}.{n & 255};443;flow" for n in range(ESTABLISHED)]
    with server.client() as client:
        return sum(int(count or 0) == blocks for count in client.mget(names))


def main() -> None:
    """Flood as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the flood (%(default)g)")
    chosen = parser.parse_args()
    keep_freed_memory()
    with tempfile.TemporaryDirectory(prefix="flood") as directory:
        server = Server(programs()["valkey"](), Path(directory)).start()
        try:
            wrong = flood(chosen.seconds, server)
        finally:
            server.kill()
    raise SystemExit("; ".join(wrong) or None)


if __name__ == "__main__":
    main()
