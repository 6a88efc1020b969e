"""A fan-out: stores by one name in DNS, whose PTR records name their hosts.

    stores.example.net.  PTR  bert.example.org.
    stores.example.net.  PTR  ernie.example.org.

`dns:stores.example.net` stands for both. After `dns:` comes the address of a store in any form that has a host, and
each target takes the place of the host: `dns:valkeys://reader:secret@stores.example.net:6380/1`. As elsewhere (gRPC,
RFC 4501), a DNS server stands before the name: `dns://192.0.2.53/stores.example.net`; by default, the system's are
asked.

Whatever DNS answers is checked before it is used. The library is imported only if there is such a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from shodohflo.errors import ConfigurationError, StoreError, foreign_text
from shodohflo.store.urls import StoreUrl, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dns.resolver import Resolver

PREFIX: Final = "dns:"

PATIENCE: Final = 5.0
"""Seconds for an answer, all servers and attempts together."""

MOST_HOSTS: Final = 1_000
"""A name has one PTR record for each store; DNS itself allows some thousands."""

_PORT: Final = 53
_HOST: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*", re.IGNORECASE | re.ASCII)
"""The name of a host (RFC 1123, section 2.1), with the underscores that some have."""

_MEANT: Final = "write dns:NAME, dns:NAME:PORT/DATABASE, dns:valkeys://:PASSWORD@NAME, or dns://SERVER/NAME"


@dataclass(frozen=True, slots=True)
class NameServer:
    """A DNS server."""

    address: str
    port: int = _PORT

    def __str__(self) -> str:
        """Return it as it stands in a fan-out."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return host if self.port == _PORT else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class FanOut:
    """A name that stands for stores; `str` returns it without credentials, for messages."""

    pattern: StoreUrl
    """The address of each store, with the name in DNS for its host."""
    server: NameServer | None = None
    """The only DNS server to ask; None for those of the system."""

    def __str__(self) -> str:
        """Return the name, and the server if one was named."""
        return f"{PREFIX}//{self.server}/{self.pattern.host}" if self.server else f"{PREFIX}{self.pattern.host}"


@dataclass(frozen=True, slots=True)
class FoundStores:
    """The stores that a name stands for."""

    urls: tuple[StoreUrl, ...]
    """By the name of the host, each host once."""
    refused: tuple[StoreError, ...]
    """One for each target that cannot be a host."""


def parse_fan_out(text: str) -> FanOut:
    """Parse what begins with `dns:`; raise `ConfigurationError` if it is malformed, without quoting a password."""
    rest, server = text.strip().removeprefix(PREFIX), None
    if rest.startswith("//"):
        named, _, rest = rest.removeprefix("//").partition("/")
        server = _name_server(named)
    if not rest:
        raise ConfigurationError(f"stores by DNS: there is no name to ask for: {_MEANT}")
    if rest.isdecimal():
        raise ConfigurationError(f"stores by DNS: {rest} is no name; a host that is called dns is valkey://dns:{rest}")
    pattern = parse_url(rest)
    if pattern.path or pattern.others or _is_address(pattern.host):
        what = "a socket has no name in DNS" if pattern.path else "it has an address where the name belongs"
        what = "one name belongs there, not several" if pattern.others else what
        raise ConfigurationError(f"stores by DNS: {what}: {_MEANT}")
    return FanOut(pattern, server)


def find_stores(fan_out: FanOut) -> FoundStores:
    """Ask DNS for the stores of a fan-out; raise a `StoreError` of one line if there is no usable answer."""
    targets = _targets(fan_out)
    if len(targets) > MOST_HOSTS:
        raise StoreError(
            f"store {fan_out}: DNS names {len(targets):,} hosts, but at most {MOST_HOSTS:,} are asked: correct its PTR"
            " records"
        )
    hosts = [target for target in targets if _HOST.fullmatch(target)]
    others = (
        StoreError(
            f"store {fan_out}: DNS names '{foreign_text(target)}', which is no name of a host: correct that PTR record"
        )
        for target in targets
        if target not in set(hosts)
    )
    return FoundStores(tuple(replace(fan_out.pattern, host=host) for host in hosts), tuple(others))


def _name_server(text: str) -> NameServer:
    """Parse the address of a DNS server, perhaps with a port."""
    try:
        parts = urlsplit(f"//{text}")
        address = str(ip_address(parts.hostname or ""))
        port = _PORT if parts.port is None else parts.port
        if parts.username is None and port > 0:
            return NameServer(address, port)
    except ValueError:
        pass
    raise ConfigurationError(
        "stores by DNS: between // and / stands the address of a DNS server, as in dns://192.0.2.53/NAME or"
        f" dns://[2001:db8::53]:5353/NAME; {_MEANT}"
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _targets(fan_out: FanOut) -> list[str]:
    """Return the targets of the PTR records, in order and each once, without the dot at the end."""
    import dns.exception  # noqa: PLC0415 - needed only here
    import dns.resolver  # noqa: PLC0415 - as above

    try:
        answer = _resolver(fan_out.server).resolve(
            fan_out.pattern.host, "PTR", search=True, lifetime=PATIENCE, raise_on_no_answer=True
        )
        return _distinct(record.target.to_text(omit_final_dot=True) for record in answer)
    except dns.resolver.NXDOMAIN as error:
        told = "there is no such name in DNS: correct it, or give it PTR records that name the hosts of the stores"
        raise StoreError(f"store {fan_out}: {told}") from error
    except dns.resolver.NoAnswer as error:
        told = "the name has no PTR records in DNS: give it some that name the hosts of the stores"
        raise StoreError(f"store {fan_out}: {told}") from error
    except dns.resolver.NoResolverConfiguration as error:
        told = "/etc/resolv.conf names no DNS server: name one, as in dns://192.0.2.53/NAME"
        raise StoreError(f"store {fan_out}: {told}") from error
    except dns.exception.Timeout as error:
        told = (
            f"no answer from DNS for {PATIENCE:.0f} seconds: try again, or name a server, as in dns://192.0.2.53/NAME"
        )
        raise StoreError(f"store {fan_out}: {told}") from error
    except (dns.exception.DNSException, OSError, ValueError) as error:  # a name that is none is a ValueError
        told = f"{foreign_text(str(error)).rstrip('.')}: try again, or name another server, as in dns://192.0.2.53/NAME"
        raise StoreError(f"store {fan_out}: DNS: {told}") from error


def _resolver(server: NameServer | None) -> Resolver:
    import dns.resolver  # noqa: PLC0415 - needed only here

    if server is None:
        return dns.resolver.Resolver()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [server.address]
    resolver.port = server.port
    return resolver


def _distinct(targets: Iterable[str]) -> list[str]:
    return sorted({target.lower() for target in targets})
