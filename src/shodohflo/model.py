"""The words everything speaks: addresses, the five kinds of key, and the ends of a packet.

Plain and frozen, with no I/O and no arrays: what a row of the columns means.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Self

Address = IPv4Address | IPv6Address

SRC: Final = "src"
"""The end of a packet that sent it."""

DST: Final = "dst"
"""The end of a packet that it was sent to."""

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMPV6: Final = 58
"""Protocol numbers (IANA "Assigned Internet Protocol Numbers")."""

PROTOCOL_NAMES: Final = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}
"""The protocols we record, in the words of tables and `detail` hashes."""


class Kind(IntEnum):
    """What a packet was recorded as."""

    FLOW = 0
    """Under `flow`, `peer` and `client` keys."""
    FLOW_IGNORED = 1
    """An `IGNORE_FLOW` end: under `peer` and `client` keys only."""
    RESET = 2
    """Under `rst` and `client` keys."""
    UNREACHABLE = 3
    """Under `icmp` and `client` keys."""


class Explained(StrEnum):
    """Words of the ledger that bring their own explanation, for the reference pages."""

    explanation: str

    def __new__(cls, word: str, explanation: str) -> Self:
        """Be `word`, and know what it means."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.explanation = explanation
        return member


@dataclass(frozen=True, slots=True)
class FlowKey:
    """`client` talks to the service at `service`, on `port`."""

    client: Address
    service: Address
    port: int


@dataclass(frozen=True, slots=True)
class PeerKey:
    """Two ends of a flow, with no role said; every flow has its peers both ways round."""

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
    """Something told `client` that `remote` could not be reached; `code` says why.

    `code` is the ICMP type 3 code (RFC 792) or the ICMPv6 type 1 code (RFC 4443 section 3.1).
    """

    client: Address
    remote: Address
    client_port: int
    remote_port: int
    code: int


@dataclass(frozen=True, slots=True)
class ClientKey:
    """An address that was the client of something recorded."""

    client: Address


Key = FlowKey | PeerKey | ResetKey | UnreachableKey | ClientKey


def address_text(address: Address) -> str:
    """Write `address` as RFC 5952 text; IPv4-mapped ones end in dotted decimal (its section 5).

    `str` alone would not do: for mapped addresses its answer differs between Python versions.
    """
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(address) if mapped is None else f"::ffff:{mapped}"
