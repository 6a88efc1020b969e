"""Sums of rows: clients and peers of given flows, and several rows of one flow as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from shodohflo.keys.detail import ProtocolSum
from shodohflo.query.rows import ClientRow, FlowRow, KeyRow, PeerRow

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

Row = TypeVar("Row", bound=KeyRow)


def clients_of(flows: Iterable[FlowRow]) -> tuple[ClientRow, ...]:
    """Return the clients of `flows`, with the packets of these flows only."""
    return _gathered(flows, lambda row: row.client, lambda row, common: ClientRow(client=row.client, **common))


def peers_of(flows: Iterable[FlowRow]) -> tuple[PeerRow, ...]:
    """Return the ends of `flows`, the client as the first of each pair."""
    return _gathered(
        flows,
        lambda row: (row.client, row.service),
        lambda row, common: PeerRow(address=row.client, peer=row.service, **common),
    )


def join_flows(rows: Sequence[FlowRow]) -> FlowRow:
    """Return several rows of the same flow as one; the rule is the one that decided last."""
    latest = max(rows, key=lambda row: row.last or 0.0)
    octets = [row.octets for row in rows if row.octets is not None]
    return replace(
        latest,
        octets=sum(octets) if octets else None,
        first=min((row.first for row in rows if row.first is not None), default=None),
        protocols=_protocols(protocol for row in rows for protocol in row.protocols),
        agents=tuple(sorted({agent for row in rows for agent in row.agents})),
        **_common(rows),
    )


def _protocols(parts: Iterable[ProtocolSum]) -> tuple[ProtocolSum, ...]:
    """Add up the sums of each protocol, in alphabetical order."""
    sums: dict[str, ProtocolSum] = {}
    for part in parts:
        before = sums.get(part.protocol, ProtocolSum(part.protocol, 0, 0))
        sums[part.protocol] = ProtocolSum(part.protocol, before.packets + part.packets, before.octets + part.octets)
    return tuple(sums[name] for name in sorted(sums))


def _gathered(
    flows: Iterable[FlowRow],
    key_of: Callable[[FlowRow], Hashable],
    make: Callable[[FlowRow, dict[str, Any]], Row],
) -> tuple[Row, ...]:
    by_key: dict[Hashable, list[FlowRow]] = {}
    for row in flows:
        by_key.setdefault(key_of(row), []).append(row)
    return tuple(make(rows[0], _common(rows)) for rows in by_key.values())


def _common(rows: Sequence[KeyRow]) -> dict[str, Any]:
    """Return the fields of `KeyRow` for several rows together."""
    expiries = [row.expires_in for row in rows]
    return {
        "packets": sum(row.packets for row in rows),
        "age": min((row.age for row in rows if row.age is not None), default=None),
        "expires_in": None if None in expiries else max(expiry for expiry in expiries if expiry is not None),
        "stores": tuple(dict.fromkeys(store for row in rows for store in row.stores)),
    }
