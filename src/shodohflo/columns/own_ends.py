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
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.batch import ADDRESS
from shodohflo.columns.table import Role, Table, column, table
from shodohflo.model import UDP, End

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.model import Address

ANY: Final[dict[int, Address]] = {4: IPv4Address(0), 6: IPv6Address(0)}
"""The address of a socket that has every local address, by family."""

_PORTS: Final = 1 << 16


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
        return (self.address.high == 0) & (self.address.low == 0)

    def distinct(self) -> SocketEnds:
        """Return each end once, in an order that depends on the ends alone."""
        return self[_distinct(self.address, self.socket)]


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

    local: dict[int, NDArray[Any]]
    """The local addresses by family, sorted, as a `Batch` has them; they are numbered in this order, IPv4 first."""
    any_address: dict[int, NDArray[np.uint8]]
    """By family, `Saying.SERVICE` at the socket of each service that has every local address."""
    keys: NDArray[np.int64]
    """The keys of exact ends, sorted; the last one is beyond all others."""
    sayings: NDArray[np.uint8]
    """The `Saying` of each."""

    @classmethod
    def compile(cls, space: OwnSpace) -> Self:
        """Sort the addresses and ends of `space`."""
        local = {family: _column(space.addresses, family) for family in ADDRESS}
        services, is_any = space.services, space.services.is_any
        any_address = {family: np.zeros(2 * _PORTS, np.uint8) for family in ADDRESS}
        for family, sayings in any_address.items():
            sayings[services.socket[is_any & (services.address.version == family)]] = Saying.SERVICE
        exact = np.unique(_keys(local, services.keep(~is_any)))
        clients = np.setdiff1d(_keys(local, space.clients), exact)
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
        any_address = self.any_address[family][socket]
        found[rows] = np.where(any_address == Saying.SERVICE, any_address, exact)
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


def _socket(protocols: NDArray[np.uint8], ports: NDArray[np.uint16]) -> NDArray[np.int64]:
    return (protocols == UDP).astype(np.int64) << 16 | ports


def _column(addresses: Addresses, family: int) -> NDArray[Any]:
    """Return the distinct addresses of `family`, sorted, as a `Batch` has them."""
    chosen = addresses.keep(addresses.version == family)
    return np.unique(_as_in_batch(chosen, family))


def _as_in_batch(addresses: Addresses, family: int) -> NDArray[Any]:
    """Return addresses, all of `family`, as a column of a `Batch`: the reverse of `Addresses.from_column`."""
    if family == 4:
        return addresses.low.astype(np.uint32)
    return np.stack([addresses.high, addresses.low], axis=1).astype(">u8").reshape(-1).view("S16")


def _numbers(
    local: dict[int, NDArray[Any]], family: int, addresses: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of each address, and whether it is local: otherwise the number means nothing."""
    known = local[family]
    if not len(known):
        return np.zeros(len(addresses), np.int64), np.zeros(len(addresses), np.bool_)
    at = np.minimum(np.searchsorted(known, addresses), len(known) - 1)
    first = 0 if family == 4 else len(local[4])
    return at + first, known[at] == addresses


def _keys(local: dict[int, NDArray[Any]], ends: SocketEnds) -> NDArray[np.int64]:
    """Return the keys of exact ends, except for those whose address is not local."""
    parts = []
    for family in ADDRESS:
        chosen = ends.keep(ends.address.version == family)
        number, is_local = _numbers(local, family, _as_in_batch(chosen.address, family))
        parts.append((number << 17 | chosen.socket)[is_local])
    return np.concatenate(parts)


def _distinct(addresses: Addresses, socket: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of the first of each distinct address and socket, in their order."""
    columns = (socket, addresses.low, addresses.high, addresses.version)
    order = np.lexsort(columns)
    differs = np.zeros(len(order), np.bool_)
    differs[:1] = True
    for values in columns:
        differs[1:] |= values[order][1:] != values[order][:-1]
    return order[differs]
