"""The URL of a store, as `--store` and `REDIS_SERVER` take it.

The forms are `redis://` and `valkey://` (TCP), `rediss://` and `valkeys://` (TLS), `unix://` (path of a socket), `host`
and `host:port`. `redis+sentinel://host,host/name` asks Sentinels for the primary of that name, and
`redis+cluster://host,host` finds a cluster by any of its nodes; both exist with `valkey`, `rediss` and `valkeys`, too.

Neither the text of a URL nor an error of this module ever contains a password. A password can stand anywhere in a
malformed URL, so errors quote nothing of it; and what could be a misplaced one is refused, because names of hosts,
paths and databases are shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from shodohflo.errors import ConfigurationError
from shodohflo.store.passwords import PasswordPlace, PasswordSource

DEFAULT_PORT: Final = 6379
SENTINEL_PORT: Final = 26379

MOST_PLACES: Final = 100
"""Hosts in one URL."""

_DIGITS: Final = 5
"""The most digits in the number of a database."""

_SEVERAL = ("@", "dns:")
"""How names of several stores begin; a host that is called dns and its port are written with a scheme."""
_TCP = {"redis", "valkey"}
_TLS = {"rediss", "valkeys"}
_UNIX = {"unix"}
_CERTIFICATE_CHECKS = {"required", "optional", "none"}
_TLS_OPTIONS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"}
_SENTINEL = "sentinel_"
"""Before the options `username` and those of passwords: what Sentinels ask for, which the store does not."""

_FORMS: Final = "write host, host:port, valkey://:password@host:port/database or unix:///path"


class StoreKind(StrEnum):
    """How a store is reached; the value is what a scheme has behind the +."""

    SINGLE = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return both as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A parsed URL; `str` returns it without credentials, for messages."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    """Of the store; of the first Sentinel or node, if there are several."""
    path: str = ""
    """The path of a unix socket; host and port are unused then. Empty for TCP."""
    database: int = 0
    username: str | None = None
    password: str | PasswordPlace | None = field(default=None, repr=False)
    tls: bool = False
    ca_certs: str | None = None
    """The file of certificate authorities to trust instead of the system's."""
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    certificate_check: str = "required"
    kind: StoreKind = StoreKind.SINGLE
    others: tuple[Endpoint, ...] = ()
    """Further Sentinels or nodes."""
    primary: str = ""
    """The name by which Sentinels know the store."""
    sentinel_username: str | None = None
    sentinel_password: str | PasswordPlace | None = field(default=None, repr=False)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the hosts in their order: the store, or its Sentinels or nodes."""
        return (Endpoint(self.host, self.port), *self.others)

    def __str__(self) -> str:
        """Return the URL without credentials and TLS options."""
        if self.path:
            return f"unix://{quote(self.path)}" + (f"?db={self.database}" if self.database else "")
        scheme = ("valkeys" if self.tls else "valkey") + (f"+{self.kind}" if self.kind else "")
        parts = (self.primary, str(self.database) if self.database else "")
        return "/".join((f"{scheme}://{','.join(map(str, self.endpoints))}", *filter(None, parts)))


def parse_url(text: str) -> StoreUrl:
    """Parse a URL, `host` or `host:port`; raise `ConfigurationError` if it is malformed."""
    try:
        return _parse(text.strip())
    except ValueError as error:
        raise ConfigurationError(f"URL of the store: {error}; {_FORMS}") from None


def _parse(text: str) -> StoreUrl:
    if len(text.split()) > 1:
        raise ValueError("it contains a space (write %20 in a path); readers take several stores, an agent one")
    if text.startswith(_SEVERAL):
        raise ValueError("readers take several stores, by @FILE or dns:NAME; an agent writes to one: name it")
    if "://" not in text:
        text = f"valkey://[{text}]" if _is_bare_ipv6(text) else f"valkey://{text}"
    parts = urlsplit(text)
    scheme, plus, kind = parts.scheme.partition("+")
    if scheme not in _TCP | _TLS | _UNIX or (plus and (scheme in _UNIX or kind not in {*StoreKind} - {""})):
        raise ValueError(
            "the scheme must be redis, rediss, valkey, valkeys or unix; +sentinel or +cluster may follow the first four"
        )
    if parts.fragment:
        raise ValueError("a # must be written %23")
    options = _options(parts, _known(scheme in _TLS, StoreKind(kind)))
    return _unix(parts, options) if scheme in _UNIX else _network(parts, options, scheme in _TLS, StoreKind(kind))


def _is_bare_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _known(tls: bool, kind: StoreKind) -> set[str]:  # noqa: FBT001 - private
    """Return the options that such a URL may have."""
    credentials = {"username", "password", *PasswordSource}
    known = credentials | (_TLS_OPTIONS if tls else set())
    if kind is StoreKind.SENTINEL:
        known |= {_SENTINEL + option for option in credentials}
    return known if kind is StoreKind.CLUSTER else known | {"db"}


def _options(parts: SplitResult, known: set[str]) -> dict[str, str]:
    given = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(given)
    if options.keys() - known:
        raise ValueError(f"an unknown option after the ? (known: {', '.join(sorted(known))}); write & in one as %26")
    if len(options) < len(given):
        raise ValueError("an option after the ? is there twice")
    return options


def _unix(parts: SplitResult, options: dict[str, str]) -> StoreUrl:
    if not parts.path.startswith("/") or parts.hostname:
        raise ValueError("a unix socket needs an absolute path, with three slashes: unix:///run/valkey.sock")
    if "@" in parts.path:
        raise ValueError("user and password come before the path, unix://user:password@/path; write @ in a path as %40")
    username, password = _credentials(parts, options)
    return StoreUrl(
        path=unquote(parts.path), database=_database(options.get("db", "0")), username=username, password=password
    )


def _network(parts: SplitResult, options: dict[str, str], tls: bool, kind: StoreKind) -> StoreUrl:  # noqa: FBT001 - as above
    check = options.get("ssl_cert_reqs", "required")
    if check not in _CERTIFICATE_CHECKS:
        raise ValueError(f"ssl_cert_reqs must be one of {', '.join(sorted(_CERTIFICATE_CHECKS))}")
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        raise ValueError("ssl_keyfile without an ssl_certfile")
    first, *others = _endpoints(parts, kind)
    username, password = _credentials(parts, options)
    primary, database = _path(parts, options, kind)
    sentinel_password = _password(options, _SENTINEL)
    sentinel_username = options.get(_SENTINEL + "username")
    if sentinel_username and not sentinel_password:
        raise ValueError("sentinel_username without a sentinel_password")
    return StoreUrl(
        host=first.host,
        port=first.port,
        others=tuple(others),
        kind=kind,
        primary=primary,
        database=database,
        username=username,
        password=password,
        sentinel_username=sentinel_username,
        sentinel_password=sentinel_password,
        tls=tls,
        ca_certs=options.get("ssl_ca_certs"),
        certificate=options.get("ssl_certfile"),
        key=options.get("ssl_keyfile"),
        certificate_check=check,
    )


def _endpoints(parts: SplitResult, kind: StoreKind) -> list[Endpoint]:
    """Return the hosts, of which there may be several unless the store is a single one."""
    known, _, hosts = parts.netloc.rpartition("@")
    if kind and "@" in known:
        raise ValueError("user and password stand once, before the first host; write @ in a password as %40")
    listed = hosts.split(",")
    if len(listed) > 1 and not kind:
        raise ValueError("several hosts are Sentinels, valkey+sentinel://, or nodes of a cluster, valkey+cluster://")
    if len(listed) > MOST_PLACES:
        raise ValueError(f"more than {MOST_PLACES} hosts")
    default = SENTINEL_PORT if kind is StoreKind.SENTINEL else DEFAULT_PORT
    return [_endpoint(urlsplit(f"//{each}"), default) for each in listed]


def _endpoint(parts: SplitResult, default: int) -> Endpoint:
    if not parts.hostname:
        raise ValueError("no host, or none between two commas")
    return Endpoint(checked_host(unquote(parts.hostname)), _port(parts, default))


def _path(parts: SplitResult, options: dict[str, str], kind: StoreKind) -> tuple[str, int]:
    """Return the name of the primary and the number of the database."""
    path = parts.path.strip("/")
    if kind is StoreKind.CLUSTER:
        if path not in {"", "0"}:
            raise ValueError("a cluster has no databases: write nothing after the hosts")
        return "", 0
    primary = ""
    if kind is StoreKind.SENTINEL:
        primary, _, path = unquote(path).partition("/")
        # The characters that Sentinel allows in a name.
        if not re.fullmatch(r"[A-Za-z0-9._-]+", primary):
            raise ValueError("after the Sentinels comes the name of their primary: valkey+sentinel://host,host2/name/0")
    return primary, _database(path or options.get("db", "0"))


def checked_host(host: str) -> str:
    """Return `host` if it has the form of a name or an address (RFC 1123, section 2.1; a zone follows after %)."""
    if not (re.fullmatch(r"[0-9a-fA-F:.]+(%[\w.-]+)?", host) if ":" in host else re.fullmatch(r"[\w.-]+", host)):
        raise ValueError("the host has a character that none has; write :, / and @ in a password as %3A, %2F and %40")
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("the host has a part that is empty or longer than 63 bytes between two dots") from None
    return host


def _port(parts: SplitResult, default: int) -> int:
    try:
        port = parts.port
    except ValueError:  # its message quotes the text, which may be the end of a password
        port = 0
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535; a password comes before the host, :password@host")
    return port or default


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise ValueError("the database must be a number; a password comes before the host, :password@host")
    return int(text)


def _credentials(parts: SplitResult, options: dict[str, str]) -> tuple[str | None, str | PasswordPlace | None]:
    username = unquote(parts.username) if parts.username else options.get("username")
    password = _password(options)
    if parts.password:
        if password:
            raise ValueError("two passwords: one before the host, and one after the ?")
        password = unquote(parts.password)
    if username and not password:
        raise ValueError("a user without a password; write :password@host if it is the password")
    return username, password


def _password(options: dict[str, str], prefix: str = "") -> str | PasswordPlace | None:
    """Return the password, or its place, of the options that begin with `prefix`."""
    given = [option for option in ("password", *PasswordSource) if prefix + option in options]
    if len(given) > 1:
        raise ValueError(f"more than one of {', '.join(prefix + option for option in given)}")
    if not given:
        return None
    value = options[prefix + given[0]]
    if given[0] == "password":
        return value or None
    place = PasswordPlace(PasswordSource(given[0]), value)
    place.check()
    return place
