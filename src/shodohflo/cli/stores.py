"""The stores that the readers ask: those that were named, otherwise the embedded one of this machine.

A store is named by its URL, by a file that has one a line (`@FILE`), or by a name in DNS (`dns:NAME`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from shodohflo.cli.messages import fail
from shodohflo.errors import ConfigurationError, StoreError
from shodohflo.process.parallel import in_parallel
from shodohflo.store import fanout, roster
from shodohflo.store.directory import find_store
from shodohflo.store.fanout import FanOut, find_stores, parse_fan_out
from shodohflo.store.kinds import store_at
from shodohflo.store.roster import NamedStore, read_roster
from shodohflo.store.urls import StoreUrl, parse_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.query.reader import Reader
    from shodohflo.store.announced import TcpEnds
    from shodohflo.store.connection import Store

_UNIDENTIFIED: Final = (
    "if it is one of the others, or a replica of one, its packets count twice: it does not say which store it is (allow"
    " its user the command INFO), or has lost its primary"
)


@dataclass(frozen=True, slots=True)
class MissingStore:
    """A store that was named, but of which not even the address is known; connecting fails."""

    name: str
    error: StoreError

    def connect(self) -> NoReturn:
        """Raise the error."""
        raise self.error

    def connections(self) -> frozenset[TcpEnds]:
        """Return no connections."""
        return frozenset()


def opened(named: Sequence[str]) -> list[Store]:
    """Return the stores that `named` stand for; if nothing is named, the embedded store of this machine.

    Raise a `ConfigurationError` if one is malformed. What DNS does not know becomes a store that fails.
    """
    addresses = [_address(store) for text in named for store in _listed(text.strip())]
    if not addresses:
        return [find_store(os.environ)]
    return [store for stores in in_parallel(_stores, addresses) for store in stores]


def report_failures(reader: Reader) -> int:
    """Name on standard error every store that failed or may be counted twice, and return 1 if any failed."""
    for name in reader.unidentified:
        fail(f"store {name}: {_UNIDENTIFIED}")
    for failure in reader.failures.values():
        fail(f"{failure}; what only it has is missing")
    return 1 if reader.failures else 0


def _listed(text: str) -> tuple[NamedStore, ...]:
    """Return the stores of a file, or the one that `text` is itself."""
    if text.startswith(roster.PREFIX):
        return read_roster(Path(text.removeprefix(roster.PREFIX)))
    return (NamedStore(text),)


def _address(store: NamedStore) -> StoreUrl | FanOut:
    try:
        return parse_fan_out(store.text) if store.text.startswith(fanout.PREFIX) else parse_url(store.text)
    except ConfigurationError as error:
        if store.place:
            raise ConfigurationError(f"{store.place}: {error}") from error
        raise


def _stores(address: StoreUrl | FanOut) -> list[Store]:
    """Return the stores at one address; DNS is asked for those of a fan-out."""
    if isinstance(address, StoreUrl):
        return [store_at(address)]
    try:
        found = find_stores(address)
    except StoreError as error:
        return [MissingStore(str(address), error)]
    refused = [MissingStore(f"{address}#{number}", error) for number, error in enumerate(found.refused, start=1)]
    return [*(store_at(url) for url in found.urls), *refused]
