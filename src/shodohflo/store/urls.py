"""The URL of a store, as `--store` and `REDIS_SERVER` take it.

The forms are `redis://` and `valkey://` (TCP), `rediss://` and `valkeys://` (TLS), `unix://` (path of a socket), `host`
and `host:port`. Neither the text of a URL nor an error of this module ever contains a password. A password can stand
anywhere in a malformed URL, so errors quote nothing of it; and what could be a misplaced one is refused, because names
of hosts, paths and databases are shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from shodohflo.errors import ConfigurationError

DEFAULT_PORT: Final = 6379

_DIGITS: Final = 5
"""The most digits in the number of a database."""

_SEVERAL = ("@", "dns:")
"""How names of several stores begin; a host that is called dns and its port are written with a scheme."""
_TCP = {"redis", "valkey"}
_TLS = {"rediss", "valkeys"}
_UNIX = {"unix"}
_CERTIFICATE_CHECKS = {"required", "optional", "none"}
_TLS_OPTIONS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"}
_OPTIONS = {"db", "username", "password"}


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A parsed URL; `str` returns it without credentials, for messages."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    path: str = ""
    """The path of a unix socket; host and port are unused then. Empty for TCP."""
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_certs: str | None = None
    """The file of certificate authorities to trust instead of the system's."""
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    certificate_check: str = "required"

    def __str__(self) -> str:
        """Return the URL without credentials and TLS options."""
        database = f"/{self.database}" if self.database else ""
        if self.path:
            return f"unix://{quote(self.path)}" + (f"?db={self.database}" if self.database else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'valkeys' if self.tls else 'valkey'}://{host}:{self.port}{database}"


def parse_url(text: str) -> StoreUrl:
    """Parse a URL, `host` or `host:port`; raise `ConfigurationError` if it is malformed."""
    try:
        return _parse(text.strip())
    except ValueError as error:
        raise ConfigurationError(
            f"URL of the store: {error}; write host, host:port, valkey://:password@host:port/database or unix:///path"
        ) from None


def _parse(text: str) -> StoreUrl:
    if len(text.split()) > 1:
        raise ValueError("it contains a space (write %20 in a path); readers take several stores, an agent one")
    if text.startswith(_SEVERAL):
        raise ValueError("readers take several stores, by @FILE or dns:NAME; an agent writes to one: name it")
    if "://" not in text:
        text = f"valkey://[{text}]" if _is_bare_ipv6(text) else f"valkey://{text}"
    parts = urlsplit(text)
    if parts.scheme not in _TCP | _TLS | _UNIX:
        raise ValueError("the scheme must be redis, rediss, valkey, valkeys or unix")
    if parts.fragment:
        raise ValueError("a # must be written %23")
    options = _options(parts)
    return _unix(parts, options) if parts.scheme in _UNIX else _network(parts, options)


def _is_bare_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = _OPTIONS | (_TLS_OPTIONS if parts.scheme in _TLS else set())
    unknown = options.keys() - known
    if unknown:
        raise ValueError(f"an unknown option after the ? (known: {', '.join(sorted(known))}); write & in one as %26")
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


def _network(parts: SplitResult, options: dict[str, str]) -> StoreUrl:
    if not parts.hostname:
        raise ValueError("no host")
    check = options.get("ssl_cert_reqs", "required")
    if check not in _CERTIFICATE_CHECKS:
        raise ValueError(f"ssl_cert_reqs must be one of {', '.join(sorted(_CERTIFICATE_CHECKS))}")
    username, password = _credentials(parts, options)
    return StoreUrl(
        host=_host(unquote(parts.hostname)),
        port=_port(parts),
        database=_database(parts.path.strip("/") or options.get("db", "0")),
        username=username,
        password=password,
        tls=parts.scheme in _TLS,
        ca_certs=options.get("ssl_ca_certs"),
        certificate=options.get("ssl_certfile"),
        key=options.get("ssl_keyfile"),
        certificate_check=check,
    )


def _host(host: str) -> str:
    """Check the form of a name or an address of a host (RFC 1123, section 2.1; a zone follows an address after %)."""
    if not (re.fullmatch(r"[0-9a-fA-F:.]+(%[\w.-]+)?", host) if ":" in host else re.fullmatch(r"[\w.-]+", host)):
        raise ValueError("the host has a character that none has; write :, / and @ in a password as %3A, %2F and %40")
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("the host has a part that is empty or longer than 63 bytes between two dots") from None
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:  # its message quotes the text, which may be the end of a password
        port = 0
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535; a password comes before the host, :password@host")
    return port or DEFAULT_PORT


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise ValueError("the database must be a number; a password comes before the host, :password@host")
    return int(text)


def _credentials(parts: SplitResult, options: dict[str, str]) -> tuple[str | None, str | None]:
    username = unquote(parts.username) if parts.username else options.get("username")
    password = unquote(parts.password) if parts.password else options.get("password")
    if username and not password:
        raise ValueError("a user without a password; write :password@host if it is the password")
    return username, password
