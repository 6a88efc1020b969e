"""The vocabulary of all packages: addresses, the five kinds of key, and the ends of a packet.

Frozen values without I/O and without arrays: the meaning of one row of the columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SRC: Final = "src"
"""The sending end of a packet."""

DST: Final = "dst"
"""The receiving end of a packet."""

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMPV6: Final = 58
"""Protocol numbers (IANA "Assigned Internet Protocol Numbers")."""

PROTOCOL_NAMES: Final = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}
"""The recorded protocols, as tables and `detail` hashes name them."""


_RULE: Final = re.compile(r"FLOW_MAPPING\[([0-9]{1,5})\]", re.ASCII)


class Kind(IntEnum):
    """The kind of key under which a packet was recorded."""

    FLOW = 0
    """Under `flow`, `peer` and `client` keys."""
    FLOW_IGNORED = 1
    """An `IGNORE_FLOW` end: under `peer` and `client` keys only."""
    RESET = 2
    """Under `rst` and `client` keys."""
    UNREACHABLE = 3
    """Under `icmp` and `client` keys."""


class Explained(StrEnum):
    """A word of the ledger with its explanation, from which the reference pages are made."""

    explanation: str

    def __new__(cls, word: str, explanation: str) -> Self:
        """Make a member equal to `word` that carries its explanation."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.explanation = explanation
        return member


@dataclass(frozen=True, slots=True)
class FlowKey:
    """`client` uses the service at `service` on `port`."""

    client: Address
    service: Address
    port: int


@dataclass(frozen=True, slots=True)
class PeerKey:
    """Two ends of a flow without their roles; each flow has this key in both directions."""

    address: Address
    peer: Address


@dataclass(frozen=True, slots=True)
class ResetKey:
    """`remote` answered `client` with a TCP reset."""

    client: Address
    remote: Address
    client_port: int
    remote_port: int


@dataclass(frozen=True, slots=True)
class UnreachableKey:
    """An ICMP message to `client`: `remote` could not be reached, for the reason `code`.

    `code` is the ICMP type 3 code (RFC 792) or the ICMPv6 type 1 code (RFC 4443 section 3.1).
    """

    client: Address
    remote: Address
    client_port: int
    remote_port: int
    code: int


@dataclass(frozen=True, slots=True)
class ClientKey:
    """The client of any recorded flow, reset or unreachable message."""

    client: Address


Key = FlowKey | PeerKey | ResetKey | UnreachableKey | ClientKey


def address_text(address: Address) -> str:
    """Return `address` as RFC 5952 text; an IPv4-mapped one ends in dotted decimal (section 5).

    The result of `str` differs between Python versions for mapped addresses.
    """
    if isinstance(address, IPv4Address):
        return _text_4(int(address))
    return _text_6(int(address)) if address.scope_id is None else str(address)


# A table has many rows and few addresses. Numbers are looked up faster than address objects.
@lru_cache(maxsize=1 << 15)
def _text_4(number: int) -> str:
    return str(IPv4Address(number))


@lru_cache(maxsize=1 << 15)
def _text_6(number: int) -> str:
    address = IPv6Address(number)
    mapped = address.ipv4_mapped
    return str(address) if mapped is None else f"::ffff:{mapped}"


def covers(outer: Network, inner: Network) -> bool:
    """Return whether `outer` contains all of `inner`, which is so for a network and itself; never across families."""
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type] # one family


def rule_place(number: int) -> str:
    """Return the place of a rule in a configuration, as logs, tables, JSON and the store name it."""
    return f"FLOW_MAPPING[{number}]"


def entry_place(number: int) -> str:
    """Return the place of an entry of the networks in a configuration."""
    return f"NETWORK_ENUMERATION[{number}]"


def rule_number(place: str) -> int | None:
    """Return the number of the rule that `rule_place` writes as `place`, or None."""
    found = _RULE.fullmatch(place)
    return int(found[1]) if found else None
