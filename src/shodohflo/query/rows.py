"""What a reader gets: one row for each key, summed up over the stores that have it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from shodohflo.keys import ProtocolSum
from shodohflo.model import Address, address_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """What is known of every key."""

    packets: int
    age: float | None
    """Seconds since it was last seen; `None` where the store doesn't say."""
    expires_in: float | None
    """Seconds until it is forgotten; `None` for never."""
    stores: tuple[str, ...]
    """The stores that have it."""

    def as_dict(self) -> dict[str, object]:
        """Return the row as JSON takes it, what it is about first."""
        common = [field.name for field in fields(KeyRow)]
        own = [field.name for field in fields(self) if field.name not in common]
        return {name: _plain(getattr(self, name)) for name in (*own, *common)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow(KeyRow):
    """`client` talks to the service at `service`, on `port`; the rest is unknown where no detail is kept."""

    client: Address
    service: Address
    port: int
    octets: int | None
    first: float | None
    last: float | None
    protocols: tuple[ProtocolSum, ...]
    rule: str
    """The rule that decided last, as `FLOW_MAPPING[3]`."""
    sentence: str
    """The rule in words, as it was when it decided."""
    agents: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRow(KeyRow):
    """Two ends of flows, whichever of them is the client."""

    address: Address
    peer: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow(KeyRow):
    """An address that was the client of something."""

    client: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconRow(KeyRow):
    """`remote` refused `client`, or could not be reached by it."""

    kind: str
    """`rst` or `icmp`, as in the key."""
    client: Address
    remote: Address
    client_port: int
    remote_port: int
    code: int | None
    """Why it could not be reached: the code of the ICMP message."""


@dataclass(frozen=True, slots=True)
class AgentRow:
    """The last words of an agent."""

    agent: str
    store: str
    age: float
    """Seconds since it spoke; a live agent does so every few seconds."""
    fields: Mapping[str, str]

    def as_dict(self) -> dict[str, object]:
        """Return the row as JSON takes it."""
        return {"agent": self.agent, "store": self.store, "age": _plain(self.age), "fields": dict(self.fields)}


def order(address: Address) -> tuple[int, int]:
    """Sort addresses by family, then by number."""
    return address.version, int(address)


def _plain(value: object) -> object:
    match value:
        case IPv4Address() | IPv6Address():
            return address_text(value)
        case float():
            return round(value, 6)
        case tuple():
            return [_plain(part) for part in value]
        case ProtocolSum() if is_dataclass(value):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        case _:
            return value
