"""A sink with one store and one connection to it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from shodohflo.errors import StoreError
from shodohflo.store.failures import any_errors, is_refusal
from shodohflo.store.heartbeat import read_condition, write_heartbeat
from shodohflo.store.sinks import HeartbeatRefusedError
from shodohflo.store.write import send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from valkey import Valkey

    from shodohflo.store.connection import Store, TcpEnds
    from shodohflo.store.heartbeat import Condition
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
        with any_errors(self.name):
            self._client = self._store.connect()

    def write(self, write: Write, meanwhile: Callable[[], None] = lambda: None) -> Written:
        """Apply `write` unless its number was applied already; `meanwhile` is called while the store works."""
        with self._connected() as client:
            return send(client, write, meanwhile)

    def write_heartbeat(self, agent: str, fields: Mapping[str, str | int]) -> Condition:
        """Replace the hash of `agent`, and return what the store says about itself."""
        with self._connected() as client:
            try:
                with any_errors(self.name):
                    write_heartbeat(client, agent, fields)
            except StoreError as error:
                if not is_refusal(error.__cause__):
                    raise
                raise HeartbeatRefusedError(str(error)) from error
            return read_condition(client)

    def disconnect(self) -> None:
        """Close the connection, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError):
                client.connection_pool.disconnect()

    def connections(self) -> frozenset[TcpEnds]:
        """Return our TCP connections to the store."""
        return self._store.connections()

    @contextmanager
    def _connected(self) -> Iterator[Valkey]:
        """Yield the client, and disconnect on any error but a refused heartbeat."""
        if self._client is None:
            raise StoreError(f"store {self.name}: not connected")
        try:
            with any_errors(self.name):
                yield self._client
        except HeartbeatRefusedError:
            raise
        except StoreError:
            self.disconnect()
            raise
