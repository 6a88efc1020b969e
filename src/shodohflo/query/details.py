"""Sums of the `detail` hashes that several stores have for one flow. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shodohflo.keys import FlowDetail, ProtocolSum

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def join_details(several: Sequence[FlowDetail]) -> FlowDetail:
    """Return the sum of several details of one flow; the rule and the evidence are those with the latest `last`."""
    latest = max(several, key=lambda one: one.last or 0.0)
    return FlowDetail(
        first=min((one.first for one in several if one.first is not None), default=None),
        last=latest.last,
        protocols=sum_protocols(protocol for one in several for protocol in one.protocols),
        rule=latest.rule,
        sentence=latest.sentence,
        evidence=latest.evidence,
        corrected=max((one.corrected for one in several if one.corrected is not None), default=None),
        agents=tuple(sorted({agent for one in several for agent in one.agents})),
        malformed=sum(one.malformed for one in several),
    )


def sum_protocols(parts: Iterable[ProtocolSum]) -> tuple[ProtocolSum, ...]:
    """Return the sums of `parts` by protocol, in alphabetical order."""
    packets: Counter[str] = Counter()
    octets: Counter[str] = Counter()
    for part in parts:
        packets[part.protocol] += part.packets
        octets[part.protocol] += part.octets
    return tuple(ProtocolSum(name, packets[name], octets[name]) for name in sorted(packets))
