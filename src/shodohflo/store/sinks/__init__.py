"""Sinks: where writes go. Each module is one way to reach a store; a sink must not know of threads or retries.

A sink raises `StoreError` for everything that goes wrong, in one line that names the store. It disconnects then, so
the next call must be `connect`: after an error, an answer that is still on its way would be taken for the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.store.connection import TcpEnds
    from shodohflo.store.write import Write, Written


class Sink(Protocol):
    """Applies writes exactly once, as long as a write that failed is sent again unchanged before the next."""

    @property
    def name(self) -> str:
        """What messages call the store; never holds a password."""

    def connect(self) -> None:
        """Connect to the store; returns once it has answered."""

    def write(self, write: Write) -> Written:
        """Apply `write`, unless its number was applied already; returns once the store has answered."""

    def write_heartbeat(self, agent: str, fields: Mapping[str, str | int]) -> int:
        """Replace the hash of `agent` by `fields`, and return how many keys the store has evicted so far."""

    def disconnect(self) -> None:
        """Close the connection, if there is one."""

    def connections(self) -> frozenset[TcpEnds]:
        """Return our TCP connections to the store; may be called from any thread."""
