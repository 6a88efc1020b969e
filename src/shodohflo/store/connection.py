"""Connections to a store, and the list of our own TCP connections.

The agent does not record its own traffic with the store. So both ends of a connection must be known before its first
packet is sent: the socket is bound to its local address and port first, and then connected.
"""

from __future__ import annotations

import socket
import ssl
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from valkey import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection, Valkey
from valkey.exceptions import AuthenticationError

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.store.access import credentials
from shodohflo.store.bounded import BoundedParser
from shodohflo.store.failures import any_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.model import Address
    from shodohflo.store.urls import StoreUrl

CONNECT_TIMEOUT: Final = 5.0
ANSWER_TIMEOUT: Final = 10.0
"""Seconds, as is `CONNECT_TIMEOUT`; a write takes the store about 10 ms, but a store may pause to save its data."""

_OTHERWISE: Final = {
    True: "the port does not speak TLS: write valkey:// instead of valkeys://, or the store's port for TLS",
    False: "the port speaks TLS only: write valkeys:// instead of valkey://, or the store's port without TLS",
}
"""What to do about a store that does not speak TLS although the URL says so (true), or the reverse."""

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


class Store(Protocol):
    """A store that can be connected to any number of times."""

    @property
    def name(self) -> str:
        """The name of the store in messages; it never contains a password."""

    def connect(self) -> Valkey:
        """Return a client that the store has answered, or raise a `StoreError` of one line."""

    def connections(self) -> frozenset[TcpEnds]:
        """Return our TCP connections to the store."""


class _AnnouncedConnection(Connection):
    """A TCP connection whose ends are remembered before its first packet is sent."""

    def __init__(self, *, own: OwnConnections, **options: Any) -> None:  # noqa: ANN401 - the client library's
        super().__init__(**options)  # type: ignore[no-untyped-call] # the library is typed in part
        self._own = own
        self._ends: TcpEnds | None = None

    def disconnect(self, *args: object) -> None:
        """Close the connection, if there is one."""
        super().disconnect(*args)  # type: ignore[no-untyped-call] # typed in part
        ends, self._ends = self._ends, None
        if ends is not None:
            self._own.closed(ends)

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


class _AnnouncedSSLConnection(SSLConnection, _AnnouncedConnection):
    """The same with TLS: `SSLConnection` wraps the socket that `_AnnouncedConnection` connects."""

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


@dataclass(frozen=True, slots=True)
class RemoteStore:
    """A store that is reached by its URL and not started by us."""

    url: StoreUrl
    connections: OwnConnections = field(default_factory=OwnConnections)

    @property
    def name(self) -> str:
        """Return the URL without credentials."""
        return str(self.url)

    def connect(self) -> Valkey:
        """Return a client that the store has answered; an embedded store of our own user lets it write."""
        try:
            return self._connected()
        except LastingStoreError:
            raise
        except StoreError as error:
            if not self.url.path and self._speaks_otherwise():
                raise LastingStoreError(f"{error}: {_OTHERWISE[self.url.tls]}") from error
            raise

    def _speaks_otherwise(self) -> bool:
        """Return whether the port speaks TLS although the URL has none, or the reverse.

        A server at a handshake without TLS, or at a command within TLS, waits for more or ends the connection, as it
        would for many other reasons. So the other way is tried.
        """
        probe = _AnnouncedConnection(
            own=self.connections, host=self.url.host, port=self.url.port, socket_timeout=1, socket_connect_timeout=1
        )
        try:
            with probe._connect() as connected:  # noqa: SLF001 - a method of ours
                if not self.url.tls:
                    with _trusting().wrap_socket(connected):
                        return True
                connected.sendall(b"PING\r\n")
                return connected.recv(1) in {b"+", b"-"}
        except (OSError, UnicodeError):
            return False

    def _connected(self) -> Valkey:
        url = self.url
        if url.path and not (url.username or url.password):
            return _as_agent(Path(url.path), self._pool, self.name)
        return _answered(self._pool(username=url.username, password=url.password), self.name)

    def _pool(self, **known: str | None) -> ConnectionPool:
        url = self.url
        options = _options() | {"db": url.database} | known
        if url.path:
            return ConnectionPool(connection_class=UnixDomainSocketConnection, path=url.path, **options)
        options |= {"host": url.host, "port": url.port, "own": self.connections}
        if not url.tls:
            return ConnectionPool(connection_class=_AnnouncedConnection, **options)
        return ConnectionPool(
            connection_class=_AnnouncedSSLConnection,
            ssl_ca_certs=url.ca_certs,
            ssl_certfile=url.certificate,
            ssl_keyfile=url.key,
            ssl_cert_reqs=url.certificate_check,
            ssl_check_hostname=url.certificate_check == "required",
            **options,
        )


@dataclass(frozen=True, slots=True)
class SocketStore:
    """A store behind a unix socket on this machine, such as the embedded store of another process."""

    path: Path

    @property
    def name(self) -> str:
        """Return the socket as a URL."""
        return f"unix://{self.path}"

    def connect(self) -> Valkey:
        """Return a client that the store has answered; an embedded store lets it only read."""
        return _answered(self._pool(), self.name)

    def connect_as_agent(self) -> Valkey:
        """Return a client that the store has answered; an embedded store of our own user lets it write."""
        return _as_agent(self.path, self._pool, self.name)

    def _pool(self, **known: str | None) -> ConnectionPool:
        return ConnectionPool(connection_class=UnixDomainSocketConnection, path=str(self.path), **_options() | known)

    def connections(self) -> frozenset[TcpEnds]:
        """Return no connections: a unix socket is not a TCP connection."""
        return frozenset()


def _trusting() -> ssl.SSLContext:
    """Return a context that trusts anyone, to find out whether a port speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _as_agent(socket: Path, pool: Callable[..., ConnectionPool], name: str) -> Valkey:
    """Return a client of the store at `socket`, with the rights of its agents if we may read their key."""
    if known := credentials(socket):
        try:
            return _answered(pool(**known), name)
        except StoreError as error:
            # A server that an older version started has no users; it is used as it would be without a key.
            if not isinstance(error.__cause__, AuthenticationError):
                raise
    return _answered(pool(), name)


def _options() -> dict[str, Any]:
    return {
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": ANSWER_TIMEOUT,
        "decode_responses": True,
        # A key that is not UTF-8 is not ours, but it must not raise.
        "encoding_errors": "replace",
        "client_name": "shodohflo",
        "lib_name": None,  # two commands less, which access rules may forbid
        "lib_version": None,
        "parser_class": BoundedParser,
    }


def _answered(pool: ConnectionPool, name: str) -> Valkey:
    client = Valkey.from_pool(pool)  # closing it closes the pool's connections
    try:
        with any_errors(name):
            if not client.ping():
                raise ValueError("something other than PONG")
    except StoreError:
        pool.disconnect()
        raise
    return client
