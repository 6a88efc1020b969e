"""Own ends: what this host's kernel says of its ends, by its sockets: of a service, or of a client.

Nobody on the wire can forge it, and it holds for connections that are older than the agent, and for UDP. `OwnEnds` is
the statement; `OwnEndsTable` answers the same for whole columns. For example, in a network namespace with the addresses
10.0.0.1 and 10.0.0.2, a listener on 0.0.0.0 port 22, and a connection from 10.0.0.1 port 40000:

    10.0.0.2 TCP 22      service: the listener has every local address
    10.0.0.1 TCP 40000   client
    10.0.0.2 TCP 40000   nothing: another address than the connection has
    10.0.0.9 TCP 22      nothing: not an address of this host
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.labels import key_bytes
from shodohflo.columns.table import Role, Table, column, table
from shodohflo.model import UDP, End

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from shodohflo.columns.batch import Family
    from shodohflo.model import Address

ANY: Final[dict[int, Address]] = {4: IPv4Address(0), 6: IPv6Address(0)}
"""The address of a socket that has every local address, by family."""

_SOCKETS: Final = 1 << 17
"""Combinations of protocol and port."""

_FAMILIES: Final[tuple[Literal[4, 6], ...]] = (4, 6)

Local = dict[int, NDArray[Any]]
"""The local addresses of a namespace by family, distinct and sorted, as a `Batch` has them."""


class Saying(IntEnum):
    """What the kernel says of an end."""

    NOTHING = 0
    """It is no end of this host, or one without a socket that shows what it is."""
    SERVICE = 1
    CLIENT = 2


@table
class SocketEnds(Table):
    """The local ends of sockets, of either family; the address is one of `ANY` where the socket has all of them."""

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
        return _socket(self.protocol, self.port)

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
        return self[_distinct(self)]


@dataclass(frozen=True, slots=True, eq=False)
class OwnSpace:
    """The ends of one network namespace."""

    addresses: Addresses
    """The local addresses."""
    services: SocketEnds
    """Of listening TCP sockets, and of unconnected UDP sockets outside the ephemeral range."""
    clients: SocketEnds
    """Of connected sockets; those that are in `services` too are services: connections that were accepted."""

    @classmethod
    def of(cls, addresses: Iterable[Address], services: Iterable[End], clients: Iterable[End]) -> Self:
        """Return the ends of a namespace from objects."""
        local = Addresses.from_objects(addresses)
        return cls(local, SocketEnds.from_objects(services), SocketEnds.from_objects(clients))

    def says(self, end: End) -> Saying:
        """Return what the sockets of this namespace say of `end`."""
        if end.address not in self.addresses.objects():
            return Saying.NOTHING
        services = self.services.objects()
        if end in services or replace(end, address=ANY[end.address.version]) in services:
            return Saying.SERVICE
        return Saying.CLIENT if end in self.clients.objects() else Saying.NOTHING

    def is_same(self, other: OwnSpace) -> bool:
        """Return whether `other` has equal rows in equal order."""
        mine = (self.addresses, self.services, self.clients)
        theirs = (other.addresses, other.services, other.clients)
        pairs = zip(mine, theirs, strict=True)
        return all(np.array_equal(a, b) for one, two in pairs for a, b in zip(one.keys(), two.keys(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class OwnEnds:
    """The ends of this host: those of the agent's own network namespace, and of the others that were named."""

    spaces: tuple[OwnSpace, ...] = ()

    def says(self, end: End) -> Saying:
        """Return what the sockets of this host say of `end`; nothing if namespaces with its address disagree."""
        said = {space.says(end) for space in self.spaces} - {Saying.NOTHING}
        return said.pop() if len(said) == 1 else Saying.NOTHING

    def is_same(self, other: OwnEnds) -> bool:
        """Return whether `other` has equal rows in equal order."""
        same_count = len(self.spaces) == len(other.spaces)
        return same_count and all(a.is_same(b) for a, b in zip(self.spaces, other.spaces, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class OwnSpaceTable:
    """The ends of one namespace, compiled.

    An exact end has the key `number of its address << 17 | socket`, the socket being `protocol is UDP << 16 | port`.
    """

    local: Local
    """The local addresses by family, sorted, as a `Batch` has them; they are numbered in this order, IPv4 first."""
    any_address: dict[Family, NDArray[np.bool_]]
    """By family and socket, whether a service has it at every local address."""
    keys: NDArray[np.int64]
    """The keys of exact ends, sorted; the last one is beyond all others."""
    sayings: NDArray[np.uint8]
    """The `Saying` of each."""

    @classmethod
    def compile(cls, space: OwnSpace) -> Self:
        """Sort the addresses and ends of `space`."""
        local = _local(space.addresses)
        services, is_any = space.services, space.services.is_any
        any_address = _present(services.keep(is_any))
        exact = np.unique(_keys(local, services.keep(~is_any)))
        clients = np.setdiff1d(_keys(local, space.clients), exact)
        exact, clients = exact[exact >= 0], clients[clients >= 0]
        keys = np.concatenate([exact, clients])
        sayings = np.repeat(np.array([Saying.SERVICE, Saying.CLIENT], np.uint8), [len(exact), len(clients)])
        order = np.argsort(keys)
        beyond = np.iinfo(np.int64).max
        return cls(local, any_address, np.append(keys[order], beyond), np.append(sayings[order], np.uint8(0)))

    def find(
        self,
        family: Family,
        addresses: NDArray[Any],
        protocols: NDArray[np.uint8],
        ports: NDArray[np.uint16],
    ) -> NDArray[np.uint8]:
        """Return the `Saying` of each end; the columns are those of a `Batch`."""
        found = np.zeros(len(addresses), np.uint8)
        number, is_local = _numbers(self.local, family, addresses)
        rows = is_local.nonzero()[0]
        socket = _socket(protocols[rows], ports[rows])
        keys = number[rows] << 17 | socket
        at = np.searchsorted(self.keys, keys)
        exact = np.where(self.keys[at] == keys, self.sayings[at], np.uint8(Saying.NOTHING))
        found[rows] = np.where(self.any_address[family][socket], np.uint8(Saying.SERVICE), exact)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class OwnEndsTable:
    """The ends of this host, compiled: `find` answers for columns as `OwnEnds.says` does for one end."""

    spaces: tuple[OwnSpaceTable, ...]

    @classmethod
    def compile(cls, own: OwnEnds) -> Self:
        """Compile the ends of every namespace."""
        return cls(tuple(OwnSpaceTable.compile(space) for space in own.spaces))

    def find(
        self,
        family: Family,
        addresses: NDArray[Any],
        protocols: NDArray[np.uint8],
        ports: NDArray[np.uint16],
    ) -> NDArray[np.uint8]:
        """Return the `Saying` of each end; the columns are those of a `Batch`: `src_addr`, `protocol`, `src_port`."""
        said = np.zeros(len(addresses), np.uint8)
        for space in self.spaces:
            # As bits, SERVICE is 1 and CLIENT is 2: what namespaces say in contradiction adds up to 3.
            said |= space.find(family, addresses, protocols, ports)
        said[said > Saying.CLIENT] = Saying.NOTHING
        return said


NO_ENDS: Final = OwnSpace(Addresses.empty(), SocketEnds.empty(), SocketEnds.empty())
"""A namespace of which nothing is known."""


def own_space(
    addresses: Addresses, services: SocketEnds, connected: SocketEnds, doubtful: SocketEnds, before: OwnSpace
) -> OwnSpace:
    """Return the ends of a namespace from its sockets; equal sockets, in whatever order, make equal rows.

    `services` are the ends of listeners and the like. The others have connections: those of `connected` are clients,
    unless a service has them, and those of `doubtful` stay what they were `before`, in the previous reading.

    A service of `before` that is none any more stays one as long as there is a connection at its end that it may have
    accepted: a listener may be closed while its connections live on. A TCP end in `connected` is no such connection, as
    the kernel says that it was opened here; it may have got the port after the listener. UDP has no such word.
    """
    local = _local(addresses)
    connected, doubtful = _local_ones(local, connected), _local_ones(local, doubtful)
    doubtful = doubtful.keep(~np.isin(_keys(local, doubtful), _keys(local, connected)))
    perhaps_accepted = SocketEnds.concatenate([connected.keep(connected.protocol == UDP), doubtful])
    outlived = _outlived(before.services, services, perhaps_accepted, local)
    services = SocketEnds.concatenate([services, outlived]).distinct()
    still = doubtful.keep(np.isin(_keys(local, doubtful), _keys(local, before.clients)))
    asking = _local_ones(local, SocketEnds.concatenate([connected, still]))
    exact = services.keep(~services.is_any)
    accepted = np.isin(_keys(local, asking), _keys(local, exact)) | _at_any_address(
        asking, services.keep(services.is_any)
    )
    return OwnSpace(addresses[_distinct(addresses)], services, asking.keep(~accepted))


def _local_ones(local: Local, ends: SocketEnds) -> SocketEnds:
    """Return each end with a local address once, in an order that depends on the ends alone."""
    keys, rows = np.unique(_keys(local, ends), return_index=True)
    return ends[rows[keys >= 0]]


def _outlived(before: SocketEnds, services: SocketEnds, connected: SocketEnds, local: Local) -> SocketEnds:
    """Return the services of `before` that are not in `services`, but have connections."""
    gone = before.keep(~before.among(services))
    lives = np.isin(_keys(local, gone), _keys(local, connected)) | (gone.is_any & _at_any_address(gone, connected))
    return gone.keep(lives)


def _at_any_address(ends: SocketEnds, others: SocketEnds) -> NDArray[np.bool_]:
    """Return for which of `ends` there is one of the same family, protocol and port among `others`."""
    present = _present(others)
    found = np.zeros(len(ends), np.bool_)
    for family in _FAMILIES:
        found |= (ends.address.version == family) & present[family][ends.socket]
    return found


def _present(ends: SocketEnds) -> dict[Family, NDArray[np.bool_]]:
    """Return, by family and socket, whether there is one among `ends`."""
    present = {family: np.zeros(_SOCKETS, np.bool_) for family in _FAMILIES}
    for family, has in present.items():
        has[ends.socket[ends.address.version == family]] = True
    return present


def _socket(protocols: NDArray[np.uint8], ports: NDArray[np.uint16]) -> NDArray[np.int64]:
    sockets: NDArray[np.int64] = (protocols == UDP).astype(np.int64) << 16 | ports
    return sockets


def _local(addresses: Addresses) -> Local:
    return {
        family: np.unique(_as_in_batch(addresses.keep(addresses.version == family), family)) for family in _FAMILIES
    }


def _as_in_batch(addresses: Addresses, family: Family) -> NDArray[Any]:
    """Return addresses, all of `family`, as a column of a `Batch`: the reverse of `Addresses.from_column`."""
    if family == 4:
        return addresses.low.astype(np.uint32)
    return np.stack([addresses.high, addresses.low], axis=1).astype(">u8").reshape(-1).view("S16")


def _numbers(local: Local, family: Family, addresses: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of each address, and whether it is local: otherwise the number means nothing."""
    known = local[family]
    if not len(known):
        return np.zeros(len(addresses), np.int64), np.zeros(len(addresses), np.bool_)
    at = np.minimum(np.searchsorted(known, addresses), len(known) - 1)
    first = 0 if family == 4 else len(local[4])
    return at + first, known[at] == addresses


def _keys(local: Local, ends: SocketEnds) -> NDArray[np.int64]:
    """Return the key of each end (see `OwnSpaceTable`), -1 where its address is not local."""
    keys = np.full(len(ends), -1, np.int64)
    for family in _FAMILIES:
        rows = (ends.address.version == family).nonzero()[0]
        number, is_local = _numbers(local, family, _as_in_batch(ends.address[rows], family))
        keys[rows] = np.where(is_local, number << 17 | ends.socket[rows], -1)
    return keys


def _distinct(rows: Table) -> NDArray[np.int64]:
    """Return the first row of each that is distinct in its key columns, in the order of these."""
    columns = list(rows.keys())
    order = np.lexsort(columns)
    differs = np.zeros(len(order), np.bool_)
    differs[:1] = True
    for values in columns:
        differs[1:] |= values[order][1:] != values[order][:-1]
    return order[differs]
