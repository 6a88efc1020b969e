"""Sinks: where writes go. Each module is one way to reach a store.

A sink reports every failure as a `StoreError` of one line that names the store, whatever the store answers, and
disconnects. The next call must be `connect`: on the old connection, a late answer would be taken for the answer to the
next command. Only a heartbeat or hashes that the store refused leave the connection open, and the failure of a part of
the store (`PartlyAwayError`), which the sink connects to again by itself.

This package must not know observations, what the keys of a write mean, or threads and retries: those are the writer's
business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shodohflo.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shodohflo.store.announced import TcpEnds
    from shodohflo.store.hashes import Hash
    from shodohflo.store.heartbeat import Condition
    from shodohflo.store.lanes import Lanes
    from shodohflo.store.write import Write, Written


class PartlyAwayError(StoreError):
    """A part of the store is away or refuses what it is sent; the others are as good as before."""

    unanswered: tuple[int, ...] = ()
    """Of hashes, the places of those that were not written."""


class RefusedError(StoreError):
    """The store answered, but did not take a heartbeat or hashes; it may take writes all the same."""


class HeartbeatRefusedError(RefusedError):
    """The store did not take a heartbeat."""


class HashesRefusedError(RefusedError):
    """The store did not take hashes of services or knocks."""


class Sink(Protocol):
    """Applies writes exactly once, provided that a failed write is sent again unchanged before the next one."""

    @property
    def name(self) -> str:
        """The name of the store in messages; it never contains a password."""

    @property
    def lanes(self) -> Lanes:
        """The parts of the store in which writes are numbered independently."""

    def connect(self) -> None:
        """Connect to the store, and return when it has answered."""

    def write(
        self, writes: Sequence[Write], confirm: Callable[[Write, Written], None], meanwhile: Callable[[], None]
    ) -> None:
        """Apply `writes`, each of another lane, and pass on the answer to each as it arrives.

        A write whose number was applied already changes nothing. `meanwhile` is called while the store works; what it
        raises is raised when the answers have been read. If any answer is missing at the end, it is a `StoreError`.
        """

    def write_heartbeat(self, agent: str, fields: Mapping[str, str | int]) -> Condition:
        """Replace the hash of `agent` by `fields`, and return what the store says about itself.

        Raises `HeartbeatRefusedError` if the store answers, but does not take it.
        """

    def write_hashes(self, hashes: Sequence[Hash]) -> int:
        """Merge `hashes` into the store, and return how many keys were left unchanged.

        Raises `HashesRefusedError` if the store answers, but takes none of them.
        """

    def disconnect(self) -> None:
        """Close the connection, if there is one."""

    def connections(self) -> frozenset[TcpEnds]:
        """Return our TCP connections to the store; any thread may call this."""
