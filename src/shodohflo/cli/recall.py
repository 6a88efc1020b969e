"""`shodohflo explain --key`: what the stores remember of one key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.cli.stores import opened, report_failures
from shodohflo.errors import ConfigurationError, ShodohfloError, foreign_text
from shodohflo.keys import from_key
from shodohflo.query.lookup import find_row
from shodohflo.query.reader import Reader
from shodohflo.report.memory import memory_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

Recalled = tuple[list[str], dict[str, object]]
"""The lines for people, and the object for scripts."""


def recall(text: str, urls: Sequence[str], now: float) -> tuple[Recalled, int]:
    """Look up the key written as `text` in the stores; `now` is in seconds since 1970.

    Return what they remember, and the exit status: 1 if a store failed, which is named on standard error.
    """
    key = from_key(text)
    if key is None:
        raise ConfigurationError(
            f"'{foreign_text(text)}' is not one of our keys; write one like '10.0.0.1;8.8.8.8;53;flow'"
        )
    reader = Reader(opened(urls))
    row = find_row(reader, key, now)
    status = report_failures(reader)
    if row is None and status:
        raise ShodohfloError(f"no other store has the key {foreign_text(text)}, so whether it exists is unknown")
    if row is None:
        raise ShodohfloError(f"no store has the key {text}: it was never written, or it has expired")
    return ([text, *memory_lines(key, row, now)], {"key": text} | row.as_dict()), status
