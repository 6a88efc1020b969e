"""Write the observations of a replay to a store, and corrections of them: everything, or raise an error."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from shodohflo.columns.corrections import Corrections
from shodohflo.errors import StoreError
from shodohflo.report.numbers import counted
from shodohflo.store.kinds import named_by, sink_to
from shodohflo.store.writer import Writer

if TYPE_CHECKING:
    from shodohflo.columns.observations import Observations
    from shodohflo.rules.mapping import FlowMapping
    from shodohflo.store.connection import Store
    from shodohflo.store.stats import WriterStats

PATIENCE: Final = 60.0
"""Seconds without a single write after which a store is given up."""

_SLICE: Final = 100_000
"""Rows offered at once; the writer's queue holds as many without dropping any."""

AGENT: Final = "replay"
"""The agent's name in the `detail` hashes of replayed flows."""


class Writes(Protocol):
    """Writes what a replay has seen to a store, as `write_all` does."""

    def __call__(self, seen: Observations, corrections: Corrections | None = None) -> None:
        """Write `seen`, then `corrections` of it."""


def writer_to(url: str, mapping: FlowMapping, lifetime: int) -> Writes:
    """Connect to the store at `url`, and return the function that writes to it, as `write_all` does."""
    store = reachable(url)
    return lambda seen, corrections=None: write_all(seen, store, mapping, lifetime, corrections)


def reachable(url: str) -> Store:
    """Return the store at `url` after a connection to it; raises `StoreError` before any capture is read in vain."""
    store = named_by(url)
    store.connect().connection_pool.disconnect()
    return store


def as_of(seen: Observations, now_ns: int) -> Observations:
    """Shift the times of `seen` so that the last packet was received at `now_ns`, in ns since 1970."""
    later = now_ns - int(seen.last.max())
    return replace(seen, first=seen.first + later, last=seen.last + later)


def write_all(
    seen: Observations, store: Store, mapping: FlowMapping, lifetime: int, corrections: Corrections | None = None
) -> None:
    """Write `seen` with keys that live for `lifetime` seconds, then `corrections` of it, in their order.

    Raises `StoreError` unless all of it is written.
    """
    with Writer(sink_to(store), agent=AGENT, lifetime=lifetime) as writer:

        def written() -> None:
            if not writer.flush(PATIENCE, longest=math.inf):
                writer.close(timeout=0)
                raise StoreError(_incomplete(store, seen, writer.stats))

        for begin in range(0, len(seen), _SLICE):
            writer.offer(seen[begin : begin + _SLICE], mapping.sentences)
            written()
        moved = Corrections.empty() if corrections is None else corrections
        for begin in range(0, len(moved), _SLICE):
            writer.correct(moved[begin : begin + _SLICE], mapping.sentences)
            written()


def _incomplete(store: Store, seen: Observations, stats: WriterStats) -> str:
    """Return how much of `seen` was written, and why no more."""
    reason = stats.last_error or f"store {store.name}: no answer for {PATIENCE:.0f} seconds"
    recorded = counted(int(seen.packets.sum()), "recorded packet")
    return f"only {stats.packets:,} of {recorded} are known to be written: {reason}"
