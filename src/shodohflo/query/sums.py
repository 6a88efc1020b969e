"""Sums of rows: the clients and peers of given flows, and several rows of one flow joined into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from shodohflo.keys.detail import FlowDetail
from shodohflo.model import FlowKey
from shodohflo.query.details import join_details
from shodohflo.query.rows import ClientRow, FlowRow, KeyRow, ListedRow, PeerRow

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

Row = TypeVar("Row", bound=KeyRow)


def clients_of(flows: Iterable[FlowRow]) -> tuple[ClientRow, ...]:
    """Return the clients of `flows`, with the packets of these flows only."""
    return _gathered(flows, lambda row: row.client, lambda row, common: ClientRow(client=row.client, **common))


def peers_of(flows: Iterable[FlowRow]) -> tuple[PeerRow, ...]:
    """Return the pairs of ends of `flows`, the client first, with the packets of these flows only."""
    return _gathered(
        flows,
        lambda row: (row.client, row.service),
        lambda row, common: PeerRow(address=row.client, peer=row.service, **common),
    )


def join_flows(rows: Sequence[FlowRow]) -> FlowRow:
    """Return the sum of several rows of the same flow; the rule is the one that decided last."""
    first = rows[0]
    detail = join_details([_detail(row) for row in rows])
    return flow_row(FlowKey(first.client, first.service, first.port), detail, common_fields(rows))


def _detail(row: FlowRow) -> FlowDetail:
    return FlowDetail(
        first=row.first,
        last=row.last,
        protocols=row.protocols,
        rule=row.rule,
        sentence=row.sentence,
        evidence=row.evidence,
        corrected=row.corrected,
        agents=row.agents,
    )


def flow_row(key: FlowKey, detail: FlowDetail, common: Mapping[str, Any]) -> FlowRow:
    """Return the row of a flow, made from its detail and the common fields."""
    return FlowRow(
        client=key.client,
        service=key.service,
        port=key.port,
        octets=detail.octets,
        first=detail.first,
        last=detail.last,
        protocols=detail.protocols,
        rule=detail.rule,
        sentence=detail.sentence,
        evidence=detail.evidence,
        corrected=detail.corrected,
        agents=detail.agents,
        **common,
    )


def _gathered(
    flows: Iterable[FlowRow],
    key_of: Callable[[FlowRow], Hashable],
    make: Callable[[FlowRow, dict[str, Any]], Row],
) -> tuple[Row, ...]:
    by_key: dict[Hashable, list[FlowRow]] = {}
    for row in flows:
        by_key.setdefault(key_of(row), []).append(row)
    return tuple(make(rows[0], common_fields(rows)) for rows in by_key.values())


def common_fields(parts: Sequence[KeyRow]) -> dict[str, Any]:
    """Return the fields of `KeyRow` for the sum of `parts`.

    Its age is the lowest one. It expires with the last part: never, if one of them never expires.
    """
    return {"packets": sum(part.packets for part in parts), **lasting_fields(parts)}


def lasting_fields(parts: Sequence[ListedRow]) -> dict[str, Any]:
    """Return the fields of `ListedRow` for the sum of `parts`, as `common_fields` does."""
    expiries = [part.expires_in for part in parts]
    return {
        "age": min((part.age for part in parts if part.age is not None), default=None),
        "expires_in": None if None in expiries else max(expiry for expiry in expiries if expiry is not None),
        "stores": tuple(dict.fromkeys(store for part in parts for store in part.stores)),
    }
