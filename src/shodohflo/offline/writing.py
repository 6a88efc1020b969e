"""Bringing what a replay saw to a store, all of it or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shodohflo.errors import StoreError
from shodohflo.store.connection import RemoteStore, Store
from shodohflo.store.sinks.single import Single
from shodohflo.store.urls import parse_url
from shodohflo.store.writer import CAPACITY, Writer

if TYPE_CHECKING:
    from shodohflo.columns.observations import Observations
    from shodohflo.rules.mapping import FlowMapping

PATIENCE: Final = 60.0
"""Seconds that the store may take for one slice."""

_SLICE: Final = CAPACITY // 2
"""Rows that are offered at once: what the writer keeps without giving anything up."""

AGENT: Final = "replay"
"""Whom the `detail` hashes name as having seen it."""


def reachable(url: str) -> Store:
    """Return the store at `url`, once it has answered; no capture is read in vain."""
    store = RemoteStore(parse_url(url))
    store.connect().connection_pool.disconnect()
    return store


def write_all(seen: Observations, store: Store, mapping: FlowMapping, lifetime: int) -> None:
    """Write `seen`; every key lives for `lifetime` seconds from now."""
    sentences = tuple(rule.describe() for rule in mapping.rules)
    with Writer(Single(store), agent=AGENT, lifetime=lifetime) as writer:
        for begin in range(0, len(seen), _SLICE):
            writer.offer(seen[begin : begin + _SLICE], sentences)
            if not writer.flush(PATIENCE):
                raise StoreError(
                    f"store {store.name}: not all was written: {writer.stats.last_error or 'it is too slow'}"
                )
