"""Rows: one for each key, with the sums over the stores that have it.

`docs/reference/json.md` is generated from these classes and the docstrings of their fields.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Final

from shodohflo.keys import ProtocolSum
from shodohflo.model import Address, Network, address_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRow:
    """The fields of every row."""

    age: float | None
    """Seconds since the last packet; where a table has WRITTEN for AGE, since the key was last written; null in
    `replay` or if unknown."""
    expires_in: float | None
    """Seconds until the key expires; null if it does not, or without a store."""
    stores: tuple[str, ...]
    """The stores that have the key; empty in `replay`."""

    def as_dict(self) -> dict[str, object]:
        """Return the row as an object for JSON: its own fields first, then those of every row."""
        return {name: _plain(getattr(self, name)) for name in field_names(type(self))}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow(ListedRow):
    """The fields of every row with a count."""

    packets: int
    """Packets counted under the key."""


COMMON: Final = ("packets", *(each.name for each in fields(ListedRow)))
"""The fields that stand last in an object for JSON, in their order."""


def field_names(kind: type) -> tuple[str, ...]:
    """Return the names of the fields of a kind of row, or of a part of one, in the order of JSON objects."""
    return _field_names(kind)


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    names = [field.name for field in fields(kind)]
    common = [name for name in COMMON if name in names] if issubclass(kind, ListedRow) else []
    return (*(name for name in names if name not in common), *common)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow(KeyRow):
    """A flow: `client` uses the service at `service` on `port`.

    Readers of a store, `replay` and the live table have the same row.
    """

    client: Address
    """The end that uses the service."""
    service: Address
    """The end that provides the service."""
    port: int
    """The port of the service."""
    octets: int | None
    """Bytes of the network layer, headers included; null if the `detail` hash is gone."""
    first: float | None
    """When the first packet was received, in seconds since 1970; null if that hash is gone."""
    last: float | None
    """When the last packet was received, in seconds since 1970; null if that hash is gone."""
    protocols: tuple[ProtocolSum, ...]
    """The sums of each protocol; empty if that hash is gone."""
    rule: str
    """The rule that decided the last packet, such as `FLOW_MAPPING[3]`; empty if unknown."""
    sentence: str
    """The description of that rule at the time of the decision."""
    evidence: str
    """What said which end is the service when the last packet was decided: `handshake`, `guessed` and so on; empty if
    unknown."""
    corrected: float | None
    """When packets were moved here, because evidence showed that they had been written with client and service swapped;
    in seconds since 1970, null if none were."""
    agents: tuple[str, ...]
    """The agents that have seen the flow; empty in `replay`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisagreeingRow(FlowRow):
    """A flow of one store that another sensor records with client and service exchanged."""

    pair: int
    """The number of the pair of hosts, those with most packets first; its rows contradict each other."""
    contradicted: bool
    """Whether it is probably this row that is wrong: the other way round is proven, and this way is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRow(KeyRow):
    """The two ends of flows, whichever of them is the client."""

    address: Address
    """One end."""
    peer: Address
    """The other end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow(KeyRow):
    """A client of any recorded flow, reset or unreachable message."""

    client: Address
    """Its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconRow(KeyRow):
    """A reset or an unreachable message: `remote` refused `client`, or could not be reached."""

    kind: str
    """`rst` or `icmp`, as in the key."""
    client: Address
    """The address that was refused."""
    remote: Address
    """The address that refused, or could not be reached."""
    client_port: int
    """The port of the client."""
    remote_port: int
    """The port that was tried."""
    code: int | None
    """The code of the ICMP message; null for a reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow(ListedRow):
    """A service that answered, in the last 24 hours."""

    address: Address
    """Its address."""
    port: int
    """Its port."""
    protocol: str
    """`tcp` or `udp`."""
    evidence: str
    """The strongest evidence for it, such as `handshake`, or `handshake, one way` if one direction was seen; empty if
    unknown."""
    clients: int
    """Distinct addresses of clients; 1000 stands for that many or more."""
    first: float
    """When it was first seen as a service, in seconds since 1970."""
    last: float
    """When it was last seen as a service, in seconds since 1970."""
    new: bool
    """Whether it was first seen lately: within the time of `--new`, or an hour."""
    gone: bool
    """Whether it was not seen lately: for the time of `--gone`, or an hour."""
    agents: tuple[str, ...]
    """The agents that have seen it."""


@dataclass(frozen=True, slots=True)
class KnockTarget:
    """An end that was tried."""

    address: Address
    """Its address."""
    protocol: str
    """`tcp` or `udp`."""
    port: int
    """Its port."""
    last: float
    """By when it had been tried, in seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnockRow(ListedRow):
    """Attempts of one origin to reach ends in our networks that led to nothing."""

    kind: str = "knock"
    """`knock`."""
    origin: Network
    """The address that tried; a /24 or /64 if there were too many addresses to tell them apart."""
    refused: int
    """Attempts that were answered by a reset or an unreachable."""
    silent: int
    """Attempts that nothing followed."""
    hosts: int
    """Distinct addresses that were tried, counted up to a bound."""
    ports: int
    """Distinct ends (address, protocol and port) that were tried, counted up to a bound."""
    first: float
    """When the first attempt was made, in seconds since 1970."""
    last: float
    """When the last attempt was made, in seconds since 1970."""
    targets: tuple[KnockTarget, ...]
    """The first ends that were tried, at most 32."""
    agents: tuple[str, ...]
    """The agents that have seen it."""

    @property
    def attempts(self) -> int:
        """All attempts."""
        return self.refused + self.silent

    @property
    def is_many(self) -> bool:
        """Whether the attempts of many addresses are summed."""
        return self.origin.num_addresses > 1


@dataclass(frozen=True, slots=True)
class AgentRow:
    """The last heartbeat of an agent."""

    agent: str
    store: str
    age: float
    """Seconds since the heartbeat; a running agent writes one every 10 seconds."""
    fields: Mapping[str, str]

    @property
    def has_ended(self) -> bool:
        """Whether the agent said that it ended, with everything written or not."""
        return self.fields.get("state") in {"ended", "cut short"}

    def as_dict(self) -> dict[str, object]:
        """Return the row as an object for JSON."""
        return {"agent": self.agent, "store": self.store, "age": _plain(self.age), "fields": dict(self.fields)}


def network_text(network: Network) -> str:
    """Return a network as text; a single address without its length."""
    address = address_text(network.network_address)
    return address if network.num_addresses == 1 else f"{address}/{network.prefixlen}"


def order(address: Address) -> int:
    """Return a sort key for addresses: by family, then by number."""
    number = int(address)
    return number if address.version == _VERSION_4 else number | _FAMILY_6


_VERSION_4: Final = 4

_FAMILY_6: Final = 1 << 128
"""A bit above those of any address."""


def _plain(value: object) -> object:
    match value:
        case IPv4Address() | IPv6Address():
            return address_text(value)
        case float():
            return round(value, 6)
        case IPv4Network() | IPv6Network():
            return network_text(value)
        case tuple():
            return [_plain(part) for part in value]
        case ProtocolSum() | KnockTarget():
            return {name: _plain(getattr(value, name)) for name in field_names(type(value))}
        case _:
            return value
