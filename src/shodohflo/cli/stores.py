"""The stores that the readers ask: those that were named, otherwise the embedded one of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from shodohflo.cli.messages import fail
from shodohflo.store.connection import RemoteStore, Store
from shodohflo.store.directory import find_store
from shodohflo.store.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.query.reader import Reader


def opened(urls: Sequence[str]) -> list[Store]:
    """Return the stores at `urls`; if there are none, the embedded store of this machine."""
    return [RemoteStore(parse_url(url)) for url in urls] or [find_store(os.environ)]


def report_failures(reader: Reader) -> int:
    """Name on standard error every store that failed, and return 1 if any did."""
    for failure in reader.failures.values():
        fail(f"{failure}; its rows are missing")
    return 1 if reader.failures else 0
