"""`shodohflo explain --key`: what the stores remember of one key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.cli.stores import opened, report_failures
from shodohflo.errors import ConfigurationError, ShodohfloError, foreign_text
from shodohflo.keys import from_key, knock_origin, service_end
from shodohflo.query.lookup import find_origin, find_row, find_service
from shodohflo.query.reader import Reader
from shodohflo.report.memory import memory_lines, origin_lines, service_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shodohflo.query.rows import ListedRow

Recalled = tuple[list[str], dict[str, object]]
"""The lines for people, and the object for scripts."""


def recall(text: str, urls: Sequence[str], now: float) -> tuple[Recalled, int]:
    """Look up the key written as `text` in the stores; `now` is in seconds since 1970.

    Return what they remember, and the exit status: 1 if a store failed, which is named on standard error.
    """
    look_up = _looking_up(text, now)
    if look_up is None:
        raise ConfigurationError(
            f"'{foreign_text(text)}' is not one of our keys; write one like '10.0.0.1;8.8.8.8;53;flow'"
        )
    reader = Reader(opened(urls))
    found = look_up(reader)
    status = report_failures(reader)
    if found is None and status:
        raise ShodohfloError(f"no other store has the key {foreign_text(text)}, so whether it exists is unknown")
    if found is None:
        raise ShodohfloError(f"no store has the key {text}: it was never written, or it has expired")
    lines, row = found
    return ([text, *lines], {"key": text} | row.as_dict()), status


def _looking_up(text: str, now: float) -> Callable[[Reader], tuple[Iterator[str], ListedRow] | None] | None:
    """Return what looks up the key `text` and returns its lines and its row; None if it is not one of our keys."""
    if key := from_key(text):
        return lambda reader: (memory_lines(key, row, now), row) if (row := find_row(reader, key, now)) else None
    if end := service_end(text):
        return lambda reader: (service_lines(row, now), row) if (row := find_service(reader, end, now)) else None
    if origin := knock_origin(text):
        return lambda reader: (origin_lines(row, now), row) if (row := find_origin(reader, origin, now)) else None
    return None
