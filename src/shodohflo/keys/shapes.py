"""Shapes: the names of the fields in a `detail` hash, worked out once for all hashes with the same names. Pure.

A store has many flows and few shapes: what an agent writes about a UDP flow always has these names in this order.

    packets.udp octets.udp first last rule sentence evidence agent.bert

`Shape` knows where each value is, so nothing but values is left to be parsed. It parses what is flawless; all else is
left to `FlowDetail.from_fields`, with the same result for what both can parse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from shodohflo.keys.detail import (
    CORRECTED,
    EVIDENCE,
    FIRST,
    LAST,
    OCTETS,
    PACKETS,
    RULE,
    SEEN_BY,
    SENTENCE,
    FlowDetail,
    ProtocolSum,
    parse_evidence,
    shared,
)
from shodohflo.keys.values import is_protocol, parse_count, parse_time

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST: Final = 1_024
"""Characters of all names of a shape: those of any program are remembered, so they are bounded."""

_SINGLE: Final = (FIRST, LAST, RULE, SENTENCE)
"""The names of every shape."""

_OPTIONAL: Final = (EVIDENCE, CORRECTED)
"""The names that a shape may have: an agent of an earlier version writes no evidence, and few flows are corrected."""


def parse_detail(names: Sequence[str], values: Sequence[str]) -> FlowDetail:
    """Parse the fields of one hash as `FlowDetail.from_fields` does."""
    shape = _shape(tuple(names)) if sum(map(len, names)) <= _LARGEST else None
    parsed = shape.parse(values) if shape else None
    return FlowDetail.from_fields(dict(zip(names, values, strict=True))) if parsed is None else parsed


@dataclass(frozen=True, slots=True)
class Shape:
    """The places of the values of a hash that has all fields of ours and no others."""

    protocols: tuple[tuple[str, int, int], ...]
    """Each protocol with the places of its packets and its bytes, in alphabetical order."""
    single: tuple[int, ...]
    """The places of the values that `_SINGLE` names."""
    optional: tuple[int | None, ...]
    """The places of the values that `_OPTIONAL` names; None for a name that the shape does not have."""
    agents: tuple[str, ...]

    @classmethod
    def of(cls, names: tuple[str, ...]) -> Shape | None:
        """Return the shape of a hash with the fields `names`, or None if it is not one that an agent writes."""
        places = {name: place for place, name in enumerate(names)}
        protocols = sorted(name.removeprefix(PACKETS) for name in names if name.startswith(PACKETS))
        agents = tuple(sorted(name.removeprefix(SEEN_BY) for name in names if name.startswith(SEEN_BY)))
        counters = [prefix + protocol for protocol in protocols for prefix in (PACKETS, OCTETS)]
        optional = [name for name in _OPTIONAL if name in places]
        expected = {*counters, *_SINGLE, *optional, *(SEEN_BY + agent for agent in agents)}
        if len(places) < len(names) or expected != places.keys() or not all(map(is_protocol, protocols)):
            return None
        sums = tuple((protocol, places[PACKETS + protocol], places[OCTETS + protocol]) for protocol in protocols)
        return cls(sums, tuple(places[name] for name in _SINGLE), tuple(map(places.get, _OPTIONAL)), agents)

    def parse(self, values: Sequence[str]) -> FlowDetail | None:
        """Return the detail with these values, or None if one of them is malformed."""
        sums = []
        for protocol, packets_at, octets_at in self.protocols:
            packets, octets = parse_count(values[packets_at]), parse_count(values[octets_at])
            if packets is None or octets is None:
                return None
            sums.append(ProtocolSum(protocol, packets, octets))
        first_at, last_at, rule_at, sentence_at = self.single
        first, last = parse_time(values[first_at]), parse_time(values[last_at])
        rule, sentence = shared(values[rule_at]), shared(values[sentence_at])
        evidence_at, corrected_at = self.optional
        evidence = "" if evidence_at is None else parse_evidence(values[evidence_at])
        corrected = None if corrected_at is None else parse_time(values[corrected_at])
        if first is None or last is None or rule is None or sentence is None or evidence is None:
            return None
        if corrected is None and corrected_at is not None:
            return None
        return FlowDetail(first, last, tuple(sums), rule, sentence, self.agents, 0, evidence, corrected)


_shape: Final = lru_cache(maxsize=1024)(Shape.of)
