"""How long packets may gather in a ring between two looks at it.

A look costs some milliseconds of processor time whatever it finds, so looks are as rare as the ring's room and
the readers' patience allow.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 0.1
"""Seconds: a new flow is to be readable within one, and other things take their share of that."""

_SUDDEN: Final = 1_000_000
"""Packets a second that may begin to come at any moment, without any being lost."""

_SHARE: Final = 8
"""A steady stream fills one part in so many of the ring between two looks."""


def pause(slots: int, found: int, elapsed: float) -> float:
    """Return the seconds from one look to the next, where the `elapsed` seconds before the first brought `found`."""
    longest = min(LONGEST, slots / _SUDDEN)
    return min(longest, slots / _SHARE * elapsed / found) if found else longest
