"""Values of the store as a reader takes them: counts, times and names, each bounded.

Any program may write to a store, so a value may be of any length and hold any character. What is out of bounds is
`None`: it is not ours, and it is never converted, because that alone may take long (a number of 5,000 digits) or fail.
"""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 2**63 - 1
"""The largest count: INCRBY of a store refuses to count further."""

LONGEST_COUNT: Final = len(str(MOST))
"""Digits of the largest count."""

LATEST: Final = 253_402_300_800
"""Seconds from 1970 to the year 10000, which no calendar of Python has."""

LONGEST_TEXT: Final = 4_096
"""Characters of a rule, a sentence or an agent's name; our own are far shorter."""

_TIME: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_PROTOCOL: Final = re.compile(r"[a-z0-9.+-]{1,16}", re.ASCII)


def parse_count(text: str) -> int | None:
    """Return the count that `text` is in decimal, or `None`."""
    if len(text) > LONGEST_COUNT or not (text.isascii() and text.isdigit()):
        return None
    count = int(text)
    return count if count <= MOST else None


def parse_time(text: str) -> float | None:
    """Return the seconds since 1970 that `text` is, with or without a fraction, or `None`."""
    seconds = float(text) if _TIME.fullmatch(text) else LATEST
    return seconds if seconds < LATEST else None


def parse_text(text: str) -> str | None:
    """Return `text` if it is not too long, or `None`; it may still hold any character."""
    return text if len(text) <= LONGEST_TEXT else None


def is_protocol(text: str) -> bool:
    """Return whether `text` can be the name or the number of a protocol."""
    return _PROTOCOL.fullmatch(text) is not None
