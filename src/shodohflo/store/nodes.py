"""The nodes of a cluster while it is used: one connection to each, opened when it is needed, and the topology.

Errors name the node. A node that is away is no obstacle to the others: once it has failed, nobody waits for it. A
thread tries to connect to it until that succeeds, and with each attempt, the others are asked who serves its slots.
"""

from __future__ import annotations

import time
from contextlib import suppress
from random import SystemRandom
from threading import Thread
from typing import TYPE_CHECKING, Final, Self

from valkey.exceptions import ResponseError

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.process.parallel import in_parallel
from shodohflo.store.connection import joined_errors, login
from shodohflo.store.dialogue import Dialogue, Limits
from shodohflo.store.failures import any_errors, one_line
from shodohflo.store.retry import next_delay
from shodohflo.store.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from valkey import Valkey

    from shodohflo.store.connection import Entrance
    from shodohflo.store.urls import Endpoint

NODE_TIMEOUT: Final = 5.0
"""Seconds for a node to accept a connection, and to answer; meanwhile, other nodes wait for it, once."""

_NO_CLUSTER: Final = "cluster support disabled"

_RANDOM: Final = SystemRandom()


class _Absence:
    """A node that is away, and the attempts to connect to it again."""

    def __init__(self, error: StoreError, connect: Callable[[], Valkey]) -> None:
        """Begin with the `error` that the node failed with; the first attempt is made a little later."""
        self.error = error
        self._connect = connect
        self._attempts = 0
        self._thread: Thread | None = None
        self._client: Valkey | None = None
        self._is_over = False
        self._wait()

    def attempt(self) -> bool:
        """Begin another attempt if it is time for one; return whether it is begun."""
        if self._thread is not None and not self._thread.is_alive():
            self._wait()
        if self._thread is not None or time.monotonic() < self._due:
            return False
        self._thread = Thread(target=self._try, name="store-node", daemon=True)
        self._thread.start()
        return True

    def take(self) -> Valkey | None:
        """Return the client if the node is back."""
        client, self._client = self._client, None
        return client

    def end(self) -> None:
        """Close the connection that an attempt may have made, or will make."""
        self._is_over = True
        if (client := self.take()) is not None:
            client.connection_pool.disconnect()

    def _wait(self) -> None:
        self._thread = None
        self._attempts += 1
        self._due = time.monotonic() + next_delay(self._attempts, _RANDOM.random())

    def _try(self) -> None:
        try:
            self._client = self._connect()
        except StoreError as error:
            self.error = error
        if self._is_over:
            self.end()


class Nodes:
    """The nodes of one cluster, for one user at a time."""

    def __init__(self, entrance: Entrance, name: str) -> None:
        """Ask the nodes of the URL in turn for the topology, until one answers; `name` is that of the store."""
        self.name = name
        self._entrance = entrance
        self._clients: dict[Endpoint, Valkey] = {}
        self._away: dict[Endpoint, _Absence] = {}
        try:
            self.topology = self._ask(entrance.url.endpoints)
        except StoreError:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the nodes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self.close()

    def client(self, endpoint: Endpoint) -> Valkey:
        """Return the client of a node; connect if there is none. One that is away is a `StoreError` at once."""
        if (absence := self._away.get(endpoint)) is not None:
            raise type(absence.error)(str(absence.error))
        if endpoint not in self._clients:
            self._clients[endpoint] = self._connected(endpoint)
        return self._clients[endpoint]

    def _connected(self, endpoint: Endpoint) -> Valkey:
        known = login(self.name, self._entrance.url.username, self._entrance.url.password)
        return self._entrance.client(endpoint, self.name_of(endpoint), socket_timeout=NODE_TIMEOUT, **known)

    def take(self) -> Valkey:
        """Return the client of a node that has answered, which `close` does not close."""
        return self._clients.popitem()[1]

    def name_of(self, endpoint: Endpoint) -> str:
        """Return the name of a node in messages."""
        return f"{self.name}: node {endpoint}"

    def open(self) -> dict[Endpoint, StoreError]:
        """Connect to all primaries at once, and return the failures; who has failed is away from then on."""

        def connect(endpoint: Endpoint) -> StoreError | None:
            try:
                self.client(endpoint)
            except StoreError as error:
                return error
            return None

        primaries = self.topology.primaries
        answers = zip(primaries, in_parallel(connect, primaries), strict=True)
        failures = {endpoint: error for endpoint, error in answers if error is not None}
        for endpoint, error in failures.items():
            self.fail(endpoint, error)
        return failures

    def fail(self, endpoint: Endpoint, error: StoreError) -> None:
        """Close the connection to a node, which is away from now on until an attempt to connect succeeds."""
        self.drop(endpoint)
        if endpoint not in self._away:
            self._away[endpoint] = _Absence(error, lambda: self._connected(endpoint))

    def look_after(self) -> None:
        """Take back the nodes that are there again, and make the attempts that are due. Nobody is waited for."""
        has_tried = False
        for endpoint, absence in list(self._away.items()):
            client = absence.take()
            if client is not None:
                self._clients[endpoint] = client
                del self._away[endpoint]
            elif endpoint not in self.topology.primaries:
                self._away.pop(endpoint).end()
            else:
                has_tried |= absence.attempt()
        if has_tried:
            with suppress(StoreError):  # what is known will have to do
                self.refresh()

    def are_all(self, failed: Iterable[Endpoint | None]) -> bool:
        """Return whether no primary is left beside those that `failed` and those that are away."""
        return not set(self.topology.primaries) - self._away.keys() - set(failed)

    def refresh(self, *first: Endpoint) -> None:
        """Ask for the topology again, the nodes `first` before all others."""
        self.topology = self._ask((*first, *self._clients, *self._entrance.url.endpoints))

    def drop(self, endpoint: Endpoint) -> None:
        """Close the connection to a node; the next use connects again."""
        client = self._clients.pop(endpoint, None)
        if client is not None:
            with suppress(OSError):
                client.connection_pool.disconnect()

    def close(self) -> None:
        """Close all connections."""
        for endpoint in list(self._clients):
            self.drop(endpoint)
        for absence in self._away.values():
            absence.end()
        self._away.clear()

    def _ask(self, endpoints: Iterable[Endpoint]) -> Topology:
        failures: list[StoreError] = []
        for endpoint in dict.fromkeys(endpoints):
            try:
                return self._topology(endpoint)
            except StoreError as error:
                failures.append(error)
        raise joined_errors(self.name, failures)

    def _topology(self, endpoint: Endpoint) -> Topology:
        """Return the topology that the node at `endpoint` knows."""
        name = self.name_of(endpoint)
        try:
            with any_errors(name):
                client = self.client(endpoint)
                answer = Dialogue(client, Limits(seconds=NODE_TIMEOUT)).demand(("CLUSTER", "SLOTS"))
                topology = Topology.of(answer, endpoint)
                if not topology.primaries:
                    raise ResponseError("it knows no slots: it has not joined its cluster, or left it")
        except StoreError as error:
            self.fail(endpoint, error)
            if _NO_CLUSTER in str(error):
                told = one_line(error.__cause__) if isinstance(error.__cause__, Exception) else str(error)
                raise LastingStoreError(f"store {name}: {told}: it is no cluster: leave +cluster out") from error
            raise
        return topology
