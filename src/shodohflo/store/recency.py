"""What was written lately: rows that are news go out at once, the others are added up for a while.

A row written less than `interval` ago waits until the interval is over; any other row is due. So no row is
written more than once in an interval, none waits longer than that, and a row that comes back after a pause
finds its keys refreshed before they expire: the interval is a third of their lifetime at most.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from shodohflo.columns.labels import key_bytes
from shodohflo.columns.merging import merge
from shodohflo.columns.observations import Observations

LONGEST_INTERVAL: Final = 5 * 10**9
"""In ns; however long the keys live, a count is at most this old."""

CAPACITY: Final = 500_000
"""Rows to remember; what is forgotten counts as new again, and is written sooner than it would have been."""


def interval_for(lifetime: int) -> int:
    """Return the interval in ns that suits keys of `lifetime` seconds."""
    return min(LONGEST_INTERVAL, lifetime * 10**9 // 3)


class Recency:
    """Decides when rows are written; to be asked a few times each second, whether there is news or not."""

    def __init__(self, interval: int, *, capacity: int = CAPACITY) -> None:
        """Begin with nothing written; `interval` in ns."""
        self._interval = interval
        self._capacity = capacity
        self._written: dict[bytes, int] = {}  # when, of the rows written less than an interval ago, oldest first
        self._waiting = Observations.empty()

    def __len__(self) -> int:
        """Count the rows that wait."""
        return len(self._waiting)

    def due(self, observations: Observations, now: int) -> Observations:
        """Take what was seen since the last call, and return what is to be written at `now` (ns, of any clock)."""
        self._forget(now)
        rows = merge([self._waiting, observations])
        names = key_bytes(rows)
        is_due = np.array([name not in self._written for name in names], np.bool_)
        self._written.update((name, now) for name, due in zip(names, is_due.tolist(), strict=True) if due)
        self._waiting = rows[~is_due]
        return rows[is_due]

    def rest(self) -> Observations:
        """Return all that waits, to be written at the end or before the rules change."""
        rest, self._waiting = self._waiting, Observations.empty()
        return rest

    def _forget(self, now: int) -> None:
        """Forget the rows whose interval is over, and the oldest where there are too many."""
        excess = len(self._written) - self._capacity
        over: list[bytes] = []
        for name, written in self._written.items():
            # A clock that was set back is no reason to wait for it to catch up.
            if 0 <= now - written < self._interval and len(over) >= excess:
                break
            over.append(name)
        for name in over:
            del self._written[name]
