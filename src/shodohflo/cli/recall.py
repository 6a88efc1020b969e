"""`shodohflo explain --key`: what the stores remember of one key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.cli.stores import opened, report_failures
from shodohflo.errors import ConfigurationError, ShodohfloError
from shodohflo.keys import from_key
from shodohflo.query.lookup import find_row
from shodohflo.query.reader import Reader
from shodohflo.report.memory import memory_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

Recalled = tuple[list[str], dict[str, object]]
"""The lines for people, and the object for scripts."""


def recall(text: str, urls: Sequence[str], now: float) -> Recalled:
    """Look up the key written as `text` in the stores; `now` is in seconds since 1970."""
    key = from_key(text)
    if key is None:
        raise ConfigurationError(f"{text!r} is not one of our keys; write one like '10.0.0.1;8.8.8.8;53;flow'")
    reader = Reader(opened(urls))
    row = find_row(reader, key, now)
    report_failures(reader)
    if row is None:
        raise ShodohfloError(f"no store has the key {text}: it was never written, or it has expired")
    return [text, *memory_lines(key, row, now)], {"key": text} | row.as_dict()
