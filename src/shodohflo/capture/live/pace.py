"""The pace: how long to wait between two looks at the ring.

A look costs some milliseconds of processor time, whatever it finds. So looks are as rare as the size of the ring and
the permitted latency allow.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 0.1
"""Seconds: a new flow must be readable within one second, and the later steps need part of that."""

_SUDDEN: Final = 1_000_000
"""Packets per second: a burst at this rate may begin at any moment without a packet being lost."""

_SHARE: Final = 8
"""Between two looks, a steady stream fills at most 1/8 of the ring."""


def pause(slots: int, found: int, elapsed: float) -> float:
    """Return the seconds until the next look at a ring of `slots`, after `found` packets in `elapsed` seconds."""
    longest = min(LONGEST, slots / _SUDDEN)
    return min(longest, slots / _SHARE * elapsed / found) if found else longest
