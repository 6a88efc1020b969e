"""A sink with one store and one connection to it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from shodohflo.errors import StoreError
from shodohflo.store.failures import any_errors, is_refusal
from shodohflo.store.hashes import write_hashes
from shodohflo.store.heartbeat import read_condition, write_heartbeat
from shodohflo.store.lanes import OneLane
from shodohflo.store.sinks import HashesRefusedError, HeartbeatRefusedError, RefusedError
from shodohflo.store.write import send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from valkey import Valkey

    from shodohflo.store.announced import TcpEnds
    from shodohflo.store.connection import Store
    from shodohflo.store.hashes import Hash
    from shodohflo.store.heartbeat import Condition
    from shodohflo.store.write import Write, Written


class Single:
    """Writes to one store."""

    def __init__(self, store: Store) -> None:
        """Use `store`; nothing is sent before `connect`."""
        self._store = store
        self._client: Valkey | None = None
        self.lanes = OneLane()

    @property
    def name(self) -> str:
        """Return the name of the store."""
        return self._store.name

    def connect(self) -> None:
        """Connect; an embedded store is started if it is not running."""
        self.disconnect()
        with any_errors(self.name):
            self._client = self._store.connect()

    def write(
        self,
        writes: Sequence[Write],
        confirm: Callable[[Write, Written], None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Apply `writes`, which are one at most, and pass on the answer; `meanwhile` is called while the store works.

        What `meanwhile` raises is no failure of the store, so it is raised when the answer has been read.
        """
        mistakes: list[Exception] = []

        def careful() -> None:
            try:
                meanwhile()
            except Exception as mistake:  # noqa: BLE001 - raised below
                mistakes.append(mistake)

        for write in writes:
            with self._connected() as client:
                written = send(client, write, careful)
            confirm(write, written)
        for mistake in mistakes:
            raise mistake

    def write_heartbeat(self, agent: str, fields: Mapping[str, str | int]) -> Condition:
        """Replace the hash of `agent`, and return what the store says about itself."""
        with self._connected() as client:
            with self._refusals(HeartbeatRefusedError):
                write_heartbeat(client, agent, fields)
            return read_condition(client)

    def write_hashes(self, hashes: Sequence[Hash]) -> int:
        """Merge `hashes` into the store, and return how many keys were left unchanged."""
        with self._connected() as client, self._refusals(HashesRefusedError):
            return write_hashes(client, hashes)

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
    def _refusals(self, kind: type[RefusedError]) -> Iterator[None]:
        """Raise an error of this kind if the store answers and refuses."""
        try:
            with any_errors(self.name):
                yield
        except StoreError as error:
            if not is_refusal(error.__cause__):
                raise
            raise kind(str(error)) from error

    @contextmanager
    def _connected(self) -> Iterator[Valkey]:
        """Yield the client, and disconnect on any error but a refusal."""
        if self._client is None:
            raise StoreError(f"store {self.name}: not connected")
        try:
            with any_errors(self.name):
                yield self._client
        except RefusedError:
            raise
        except StoreError:
            self.disconnect()
            raise
