"""Socket ends: the local ends of this host's sockets, those of connections with their remote ends, as columns.

`SocketPairs` has a connection of this host as its kernel does, and `AskedEnds` the ends of flows as packets do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.labels import key_bytes
from shodohflo.columns.table import Role, Table, column, table
from shodohflo.model import UDP, End

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family

SOCKETS: Final = 1 << 17
"""Combinations of protocol and port."""


@table
class SocketEnds(Table):
    """The local ends of sockets, of either family; the address is 0.0.0.0 or :: where the socket has all."""

    address: Addresses = column(Addresses, Role.KEY)
    protocol: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """6 or 17."""
    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)

    @classmethod
    def from_objects(cls, ends: Iterable[End]) -> SocketEnds:
        """Convert ends, in their order."""
        rows = list(ends)
        return cls(
            Addresses.from_objects(end.address for end in rows),
            np.array([end.protocol for end in rows], np.uint8),
            np.array([end.port for end in rows], np.uint16),
        )

    def objects(self) -> list[End]:
        """Return each row as an `End`."""
        rows = zip(self.address.objects(), self.protocol.tolist(), self.port.tolist(), strict=True)
        return [End(address, protocol, port) for address, protocol, port in rows]

    @property
    def socket(self) -> NDArray[np.int64]:
        """Protocol and port in one number below 2**17."""
        return socket_numbers(self.protocol, self.port)

    @property
    def is_any(self) -> NDArray[np.bool_]:
        """Whether the address stands for every local one."""
        is_any: NDArray[np.bool_] = (self.address.high == 0) & (self.address.low == 0)
        return is_any

    def among(self, others: SocketEnds) -> NDArray[np.bool_]:
        """Return whether each end is one of `others` too."""
        known = set(key_bytes(others))
        return np.array([key in known for key in key_bytes(self)], np.bool_)

    def distinct(self) -> SocketEnds:
        """Return each end once, in an order that depends on the ends alone."""
        return self[distinct_rows(self)]


@dataclass(frozen=True, slots=True)
class SocketPair:
    """Both ends of a connection, as this host has it."""

    local: End
    remote: End


@table
class SocketPairs(Table):
    """The ends of connected sockets; the remote end has the protocol of the local one."""

    local: SocketEnds = column(SocketEnds, Role.KEY)
    remote_address: Addresses = column(Addresses, Role.KEY)
    remote_port: NDArray[np.uint16] = column(np.uint16, Role.KEY)

    @classmethod
    def from_objects(cls, pairs: Iterable[SocketPair]) -> SocketPairs:
        """Convert pairs, in their order."""
        rows = list(pairs)
        return cls(
            SocketEnds.from_objects(pair.local for pair in rows),
            Addresses.from_objects(pair.remote.address for pair in rows),
            np.array([pair.remote.port for pair in rows], np.uint16),
        )

    def objects(self) -> list[SocketPair]:
        """Return each row as a `SocketPair`."""
        rows = zip(self.local.objects(), self.remote_address.objects(), self.remote_port.tolist(), strict=True)
        return [SocketPair(local, End(address, local.protocol, port)) for local, address, port in rows]


@dataclass(frozen=True, slots=True)
class AskedEnds:
    """Ends of flows, with the other end of each flow, as columns of a `Batch`."""

    family: Family
    protocols: NDArray[np.uint8]
    addresses: NDArray[Any]
    ports: NDArray[np.uint16]
    peer_addresses: NDArray[Any]
    peer_ports: NDArray[np.uint16]

    def __len__(self) -> int:
        """Count the ends."""
        return len(self.ports)

    @property
    def swapped(self) -> AskedEnds:
        """The other ends."""
        return AskedEnds(self.family, self.protocols, self.peer_addresses, self.peer_ports, self.addresses, self.ports)


def socket_numbers(protocols: NDArray[np.uint8], ports: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return protocol and port of each end in one number below `SOCKETS`."""
    sockets: NDArray[np.int64] = (protocols == UDP).astype(np.int64) << 16 | ports
    return sockets


def distinct_rows(rows: Table) -> NDArray[np.int64]:
    """Return the first row of each that is distinct in its key columns, in the order of these."""
    columns = list(rows.keys())
    order = np.lexsort(columns)
    differs = np.zeros(len(order), np.bool_)
    differs[:1] = True
    for values in columns:
        differs[1:] |= values[order][1:] != values[order][:-1]
    return order[differs]
