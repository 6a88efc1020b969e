"""Decides when rows are written: a new row at once, a row that was written recently after an interval.

A row is due unless a row with the same key was written less than `interval` ago; otherwise it waits, and further rows
with the same key are merged into it. So a row is written at most once per interval and waits no longer than that. The
interval is at most a third of the lifetime of the keys, so a flow that resumes after a pause refreshes them before they
expire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.columns.labels import key_bytes
from shodohflo.columns.merging import merge
from shodohflo.columns.observations import Observations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from shodohflo.columns.addresses import Addresses
    from shodohflo.columns.corrections import Corrections

LONGEST_INTERVAL: Final = 5 * 10**9
"""In ns: how far a count in the store may lag behind, however long the lifetime of the keys is."""

CAPACITY: Final = 250_000
"""The most written rows to remember; a forgotten row counts as new, and is written earlier than necessary."""


def interval_for(lifetime: int) -> int:
    """Return the interval in ns for keys with a lifetime of `lifetime` seconds."""
    return min(LONGEST_INTERVAL, lifetime * 10**9 // 3)


class Recency:
    """Decides when rows are written. Call `due` a few times per second, also without new observations."""

    def __init__(self, interval: int, *, capacity: int = CAPACITY) -> None:
        """Start with no row written or waiting; `interval` is in ns."""
        self._interval = interval
        self._capacity = capacity
        # The time at which each row was written, in ns; oldest first.
        self._written: dict[bytes, int] = {}
        self._waiting = Observations.empty()

    def __len__(self) -> int:
        """Return the number of rows that wait."""
        return len(self._waiting)

    def due(self, observations: Observations, now: int) -> Observations:
        """Add the observations since the last call, and return the rows to write at `now` (ns, any clock)."""
        self._forget(now)
        rows = merge([self._waiting, observations])
        names = key_bytes(rows)
        is_due = np.array([name not in self._written for name in names], np.bool_)
        self._written.update((name, now) for name, due in zip(names, is_due.tolist(), strict=True) if due)
        self._waiting = rows[~is_due]
        return rows[is_due]

    def rest(self) -> Observations:
        """Remove and return all rows that wait, to write them at the end or before the rules change."""
        rest, self._waiting = self._waiting, Observations.empty()
        return rest

    def release(self, corrections: Corrections) -> Observations:
        """Remove and return the rows that wait and were decided the way that `corrections` take back."""
        suspects = np.isin(self._waiting.port, corrections.wrong_port).nonzero()[0]
        rows = self._waiting[suspects]
        wrong = set(_ends(corrections.service, corrections.client, corrections.wrong_port))
        leaving = np.zeros(len(self._waiting), np.bool_)
        leaving[suspects] = [ends in wrong for ends in _ends(rows.client, rows.remote, rows.port)]
        released, self._waiting = self._waiting.keep(leaving), self._waiting.keep(~leaving)
        return released

    def _forget(self, now: int) -> None:
        """Forget the rows written at least an interval ago, and the oldest rows beyond the capacity."""
        excess = len(self._written) - self._capacity
        over: list[bytes] = []
        for name, written in self._written.items():
            # If the clock was set back, forget the row now rather than wait for the clock to catch up.
            if 0 <= now - written < self._interval and len(over) >= excess:
                break
            over.append(name)
        for name in over:
            del self._written[name]


def _ends(client: Addresses, remote: Addresses, port: NDArray[np.uint16]) -> Iterator[tuple[int, ...]]:
    """Return the numbers that make up the ends of each row."""
    columns = (client.version, client.high, client.low, remote.version, remote.high, remote.low, port)
    return zip(*(column.tolist() for column in columns), strict=True)
