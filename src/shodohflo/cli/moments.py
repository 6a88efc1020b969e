"""Moments as people write them: an age such as `10m`, or a date and time."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

_AGE: Final = re.compile(r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,9})s)?", re.ASCII)
_SECONDS: Final = (86_400, 3_600, 60, 1)


def parse_moment(text: str, now: float) -> float:
    """Parse `10m`, `1h30m`, `2026-11-29T10:00` or `2026-11-29T10:00Z`; return it in seconds since 1970.

    `now` is in the same unit. A date without a time is midnight, and a time without a zone is that of this machine. A
    ValueError says what to write instead.
    """
    age = _AGE.fullmatch(text)
    if age and text:
        return now - sum(length * int(number or 0) for number, length in zip(age.groups(), _SECONDS, strict=True))
    if text.isdigit():
        raise ValueError(f"{text} of what? write {text}s, {text}m, {text}h or {text}d")
    moment = _parse_date(text)
    if moment > now:
        raise ValueError(f"{text} is in the future")
    return moment


def _parse_date(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is not a time; write an age such as 10m or 1h30m, or 2026-11-29T10:00") from None
