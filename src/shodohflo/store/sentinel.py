"""A store behind Sentinels: they are asked, at every connection, which server is the primary now.

So a failover is followed at the next connection, and there is one as soon as the old primary refuses a write: servers
that became replicas answer `READONLY`, which here is a connection that was lost. What Sentinels say is a hint; the
server itself must say that it is a primary (valkey.io, "Sentinel client spec").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from valkey.exceptions import ConnectionError as LostError
from valkey.exceptions import ReadOnlyError, ResponseError

from shodohflo.errors import LastingStoreError, StoreError, foreign_text
from shodohflo.store.announced import AnnouncedConnection, AnnouncedSSLConnection, OwnConnections
from shodohflo.store.connection import Entrance, joined_errors, login
from shodohflo.store.failures import any_errors
from shodohflo.store.urls import Endpoint, checked_host

if TYPE_CHECKING:
    from valkey import Valkey

    from shodohflo.store.urls import StoreUrl

SENTINEL_TIMEOUT: Final = 2.0
"""Seconds for a Sentinel to answer, before the next one is asked."""

_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)

_WAYS_OUT: Final = {
    re.compile(pattern, re.IGNORECASE): way_out
    for pattern, way_out in {
        r"authentication required|NOAUTH": "it asks for a password: name its file with ?sentinel_password_file=PATH",
        r"invalid (username|password)|WRONGPASS|user is disabled": "correct sentinel_username and sentinel_password",
        r"without any password configured|no password is set": "it has no password: leave sentinel_password out",
        r"unknown command": "no Sentinel listens there: correct host and port, or write valkey:// for a store",
    }.items()
}
"""The way out of a failure that lasts, by what a Sentinel said."""


class _FollowingConnection(AnnouncedConnection):
    """A connection that is lost when the server at its other end is no primary any more."""

    def read_response(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        """Return the next answer."""
        try:
            return super().read_response(*args, **options)  # type: ignore[no-untyped-call] # typed in part
        except ResponseError as error:
            # Before Redis 7, the error in a script has it further behind.
            if not isinstance(error, ReadOnlyError) and "-READONLY" not in str(error):
                raise
        # Raised outside of the block: that it was a replica is no cause that lasts.
        self.disconnect()
        raise LostError("it is a replica now; the Sentinels are asked again for the primary")


class _FollowingSSLConnection(AnnouncedSSLConnection, _FollowingConnection):
    """The same with TLS."""


@dataclass(frozen=True, slots=True)
class SentinelStore:
    """The primary that Sentinels know by a name."""

    url: StoreUrl
    connections: OwnConnections = field(default_factory=OwnConnections)
    _order: list[Endpoint] = field(default_factory=list)
    """The Sentinel that answered last, to be asked first."""

    @property
    def name(self) -> str:
        """Return the URL without credentials."""
        return str(self.url)

    def connect(self) -> Valkey:
        """Return a client of the primary; the Sentinels are asked in turn until one names a server that is it."""
        known = login(self.name, self.url.username, self.url.password)
        asks = login(self.name, self.url.sentinel_username, self.url.sentinel_password)
        failures: list[StoreError] = []
        tried: set[Endpoint] = set()
        for sentinel in dict.fromkeys((*self._order, *self.url.endpoints)):
            try:
                primary = self._ask(sentinel, asks)
                if primary in tried:
                    continue
                tried.add(primary)
                client = self._primary(primary, known)
            except StoreError as error:
                failures.append(error)
                continue
            self._order[:] = [sentinel]
            return client
        raise joined_errors(self.name, failures)

    def _ask(self, sentinel: Endpoint, asks: dict[str, str | None]) -> Endpoint:
        """Return where `sentinel` says that the primary is."""
        name = f"{self.name}: Sentinel {sentinel}"
        limits = {"socket_connect_timeout": SENTINEL_TIMEOUT, "socket_timeout": SENTINEL_TIMEOUT}
        entrance = Entrance(self.url, self.connections)
        try:
            with any_errors(name), entrance.client(sentinel, name, **limits, **asks) as client:
                answer = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.url.primary)
        except StoreError as error:
            raise _in_words(name, error) from error
        if answer is None:
            raise LastingStoreError(
                f"store {name}: it knows no primary of that name: write one that SENTINEL PRIMARIES (or MASTERS) lists"
            )
        return _checked(name, answer)

    def _primary(self, endpoint: Endpoint, known: dict[str, str | None]) -> Valkey:
        """Return a client of the server at `endpoint` if it says that it is a primary."""
        name = f"{self.name}: primary {endpoint}"
        entrance = Entrance(self.url, self.connections, _FollowingConnection, _FollowingSSLConnection)
        client = entrance.client(endpoint, name, db=self.url.database, **known)
        try:
            with any_errors(name):
                _demand_primary(client.execute_command("ROLE"))  # type: ignore[no-untyped-call] # typed in part
        except StoreError:
            client.connection_pool.disconnect()
            raise
        return client


def _demand_primary(role: Any) -> None:  # noqa: ANN401 - anything at all
    """Raise an error unless `role` is the answer of a primary to ROLE."""
    if not (isinstance(role, list) and role and role[0] == "master"):
        raise LostError("the server is not a primary yet, or not any more")


def _checked(name: str, answer: Any) -> Endpoint:  # noqa: ANN401 - anything at all
    """Return the host and port that a Sentinel answered, if they are such."""
    match answer:
        case [str(host), str(port)] if _PORT.fullmatch(port) and 0 < int(port) < 1 << 16:
            try:
                return Endpoint(checked_host(host), int(port))
            except ValueError:
                pass
    raise StoreError(f"store {name}: its answer is no address: {foreign_text(repr(answer), 100)}")


def _in_words(name: str, error: StoreError) -> StoreError:
    """Return `error` of a Sentinel with the way out that helps there, not with that for a store."""
    said = str(error.__cause__ or error)
    for pattern, way_out in _WAYS_OUT.items():
        if pattern.search(said):
            return LastingStoreError(f"store {name}: {foreign_text(said).rstrip('.')}: {way_out}")
    return error
