"""What the stores remember of one key: `shodohflo explain --key`."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from shodohflo.cli.readers import opened
from shodohflo.errors import ConfigurationError, ShodohfloError
from shodohflo.keys import from_key
from shodohflo.model import ClientKey, FlowKey, Key, PeerKey, ResetKey, UnreachableKey, address_text
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Reader
from shodohflo.query.rows import FlowRow, KeyRow
from shodohflo.report.numbers import age_text, port_name, size_text, unreachable_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.model import Address

Recalled = tuple[list[str], dict[str, object]]
"""For people, and for scripts."""


def recall(text: str, urls: Sequence[str], now: float) -> Recalled:
    """Ask the stores for the key written `text`; `now` in seconds since 1970."""
    key = from_key(text)
    if key is None:
        raise ConfigurationError(f"{text!r} is no key of ours; write one like '10.0.0.1;8.8.8.8;53;flow'")
    row = _find(Reader(opened(urls)), key, now)
    if row is None:
        raise ShodohfloError(f"no store has the key {text}: it was never written, or it has expired")
    return [text, *(f"  {name:<10}  {value}" for name, value in _lines(key, row, now))], {"key": text} | row.as_dict()


def _find(reader: Reader, key: Key, now: float) -> KeyRow | None:
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
    """Find the one row of those between both ends that has the key's ports and code."""
    code = key.code if isinstance(key, UnreachableKey) else None
    rows = reader.recon(Filter(_only(key.client), _only(key.remote))).rows
    wanted = (key.client_port, key.remote_port, code)
    return [row for row in rows if (row.client_port, row.remote_port, row.code) == wanted]


def _only(address: Address) -> tuple[Any]:
    return (ip_network(address),)


def _lines(key: Key, row: KeyRow, now: float) -> Iterator[tuple[str, str]]:
    """Yield what is known, by name."""
    yield from _meant(key)
    yield "packets", f"{row.packets:,}"
    if isinstance(row, FlowRow):
        yield from _remembered(row, now)
    elif row.age is not None:
        yield "refreshed", f"{age_text(row.age)} ago"
    if row.expires_in is not None:
        yield "expires", f"in {age_text(row.expires_in)}"
    yield "stores", ", ".join(row.stores)


def _meant(key: Key) -> Iterator[tuple[str, str]]:
    match key:
        case FlowKey(client, service, port):
            name = port_name(port)
            yield "client", address_text(client)
            yield "service", f"{address_text(service)}, port {port}{f' ({name})' if name else ''}"
        case PeerKey(address, peer):
            yield "address", address_text(address)
            yield "peer", address_text(peer)
        case ClientKey(client):
            yield "client", address_text(client)
        case ResetKey(client, remote, client_port, remote_port):
            yield "client", f"{address_text(client)}, port {client_port}"
            yield "reset by", f"{address_text(remote)}, port {remote_port}"
        case UnreachableKey(client, remote, client_port, remote_port, code):
            yield "client", f"{address_text(client)}, port {client_port}"
            yield "wanted", f"{address_text(remote)}, port {remote_port}"
            yield "told", unreachable_name(code, client.version)


def _remembered(row: FlowRow, now: float) -> Iterator[tuple[str, str]]:
    """Yield what the `detail` hash adds."""
    for protocol in row.protocols:
        yield protocol.protocol, f"{protocol.packets:,} packets, {size_text(protocol.octets)}"
    for name, seconds in (("first seen", row.first), ("last seen", row.last)):
        if seconds is not None:
            yield name, f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC, {age_text(now - seconds)} ago"
    if row.agents:
        yield "agents", ", ".join(row.agents)
    if row.rule:
        yield "decided by", f"{row.rule}, as it was then: {row.sentence}" if row.sentence else row.rule
