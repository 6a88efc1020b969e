"""The list of our own TCP connections, and connections that are in it before their first packet is sent.

The agent does not record its own traffic with the store. So both ends of a connection must be known before its first
packet is sent: the socket is bound to its local address and port first, and then connected.
"""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from valkey import Connection, SSLConnection

if TYPE_CHECKING:
    import ssl

    from shodohflo.model import Address

_REMEMBERED = 16
"""The number of connections to remember, closed ones included: their last packets may still be in flight."""


@dataclass(frozen=True, slots=True)
class TcpEnds:
    """A TCP connection of this process."""

    local: Address
    local_port: int
    peer: Address
    peer_port: int


@dataclass(frozen=True, slots=True)
class OwnConnections:
    """The TCP connections that are open, and those tried or closed most recently; another thread may read them."""

    _latest: deque[TcpEnds] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _open: dict[TcpEnds, None] = field(default_factory=dict)

    def add(self, ends: TcpEnds) -> None:
        """Remember a connection that is tried."""
        self._latest.append(ends)

    def opened(self, ends: TcpEnds) -> None:
        """Remember a connection until it is closed, however many are tried meanwhile."""
        self._open[ends] = None
        with suppress(ValueError):
            self._latest.remove(ends)

    def closed(self, ends: TcpEnds) -> None:
        """Remember it as one of the latest."""
        self._latest.append(ends)
        self._open.pop(ends, None)

    def __call__(self) -> frozenset[TcpEnds]:
        """Return the open connections, and the latest ones, closed ones included."""
        return frozenset([*self._open.copy(), *self._latest.copy()])


class AnnouncedConnection(Connection):
    """A TCP connection whose ends are remembered before its first packet is sent."""

    def __init__(self, *, own: OwnConnections, **options: Any) -> None:  # noqa: ANN401 - the client library's
        """Connect with `options`, those of the client library, and tell `own`."""
        super().__init__(**options)  # type: ignore[no-untyped-call] # the library is typed in part
        self._own = own
        self._ends: TcpEnds | None = None

    def disconnect(self, *args: object) -> None:
        """Close the connection, if there is one."""
        super().disconnect(*args)  # type: ignore[no-untyped-call] # typed in part
        ends, self._ends = self._ends, None
        if ends is not None:
            self._own.closed(ends)

    def open_socket(self) -> socket.socket:
        """Return a connected socket, before anything is sent on it."""
        return self._connect()

    def _connect(self) -> socket.socket:
        places = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        failure = OSError("no address")
        for family, _, _, _, place in places:
            try:
                return self._connect_to(socket.AddressFamily(family), place)
            except OSError as error:
                failure = error
        raise failure

    def _connect_to(self, family: socket.AddressFamily, place: tuple[Any, ...]) -> socket.socket:
        connected = socket.socket(family, socket.SOCK_STREAM)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            connected.settimeout(self.socket_connect_timeout)
            connected.bind((_local_address(family, place), 0))
            ends = _ends(connected.getsockname(), place)
            self._own.add(ends)
            connected.connect(place)
            connected.settimeout(self.socket_timeout)
            self._ends = ends
            self._own.opened(ends)
        except OSError:
            connected.close()
            raise
        return connected


class AnnouncedSSLConnection(SSLConnection, AnnouncedConnection):
    """The same with TLS: `SSLConnection` wraps the socket that `AnnouncedConnection` connects."""

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        """Let the handshake take no longer than connecting may: a port without TLS often answers nothing."""
        sock.settimeout(self.socket_connect_timeout)
        wrapped: ssl.SSLSocket = super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call] # typed in part
        wrapped.settimeout(self.socket_timeout)
        return wrapped


def _local_address(family: socket.AddressFamily, place: tuple[Any, ...]) -> str:
    """Return the source address that the kernel chooses for `place`; connecting a UDP socket sends nothing."""
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.connect(place)
        return str(asked.getsockname()[0])


def _ends(local: tuple[Any, ...], peer: tuple[Any, ...]) -> TcpEnds:
    addresses = [ip_address(str(end[0]).partition("%")[0]) for end in (local, peer)]
    return TcpEnds(addresses[0], int(local[1]), addresses[1], int(peer[1]))
