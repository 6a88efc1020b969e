"""The grammar of the keys, both ways, and what is counted under each of them.

Other programs read these keys: fields are separated by `;`, addresses are RFC 5952 text, ports decimal.
Pure: no client, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.grouping import group_by
from shodohflo.model import (
    PROTOCOL_NAMES,
    Address,
    ClientKey,
    FlowKey,
    Key,
    Kind,
    PeerKey,
    ResetKey,
    UnreachableKey,
    address_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.observations import Observations

DETAIL: Final = "detail;"
"""Begins the key of a hash with what else is known of a flow."""

AGENT: Final = "agent;"
"""Begins the key of a hash with an agent's counters and heartbeat."""

WRITER: Final = "writer;"
"""Begins the key of the number of the write that a writer wrote last."""

_FLOW: Final = "%s;%s;%d;flow"
_RESET: Final = "%s;%s;%d:%d;rst"
_UNREACHABLE: Final = "%s;%s;%d:%d;%d;icmp"
_PEER: Final = "%s;%s;peer"
_CLIENT: Final = "client;%s"
_DETAIL: Final = DETAIL + "%s;%s;%d"


@dataclass(frozen=True, slots=True)
class Detail:
    """What a `detail` hash is told of a flow by one row: of one protocol, decided by one rule."""

    key: str
    protocol: str
    packets: int
    octets: int
    first: int
    last: int
    """In ns since 1970."""
    rule: int
    sentence: str
    """The rule in words, as it was when it decided; may be empty."""


def to_key(key: Key) -> str:
    """Write `key` as the store has it."""
    match key:
        case FlowKey(client, service, port):
            return _FLOW % (address_text(client), address_text(service), port)
        case PeerKey(address, peer):
            return _PEER % (address_text(address), address_text(peer))
        case ResetKey(client, remote, client_port, remote_port):
            return _RESET % (address_text(client), address_text(remote), client_port, remote_port)
        case UnreachableKey(client, remote, client_port, remote_port, code):
            return _UNREACHABLE % (address_text(client), address_text(remote), client_port, remote_port, code)
        case ClientKey(client):
            return _CLIENT % address_text(client)


def from_key(text: str) -> Key | None:
    """Read what `to_key` wrote; `None` for any other text, because a store holds other people's keys too."""
    try:
        return _parse(text.split(";"))
    except ValueError:
        return None


def detail_key(key: FlowKey) -> str:
    """Name the `detail` hash of a flow."""
    return _DETAIL % (address_text(key.client), address_text(key.service), key.port)


def _parse(fields: list[str]) -> Key | None:
    match fields:
        case [client, service, port, "flow"]:
            return FlowKey(_address(client), _address(service), _number(port, 0xFFFF))
        case [address, peer, "peer"]:
            return PeerKey(_address(address), _address(peer))
        case [client, remote, ports, "rst"]:
            return ResetKey(_address(client), _address(remote), *_ports(ports))
        case [client, remote, ports, code, "icmp"]:
            return UnreachableKey(_address(client), _address(remote), *_ports(ports), _number(code, 0xFF))
        case ["client", client]:
            return ClientKey(_address(client))
        case _:
            return None


# One spelling for each key: another spelling of an address or a number is somebody else's key.
@lru_cache(maxsize=1 << 16)
def _address(text: str) -> Address:
    address = ip_address(text)
    if address_text(address) != text or "%" in text:
        raise ValueError("not as we write it")
    return address


def _number(text: str, largest: int) -> int:
    number = int(text)
    if str(number) != text or not 0 <= number <= largest:
        raise ValueError("not as we write it")
    return number


def _ports(text: str) -> tuple[int, int]:
    client_port, remote_port = text.split(":")
    return _number(client_port, 0xFFFF), _number(remote_port, 0xFFFF)


def counts(observations: Observations) -> dict[str, int]:
    """Return the packets to be added under every key that `observations` are recorded under."""
    # Everything is summed by number first: each distinct key is written once, and each address's text once.
    ends = _Ends.of(observations)
    counted: dict[str, int] = {}
    for keys, packets in (
        _counts_of(Kind.FLOW, _FLOW, ["port"], ends),
        _counts_of(Kind.RESET, _RESET, ["client_port", "port"], ends),
        _counts_of(Kind.UNREACHABLE, _UNREACHABLE, ["client_port", "port", "code"], ends),
        _counts_of_peers(ends),
        _counts_of_clients(ends),
    ):
        counted.update(zip(keys, packets, strict=True))
    return counted


def details(observations: Observations, rule_texts: Sequence[str] = ()) -> list[Detail]:
    """Return what the `detail` hashes are told of the flows; `rule_texts` are the rules in words."""
    flows = observations[observations.kind == Kind.FLOW]
    ends = _Ends.of(flows)
    names = zip(ends.client.tolist(), ends.remote.tolist(), flows.port.tolist(), strict=True)
    keys = [_DETAIL % (ends.texts[client], ends.texts[service], port) for client, service, port in names]
    protocols = [PROTOCOL_NAMES.get(number, str(number)) for number in flows.protocol.tolist()]
    numbers = (column.tolist() for column in (flows.packets, flows.octets, flows.first, flows.last, flows.rule))
    rules = [rule_texts[rule] if rule < len(rule_texts) else "" for rule in flows.rule.tolist()]
    return list(map(Detail, keys, protocols, *numbers, rules))


@dataclass(frozen=True, slots=True)
class _Ends:
    """Observations with the ends of each row as numbers into the texts of the distinct addresses."""

    observations: Observations
    texts: list[str]
    client: NDArray[np.int32]
    remote: NDArray[np.int32]

    @classmethod
    def of(cls, observations: Observations) -> _Ends:
        both = Addresses.concatenate([observations.client, observations.remote])
        groups = group_by([both.version.astype(np.uint64), both.high, both.low])
        client, remote = np.split(groups.group, 2)
        return cls(observations, both[groups.leaders].texts(), client, remote)


def _counts_of(kind: Kind, template: str, columns: list[str], ends: _Ends) -> tuple[list[str], list[int]]:
    """Sum the rows of one kind under their own keys: both ends, then `columns`."""
    rows = ends.observations.kind == kind
    rest = [getattr(ends.observations, column)[rows] for column in columns]
    by = [ends.client[rows], ends.remote[rows], *rest]
    (clients, remotes, *numbers), packets = _sums(ends.observations.packets[rows], by)
    texts = ends.texts
    named = zip([texts[i] for i in clients], [texts[i] for i in remotes], *numbers, strict=True)
    return [template % row for row in named], packets


def _counts_of_peers(ends: _Ends) -> tuple[list[str], list[int]]:
    """Sum the flows under their peers, both ways round; an address that talks with itself has one key."""
    rows = (ends.observations.kind == Kind.FLOW) | (ends.observations.kind == Kind.FLOW_IGNORED)
    client, remote = ends.client[rows], ends.remote[rows]
    by = [np.minimum(client, remote), np.maximum(client, remote)]
    (lower, higher), packets = _sums(ends.observations.packets[rows], by)
    texts = ends.texts
    pairs = list(zip([texts[i] for i in lower], [texts[i] for i in higher], strict=True))
    return [_PEER % pair for pair in pairs] + [_PEER % (peer, address) for address, peer in pairs], packets * 2


def _counts_of_clients(ends: _Ends) -> tuple[list[str], list[int]]:
    """Sum all rows under their clients."""
    (clients,), packets = _sums(ends.observations.packets, [ends.client])
    return [_CLIENT % ends.texts[client] for client in clients], packets


def _sums(packets: NDArray[np.int64], by: list[NDArray[Any]]) -> tuple[list[list[int]], list[int]]:
    """Return the distinct rows of the columns `by`, as columns, and the packets of each."""
    groups = group_by([column.astype(np.uint64) for column in by])
    return [column[groups.leaders].tolist() for column in by], groups.sum(packets).tolist()
