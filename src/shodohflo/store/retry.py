"""Backoff: the delay before the next attempt to reach the store, exponential with jitter. No I/O, no clock.

The delay doubles with each consecutive failure, from 0.1 up to 30 seconds, and jitter shortens it by up to a half, so
that agents that lost the same store do not all reconnect at the same instant:

    consecutive failures 1     2    3    4    5    6    7    8     9     10 or more
    seconds, at most     0.1   0.2  0.4  0.8  1.6  3.2  6.4  12.8  25.6  30
    seconds, at least    0.05  0.1  0.2  0.4  0.8  1.6  3.2  6.4   12.8  15
"""

from __future__ import annotations

from typing import Final

FIRST_DELAY: Final = 0.1
"""Seconds after the first failure, before jitter."""

LONGEST_DELAY: Final = 30.0
"""Seconds: the upper limit of the delay."""

LONGEST_PARTLY: Final = 0.5
"""Seconds: its upper limit while a part of the store works, because what is new for that part must not wait longer."""

_DOUBLINGS: Final = 9
"""After this many doublings the delay exceeds `LONGEST_DELAY`."""


def next_delay(failures: int, random: float) -> float:
    """Return the delay in seconds after `failures` (at least 1) in a row; `random` is in [0, 1)."""
    delay = FIRST_DELAY * 2.0 ** min(failures - 1, _DOUBLINGS)
    return min(delay, LONGEST_DELAY) * (1 - random / 2)
