"""The flows of observations as the rows that a store's reader gets: for replays and the live table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shodohflo.keys.detail import ProtocolSum
from shodohflo.model import PROTOCOL_NAMES, Kind, rule_place
from shodohflo.query.rows import FlowRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.columns.observations import Observations
    from shodohflo.model import Address

_PROTOCOL, _RULE, _PACKETS, _OCTETS, _FIRST, _LAST = range(6)
"""The places in a part of a flow: what one rule decided of one protocol."""

_NS: Final = 1e9


def flow_rows(observations: Observations, sentences: Sequence[str] = ()) -> list[FlowRow]:
    """Return the flows of `observations`, those with most packets first.

    `sentences` are the rules in words, by number. Where several rules decided packets of a flow, the row has the rule
    of the last packet, as in a store. The fields that only a store knows are empty: `age` and `expires_in` are None.
    """
    flows: dict[tuple[Address, Address, int], list[tuple[int, ...]]] = {}
    for key, part in _parts(observations):
        flows.setdefault(key, []).append(part)
    rows = [_row(key, parts, sentences) for key, parts in flows.items()]
    return sorted(rows, key=lambda row: (-row.packets, str(row.client), str(row.service), row.port))


def _parts(observations: Observations) -> Iterator[tuple[tuple[Address, Address, int], tuple[int, ...]]]:
    flows = observations[observations.kind == Kind.FLOW]
    keys = zip(flows.client.objects(), flows.remote.objects(), flows.port.tolist(), strict=True)
    columns = (flows.protocol, flows.rule, flows.packets, flows.octets, flows.first, flows.last)
    return zip(keys, zip(*(column.tolist() for column in columns), strict=True), strict=True)


def _row(key: tuple[Address, Address, int], parts: Sequence[tuple[int, ...]], sentences: Sequence[str]) -> FlowRow:
    client, service, port = key
    rule = max(parts, key=lambda part: part[_LAST])[_RULE]
    protocols: dict[str, Any] = {}
    for part in parts:
        packets, octets = protocols.get(PROTOCOL_NAMES[part[_PROTOCOL]], (0, 0))
        protocols[PROTOCOL_NAMES[part[_PROTOCOL]]] = packets + part[_PACKETS], octets + part[_OCTETS]
    return FlowRow(
        client=client,
        service=service,
        port=port,
        octets=sum(part[_OCTETS] for part in parts),
        first=min(part[_FIRST] for part in parts) / _NS,
        last=max(part[_LAST] for part in parts) / _NS,
        protocols=tuple(ProtocolSum(name, *protocols[name]) for name in sorted(protocols)),
        rule=rule_place(rule),
        sentence=sentences[rule] if rule < len(sentences) else "",
        agents=(),
        packets=sum(part[_PACKETS] for part in parts),
        age=None,
        expires_in=None,
        stores=(),
    )
