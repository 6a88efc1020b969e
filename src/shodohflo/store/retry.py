"""How long to wait before the next attempt to reach the store: exponential backoff with jitter. Pure.

The delay doubles with each failure in a row, from 0.1 up to 5 seconds, and jitter takes off up to a half, so that
agents that lost the same store do not all come back in the same instant:

    failures in a row    1       2       3       4       5       6       7 or more
    seconds, at most     0.1     0.2     0.4     0.8     1.6     3.2     5.0
    seconds, at least    0.05    0.1     0.2     0.4     0.8     1.6     2.5
"""

from __future__ import annotations

from typing import Final

FIRST_DELAY: Final = 0.1
"""Seconds after the first failure, before jitter."""

LONGEST_DELAY: Final = 5.0
"""Seconds, however often it failed."""

_DOUBLINGS: Final = 6
"""After that many doublings the delay is longer than `LONGEST_DELAY`."""


def next_delay(failures: int, random: float) -> float:
    """Return the seconds to wait after `failures` in a row (at least 1); `random` is from 0 up to, but not, 1."""
    delay = FIRST_DELAY * 2.0 ** min(failures - 1, _DOUBLINGS)
    return min(delay, LONGEST_DELAY) * (1 - random / 2)
