"""Stores that can be connected to: by a URL, or by the path of a socket on this machine."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from valkey import ConnectionPool, UnixDomainSocketConnection, Valkey
from valkey.exceptions import AuthenticationError, NoPermissionError

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.store.access import credentials
from shodohflo.store.announced import AnnouncedConnection, AnnouncedSSLConnection, OwnConnections, TcpEnds
from shodohflo.store.bounded import BoundedParser
from shodohflo.store.failures import any_errors
from shodohflo.store.passwords import PasswordPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from valkey import Connection

    from shodohflo.store.urls import Endpoint, StoreUrl

CONNECT_TIMEOUT: Final = 5.0
ANSWER_TIMEOUT: Final = 10.0
"""Seconds, as is `CONNECT_TIMEOUT`; a write takes the store about 10 ms, but a store may pause to save its data."""

_SHOWN: Final = 3
"""Failures in one message."""


class Store(Protocol):
    """A store that can be connected to any number of times."""

    @property
    def name(self) -> str:
        """The name of the store in messages; it never contains a password."""

    def connect(self) -> Valkey:
        """Return a client that the store has answered, or raise a `StoreError` of one line."""

    def connections(self) -> frozenset[TcpEnds]:
        """Return our TCP connections to the store."""


def login(name: str, username: str | None, password: str | PasswordPlace | None) -> dict[str, str | None]:
    """Return the options of a connection to the store `name` for who it is; the password is read now.

    One that can't be read is a `LastingStoreError`.
    """
    try:
        return {"username": username, "password": password.read() if isinstance(password, PasswordPlace) else password}
    except ValueError as error:
        raise LastingStoreError(f"store {name}: {error}") from error


def joined_errors(name: str, failures: Sequence[StoreError]) -> StoreError:
    """Return one error for `failures` of several servers of the store `name`; it lasts if each of them does."""
    lasts = all(isinstance(each, LastingStoreError) for each in failures)
    texts = [str(each).removeprefix(f"store {name}: ") for each in failures]
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return (LastingStoreError if lasts else StoreError)(f"store {name}: {'; '.join(texts[:_SHOWN])}{more}")


@dataclass(frozen=True, slots=True)
class Entrance:
    """A way to connect to any server of a store: its TLS, and the list of our own connections."""

    url: StoreUrl
    own: OwnConnections
    plain: type[Connection] = AnnouncedConnection
    encrypted: type[Connection] = AnnouncedSSLConnection
    """The types of connections, without TLS and with it."""

    def client(self, endpoint: Endpoint, name: str, **options: Any) -> Valkey:  # noqa: ANN401 - the client library's
        """Return a client of the server at `endpoint` that it has answered, or raise a `StoreError` with `name`.

        `options` are those of the client library: user, password, database.
        """
        if self.url.tls:
            _check_files(self.url, name)
        try:
            return _answered(self._pool(endpoint, options), name)
        except LastingStoreError:
            raise
        except StoreError as error:
            if self._speaks_otherwise(endpoint):
                raise LastingStoreError(f"{error}: {self._otherwise}") from error
            raise

    def _pool(self, endpoint: Endpoint, options: dict[str, Any]) -> ConnectionPool:
        url = self.url
        options = _options() | {"host": endpoint.host, "port": endpoint.port, "own": self.own} | options
        if not url.tls:
            return ConnectionPool(connection_class=self.plain, **options)
        return ConnectionPool(
            connection_class=self.encrypted,
            ssl_ca_certs=url.ca_certs,
            ssl_certfile=url.certificate,
            ssl_keyfile=url.key,
            ssl_cert_reqs=url.certificate_check,
            ssl_check_hostname=url.certificate_check == "required",
            **options,
        )

    @property
    def _otherwise(self) -> str:
        """What to do about a store that does not speak TLS although the URL says so, or the reverse."""
        kind = f"+{self.url.kind}" if self.url.kind else ""
        plain, encrypted = f"valkey{kind}://", f"valkeys{kind}://"
        if self.url.tls:
            return f"the port does not speak TLS: write {plain} instead of {encrypted}, or the store's port for TLS"
        return f"the port speaks TLS only: write {encrypted} instead of {plain}, or the store's port without TLS"

    def _speaks_otherwise(self, endpoint: Endpoint) -> bool:
        """Return whether the port speaks TLS although the URL has none, or the reverse.

        A server at a handshake without TLS, or at a command within TLS, waits for more or ends the connection, as it
        would for many other reasons. So the other way is tried.
        """
        probe = AnnouncedConnection(
            own=self.own, host=endpoint.host, port=endpoint.port, socket_timeout=1, socket_connect_timeout=1
        )
        try:
            with probe.open_socket() as connected:
                if not self.url.tls:
                    with _trusting().wrap_socket(connected):
                        return True
                connected.sendall(b"PING\r\n")
                return connected.recv(1) in {b"+", b"-"}
        except (OSError, UnicodeError):
            return False


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
        client = self._client()
        try:
            with any_errors(self.name), suppress(NoPermissionError):
                # Of two slots. A node of a cluster would show readers only its part; like a Sentinel, it refuses this.
                client.mget("a", "b")
        except StoreError:
            client.connection_pool.disconnect()
            raise
        return client

    def _client(self) -> Valkey:
        url = self.url
        known = login(self.name, url.username, url.password)
        if not url.path:
            return Entrance(url, self.connections).client(url.endpoints[0], self.name, db=url.database, **known)
        if url.username or url.password:
            return _answered(self._socket_pool(**known), self.name)
        return _as_agent(Path(url.path), self._socket_pool, self.name)

    def _socket_pool(self, **known: str | None) -> ConnectionPool:
        options = _options() | {"db": self.url.database} | known
        return ConnectionPool(connection_class=UnixDomainSocketConnection, path=self.url.path, **options)


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


def _check_files(url: StoreUrl, name: str) -> None:
    """Raise a `LastingStoreError` with the file of a URL that TLS can't use; the error of TLS itself names none."""
    trial = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    place = ""
    try:
        if url.ca_certs is not None:
            place = f"ssl_ca_certs {url.ca_certs}"
            trial.load_verify_locations(url.ca_certs)
        if url.certificate is not None:
            place = f"ssl_certfile {url.certificate} with its key"
            trial.load_cert_chain(url.certificate, url.key, password="")  # instead of asking on the terminal
    except OSError as error:
        way_out = "let the user of this process read it, or name another file"
        raise LastingStoreError(f"store {name}: {place}: {error.strerror or error}: {way_out}") from error


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
