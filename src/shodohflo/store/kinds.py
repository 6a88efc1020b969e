"""The kinds of stores: what a URL names, how it is read and how it is written to."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from shodohflo.store.cluster import ClusterDialogue, ClusterStore
from shodohflo.store.connection import RemoteStore
from shodohflo.store.dialogue import Dialogue
from shodohflo.store.sentinel import SentinelStore
from shodohflo.store.sinks.cluster import ClusterSink
from shodohflo.store.sinks.single import Single
from shodohflo.store.urls import StoreKind, parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shodohflo.store.connection import Store
    from shodohflo.store.dialogue import Limits
    from shodohflo.store.sinks import Sink
    from shodohflo.store.urls import StoreUrl

_STORES: Final[Mapping[StoreKind, Callable[[StoreUrl], Store]]] = {
    StoreKind.SINGLE: RemoteStore,
    StoreKind.SENTINEL: SentinelStore,
    StoreKind.CLUSTER: ClusterStore,
}


def named_by(url: str) -> Store:
    """Return the store that `url` names; raise `ConfigurationError` if it is malformed. Nothing is connected yet."""
    return store_at(parse_url(url))


def store_at(url: StoreUrl) -> Store:
    """Return the store at `url`. Nothing is connected yet."""
    return _STORES[url.kind](url)


def sink_to(store: Store) -> Sink:
    """Return a sink that writes to `store`."""
    return ClusterSink(store) if isinstance(store, ClusterStore) else Single(store)


@contextmanager
def dialogue_with(store: Store, limits: Limits | None = None) -> Iterator[Dialogue]:
    """Connect to `store`, yield a dialogue with it, and close the connections."""
    if isinstance(store, ClusterStore):
        with store.nodes() as nodes:
            yield ClusterDialogue(nodes, limits)
        return
    client = store.connect()
    try:
        yield Dialogue(client, limits)
    finally:
        client.connection_pool.disconnect()
