"""The flows of observations as the rows that a reader of a store returns, for replays and the live table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shodohflo.keys.detail import FlowDetail, ProtocolSum
from shodohflo.model import PROTOCOL_NAMES, FlowKey, Kind, Rung, rule_place
from shodohflo.query.details import sum_protocols
from shodohflo.query.sums import flow_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.columns.observations import Observations
    from shodohflo.model import Address
    from shodohflo.query.rows import FlowRow

_PROTOCOL, _RULE, _RUNG, _PACKETS, _OCTETS, _FIRST, _LAST = range(7)
"""Indexes into a part of a flow: the packets of one protocol that one rule decided by one rung of evidence."""

_NS: Final = 1e9


def flow_rows(observations: Observations, sentences: Sequence[str] = ()) -> list[FlowRow]:
    """Return the flows of `observations`, those with most packets first.

    `sentences` are the descriptions of the rules, by number. If several rules or several kinds of evidence decided
    packets of a flow, the row has those of the last packet, as in a store. Fields that only a store has are empty:
    `age` and `expires_in` are None.
    """
    flows: dict[tuple[Address, Address, int], list[tuple[int, ...]]] = {}
    for key, part in _parts(observations):
        flows.setdefault(key, []).append(part)
    rows = [_row(key, parts, sentences) for key, parts in flows.items()]
    return sorted(rows, key=lambda row: (-row.packets, str(row.client), str(row.service), row.port))


def _parts(observations: Observations) -> Iterator[tuple[tuple[Address, Address, int], tuple[int, ...]]]:
    flows = observations[observations.kind == Kind.FLOW]
    keys = zip(flows.client.objects(), flows.remote.objects(), flows.port.tolist(), strict=True)
    columns = (flows.protocol, flows.rule, flows.rung, flows.packets, flows.octets, flows.first, flows.last)
    return zip(keys, zip(*(column.tolist() for column in columns), strict=True), strict=True)


def _row(key: tuple[Address, Address, int], parts: Sequence[tuple[int, ...]], sentences: Sequence[str]) -> FlowRow:
    latest = max(parts, key=lambda part: part[_LAST])
    rule = latest[_RULE]
    detail = FlowDetail(
        first=min(part[_FIRST] for part in parts) / _NS,
        last=max(part[_LAST] for part in parts) / _NS,
        protocols=sum_protocols(
            ProtocolSum(PROTOCOL_NAMES[part[_PROTOCOL]], part[_PACKETS], part[_OCTETS]) for part in parts
        ),
        rule=rule_place(rule),
        sentence=sentences[rule] if rule < len(sentences) else "",
        evidence=Rung(latest[_RUNG]).word,
        agents=(),
    )
    packets = sum(part[_PACKETS] for part in parts)
    return flow_row(FlowKey(*key), detail, {"packets": packets, "age": None, "expires_in": None, "stores": ()})
