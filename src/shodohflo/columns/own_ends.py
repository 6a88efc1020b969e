"""Own ends: what this host's kernel says of its ends, by its sockets: of a service, or of a client.

Nobody on the wire can forge it, and it holds for connections that are older than the agent, and for UDP. A service is
one whoever asks it; a client is one towards the other end of its connection, as anybody can send to its port. `OwnEnds`
is the statement; `OwnEndsTable` answers the same for whole columns. For example, in a network namespace with the
addresses 10.0.0.1 and 10.0.0.2, a listener on 0.0.0.0 port 22, and a connection from 10.0.0.1 port 40000 to 10.0.0.9
port 443:

    10.0.0.2 TCP 22      anybody         service: the listener has every local address
    10.0.0.1 TCP 40000   10.0.0.9 443    client
    10.0.0.1 TCP 40000   10.0.0.9 9999   nothing: the kernel has no such connection
    10.0.0.2 TCP 40000   10.0.0.9 443    nothing: another address than the connection has
    10.0.0.9 TCP 22      anybody         nothing: not an address of this host

Where this host translates addresses of its own connections (DNAT), the wire has another remote end than the kernel's
socket, and nothing is said of the client.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.memory import hashed
from shodohflo.columns.socket_ends import SOCKETS, SocketEnds, SocketPair, SocketPairs, distinct_rows, socket_numbers
from shodohflo.model import UDP, End

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from shodohflo.columns.batch import Family
    from shodohflo.columns.socket_ends import AskedEnds
    from shodohflo.model import Address

ANY: Final[dict[int, Address]] = {4: IPv4Address(0), 6: IPv6Address(0)}
"""The address of a socket that has every local address, by family."""

_FAMILIES: Final[tuple[Literal[4, 6], ...]] = (4, 6)

Local = dict[int, NDArray[Any]]
"""The local addresses of a namespace by family, distinct and sorted, as a `Batch` has them."""


class Saying(IntEnum):
    """What the kernel says of an end."""

    NOTHING = 0
    """It is no end of this host, or one without a socket that shows what it is."""
    SERVICE = 1
    CLIENT = 2


@dataclass(frozen=True, slots=True, eq=False)
class OwnSpace:
    """The ends of one network namespace."""

    addresses: Addresses
    """The local addresses."""
    services: SocketEnds
    """Of listening TCP sockets, and of unconnected UDP sockets outside the ephemeral range."""
    clients: SocketPairs
    """Of connected sockets; a local end that is in `services` too is a service: its connection was accepted."""

    @classmethod
    def of(cls, addresses: Iterable[Address], services: Iterable[End], clients: Iterable[SocketPair]) -> Self:
        """Return the ends of a namespace from objects."""
        local = Addresses.from_objects(addresses)
        return cls(local, SocketEnds.from_objects(services), SocketPairs.from_objects(clients))

    def says(self, end: End, peer: End) -> Saying:
        """Return what the sockets of this namespace say of `end` in a flow with `peer`."""
        if end.address not in self.addresses.objects():
            return Saying.NOTHING
        services = self.services.objects()
        if end in services or replace(end, address=ANY[end.address.version]) in services:
            return Saying.SERVICE
        return Saying.CLIENT if SocketPair(end, peer) in self.clients.objects() else Saying.NOTHING

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

    def says(self, end: End, peer: End) -> Saying:
        """Return what the sockets of this host say of `end` in a flow with `peer`.

        Nothing, if namespaces with its address disagree.
        """
        said = {space.says(end, peer) for space in self.spaces} - {Saying.NOTHING}
        return said.pop() if len(said) == 1 else Saying.NOTHING

    def is_same(self, other: OwnEnds) -> bool:
        """Return whether `other` has equal rows in equal order."""
        same_count = len(self.spaces) == len(other.spaces)
        return same_count and all(a.is_same(b) for a, b in zip(self.spaces, other.spaces, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class OwnSpaceTable:
    """The ends of one namespace, compiled.

    An end has the key `number of its address << 17 | socket`, the socket being `protocol is UDP << 16 | port`.
    """

    local: Local
    """The local addresses by family, sorted, as a `Batch` has them; they are numbered in this order, IPv4 first."""
    any_address: dict[Family, NDArray[np.bool_]]
    """By family and socket, whether a service has it at every local address."""
    services: NDArray[np.int64]
    """The keys of services with one address, sorted; the last one is beyond all others."""
    is_served: NDArray[np.bool_]
    """By socket, whether such a service has it."""
    clients: NDArray[np.uint64]
    """The hashes of clients' connections, sorted; the last one is beyond nearly all others."""
    is_asking: NDArray[np.bool_]
    """By socket, whether a client has it."""

    @classmethod
    def compile(cls, space: OwnSpace) -> Self:
        """Sort the addresses and ends of `space`."""
        local = _local(space.addresses)
        is_any = space.services.is_any
        exact, pairs = space.services.keep(~is_any), _local_pairs(local, space.clients)
        services = np.append(np.sort(_keys(local, exact)), np.iinfo(np.int64).max)
        clients = np.append(np.sort(_hashes(local, pairs)), np.iinfo(np.uint64).max)
        return cls(local, _present(space.services.keep(is_any)), services, _used(exact), clients, _used(pairs.local))

    def find(self, asked: AskedEnds) -> NDArray[np.uint8]:
        """Return the `Saying` of each end."""
        found = np.zeros(len(asked), np.uint8)
        number, is_local = _numbers(self.local, asked.family, asked.addresses)
        rows = is_local.nonzero()[0]
        socket = socket_numbers(asked.protocols[rows], asked.ports[rows])
        keys = number[rows] << 17 | socket
        is_service = self.any_address[asked.family][socket]
        perhaps = (self.is_served[socket] & ~is_service).nonzero()[0]
        is_service[perhaps] = self.services[np.searchsorted(self.services, keys[perhaps])] == keys[perhaps]
        found[rows[is_service]] = Saying.SERVICE
        perhaps = (self.is_asking[socket] & ~is_service).nonzero()[0]
        rows = rows[perhaps]
        peers = asked.peer_addresses[rows]
        hashes = _hashed(keys[perhaps], asked.family, _words(asked.family, peers), asked.peer_ports[rows])
        found[rows[self.clients[np.searchsorted(self.clients, hashes)] == hashes]] = Saying.CLIENT
        return found


@dataclass(frozen=True, slots=True, eq=False)
class OwnEndsTable:
    """The ends of this host, compiled: `find` answers for columns as `OwnEnds.says` does for one end."""

    spaces: tuple[OwnSpaceTable, ...]

    @classmethod
    def compile(cls, own: OwnEnds) -> Self:
        """Compile the ends of every namespace."""
        return cls(tuple(OwnSpaceTable.compile(space) for space in own.spaces))

    def find(self, asked: AskedEnds) -> NDArray[np.uint8]:
        """Return the `Saying` of each end."""
        said = np.zeros(len(asked), np.uint8)
        for space in self.spaces:
            # As bits, SERVICE is 1 and CLIENT is 2: what namespaces say in contradiction adds up to 3.
            said |= space.find(asked)
        said[said > Saying.CLIENT] = Saying.NOTHING
        return said


NO_ENDS: Final = OwnSpace(Addresses.empty(), SocketEnds.empty(), SocketPairs.empty())
"""A namespace of which nothing is known."""


def own_space(
    addresses: Addresses, services: SocketEnds, connected: SocketPairs, doubtful: SocketPairs, before: OwnSpace
) -> OwnSpace:
    """Return the ends of a namespace from its sockets; equal sockets, in whatever order, make equal rows.

    `services` are the ends of listeners and the like. The others are connections: the local ends of `connected` are
    clients, unless a service has them, and those of `doubtful` stay what they were `before`, in the previous reading.

    A service of `before` that is none any more stays one as long as there is a connection at its end that it may have
    accepted: a listener may be closed while its connections live on. A TCP end in `connected` is no such connection, as
    the kernel says that it was opened here; it may have got the port after the listener. UDP has no such word.
    """
    local = _local(addresses)
    connected, doubtful = _local_pairs(local, connected), _local_pairs(local, doubtful)
    is_in_doubt = ~np.isin(_keys(local, doubtful.local), _keys(local, connected.local))
    is_udp = connected.local.protocol == UDP
    perhaps_accepted = SocketEnds.concatenate([connected.local.keep(is_udp), doubtful.local.keep(is_in_doubt)])
    outlived = _outlived(before.services, services, perhaps_accepted, local)
    services = SocketEnds.concatenate([services, outlived]).distinct()
    hashes = _hashes(local, doubtful)
    still = np.isin(hashes, _hashes(local, before.clients))
    asking = SocketPairs.concatenate([connected, doubtful.keep(still)])
    _, rows = np.unique(np.concatenate([_hashes(local, connected), hashes[still]]), return_index=True)
    asking = asking[rows]
    exact, ends = services.keep(~services.is_any), asking.local
    accepted = np.isin(_keys(local, ends), _keys(local, exact)) | _at_any_address(ends, services.keep(services.is_any))
    return OwnSpace(addresses[distinct_rows(addresses)], services, asking.keep(~accepted))


def _local_pairs(local: Local, pairs: SocketPairs) -> SocketPairs:
    """Return the connections with a local address."""
    return pairs.keep(_keys(local, pairs.local) >= 0)


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
    present = {family: np.zeros(SOCKETS, np.bool_) for family in _FAMILIES}
    for family, has in present.items():
        has[ends.socket[ends.address.version == family]] = True
    return present


def _used(ends: SocketEnds) -> NDArray[np.bool_]:
    """Return, by socket, whether there is one among `ends`, of either family."""
    used = np.zeros(SOCKETS, np.bool_)
    used[ends.socket] = True
    return used


def _local(addresses: Addresses) -> Local:
    return {family: np.unique(addresses.keep(addresses.version == family).column(family)) for family in _FAMILIES}


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
        number, is_local = _numbers(local, family, ends.address[rows].column(family))
        keys[rows] = np.where(is_local, number << 17 | ends.socket[rows], -1)
    return keys


def _hashes(local: Local, pairs: SocketPairs) -> NDArray[np.uint64]:
    """Return the hash of each connection: of the key of its local end, and of its remote end."""
    remote = pairs.remote_address
    return _hashed(_keys(local, pairs.local), remote.version, [remote.high, remote.low], pairs.remote_port)


def _words(family: Family, addresses: NDArray[Any]) -> list[NDArray[np.uint64]]:
    """Return both halves of each address, a column of a `Batch`."""
    if family == 4:
        return [np.zeros(len(addresses), np.uint64), addresses.astype(np.uint64)]
    return list(np.ascontiguousarray(addresses).view(">u8").reshape(-1, 2).astype(np.uint64).T)


def _hashed(
    keys: NDArray[np.int64],
    versions: NDArray[np.uint8] | int,
    peers: list[NDArray[np.uint64]],
    ports: NDArray[np.uint16],
) -> NDArray[np.uint64]:
    """Return the hashes of connections by the keys of their local ends, and the addresses and ports of the others."""
    # A key has less than 40 bits, as there are not 2**23 local addresses.
    version = np.asarray(versions, np.uint64) << np.uint64(56)
    return hashed([version | keys.view(np.uint64) << np.uint64(16) | ports, *peers])
