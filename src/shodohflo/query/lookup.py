"""Lookup of the row of one key in the stores."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from shodohflo.keys import knock_key
from shodohflo.model import PROTOCOL_NAMES, ClientKey, FlowKey, Key, PeerKey, ResetKey, UnreachableKey
from shodohflo.query.filters import Filter
from shodohflo.query.services import Lately

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.model import Address, End, Network
    from shodohflo.query.reader import Reader
    from shodohflo.query.rows import KeyRow, KnockRow, ServiceRow


def find_service(reader: Reader, end: End, now: float) -> ServiceRow | None:
    """Return the row of a service, or None if no store has it; `now` in seconds since 1970."""
    protocols = frozenset({PROTOCOL_NAMES[end.protocol]})
    wanted = Filter(services=_only(end.address), ports=frozenset({end.port}), protocols=protocols)
    return next(iter(reader.services(wanted, Lately(), now).rows), None)


def find_origin(reader: Reader, origin: Network, now: float) -> KnockRow | None:
    """Return the row of an origin of knocks, or None if no store has it; `now` in seconds since 1970."""
    return next(iter(reader.knocks(Filter(), now, knock_key(origin)).rows), None)


def find_row(reader: Reader, key: Key, now: float) -> KeyRow | None:
    """Return the row of `key`, or None if no store has it; `now` in seconds since 1970."""
    found: Sequence[KeyRow]
    match key:
        case FlowKey(client, service, port):
            found = reader.flows(Filter(_only(client), _only(service), frozenset({port})), now).rows
        case PeerKey(address, peer):
            found = reader.peers(Filter(_only(address), _only(peer))).rows
        case ClientKey(client):
            found = reader.clients(Filter(_only(client))).rows
        case ResetKey() | UnreachableKey():
            found = _recon(reader, key)
    return found[0] if found else None


def _recon(reader: Reader, key: ResetKey | UnreachableKey) -> Sequence[KeyRow]:
    """Return the row with the ends, ports and code of `key`, or nothing."""
    code = key.code if isinstance(key, UnreachableKey) else None
    kinds = frozenset({"rst" if code is None else "icmp"})
    rows = reader.recon(Filter(_only(key.client), _only(key.remote), kinds=kinds)).rows
    wanted = (key.client_port, key.remote_port, code)
    return [row for row in rows if (row.client_port, row.remote_port, row.code) == wanted]


def _only(address: Address) -> tuple[Any]:
    return (ip_network(address),)
