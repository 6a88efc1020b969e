"""A sink with one store and one connection to it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from shodohflo.errors import StoreError
from shodohflo.store.connection import store_errors
from shodohflo.store.heartbeat import count_evicted, write_heartbeat
from shodohflo.store.write import send

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from valkey import Valkey

    from shodohflo.store.connection import Store, TcpEnds
    from shodohflo.store.write import Write, Written


class Single:
    """Writes to one store."""

    def __init__(self, store: Store) -> None:
        """Use `store`; nothing is sent before `connect`."""
        self._store = store
        self._client: Valkey | None = None

    @property
    def name(self) -> str:
        """Return the name of the store."""
        return self._store.name

    def connect(self) -> None:
        """Connect; an embedded store is started if it is not running."""
        self.disconnect()
        with store_errors(self.name):
            self._client = self._store.connect()

    def write(self, write: Write) -> Written:
        """Apply `write` unless its number was applied already."""
        with self._connected() as client:
            return send(client, write)

    def write_heartbeat(self, agent: str, fields: Mapping[str, str | int]) -> int:
        """Replace the hash of `agent`, and return the number of evicted keys."""
        with self._connected() as client:
            write_heartbeat(client, agent, fields)
            return count_evicted(client)

    def disconnect(self) -> None:
        """Close the connection, if there is one."""
        if self._client is not None:
            self._client.connection_pool.disconnect()
            self._client = None

    def connections(self) -> frozenset[TcpEnds]:
        """Return our TCP connections to the store."""
        return self._store.connections()

    @contextmanager
    def _connected(self) -> Iterator[Valkey]:
        """Yield the client, and disconnect on any error."""
        if self._client is None:
            raise StoreError(f"store {self.name}: not connected")
        try:
            with store_errors(self.name):
                yield self._client
        except StoreError:
            self.disconnect()
            raise
