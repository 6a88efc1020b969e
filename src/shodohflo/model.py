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

PORT_PROTOCOLS: Final = {PROTOCOL_NAMES[number]: number for number in (UDP, TCP)}
"""The numbers of the recorded protocols that have ports, by name."""

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


class Rung(IntEnum):
    """What says which end of a flow is the service: a rung of the ladder of evidence, strongest first, or a rule."""

    NONE = 0
    """For what is no flow."""
    OWN_SOCKET = 1
    """The kernel of this host: the socket of the local end listens, or is one of a client."""
    GROUP = 2
    """The other end is a multicast group or a broadcast address."""
    HANDSHAKE = 3
    """The opening segments of the flow itself (TCP)."""
    BITS = 4
    """A request or a response, by the first bytes of the flow's own datagrams (UDP)."""
    KNOWN = 5
    """One end was a service, or a client, in other flows that showed it in both directions."""
    CHURN = 6
    """One address used several of its ports with this end, in conversations seen both ways (TCP)."""
    LISTED = 7
    """One port, and only one, is in the list of ports of services."""
    CLAIMED = 8
    """As `KNOWN`, by flows of which one direction was seen; anybody can forge it."""
    ROLES = 9
    """One address was only ever a client, or only ever a service, in flows that showed it."""
    ONE_WAY_CHURN = 10
    """As `CHURN`, where one direction was seen; anybody can forge it."""
    GUESSED = 11
    """No evidence: the `otherwise` of `Observed`, or a rule about ports."""
    RULE = 12
    """The operator's word: a rule that looks at no port, or a custom action."""

    @property
    def word(self) -> str:
        """The name as people, JSON and the store have it: `one-way churn`; empty for `NONE`."""
        return _RUNG_WORDS.get(self, self.name.lower().replace("_", " "))

    @property
    def is_proof(self) -> bool:
        """Whether it is strong enough to correct what a weaker one has written."""
        return Rung.NONE < self <= Rung.KNOWN


_RUNG_WORDS: Final = {Rung.NONE: "", Rung.ONE_WAY_CHURN: "one-way churn"}

RUNGS: Final = {rung.word: rung for rung in Rung if rung.word}
"""Every rung by its word."""


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
class End:
    """One end of a flow."""

    address: Address
    protocol: int
    """`TCP` or `UDP`."""
    port: int


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """What is known of a service that answered."""

    end: End
    first: int
    """When it was first seen as a service, in ns since 1970, as is `last`."""
    last: int
    rung: Rung
    """The strongest evidence for it."""
    clients: int
    """Distinct addresses of clients, counted up to `MOST_CLIENTS`."""
    claimed: bool = False
    """Whether one direction of the evidence was seen, which anybody can forge."""


MOST_CLIENTS: Final = 1_000
"""So many clients of a service are told apart; more are this many."""


@dataclass(frozen=True, slots=True)
class Knock:
    """Attempts of one origin to reach ends in our networks that led to nothing; all since the origin was first seen."""

    origin: Network
    """One address, or the /24 or /64 of many, where there were too many to tell them apart."""
    first: int
    """When the first attempt was made, in ns since 1970, as is `last`."""
    last: int
    refused: int
    """Attempts answered by a reset or an unreachable."""
    silent: int
    """Attempts that nothing followed within 10 seconds."""
    hosts: int
    """Distinct addresses that were tried, counted up to a bound."""
    ports: int
    """Distinct ends that were tried, counted up to a bound."""
    targets: tuple[End, ...] = ()
    """Some of the ends that were tried, the first ones."""


@dataclass(frozen=True, slots=True)
class RuleGrade:
    """How often evidence contradicted what one rule about ports says, over the flows that had evidence."""

    rule: int
    """The rule, numbered from 0 as in `FLOW_MAPPING`."""
    graded: int
    """Flows that showed client and service by evidence that `is_proof`, and about which the rule has an opinion."""
    disagreed: int
    """Those of them where the rule takes the client for the service."""
    worst_port: int = 0
    """The port of the services that the rule most often took for clients; 0 also stands for ports summed up."""
    worst_graded: int = 0
    """The flows with a service on that port, as `graded`."""
    worst_disagreed: int = 0
    """The flows with a service on that port, as `disagreed`."""


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
