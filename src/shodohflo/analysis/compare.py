"""The difference between two configurations over the same packets, and the rules that cause it.

The keys and their counts come from two pipelines fed with the same frames, each with evidence of its own where its
rules ask for that. The reasons are the decisions of both on each conversation (`fates`) that they record differently,
after all corrections.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.analysis.fates import Fate, Fates
from shodohflo.attribution.ledger import Outcome
from shodohflo.columns.corrections import correct
from shodohflo.keys import counts, to_key
from shodohflo.model import FlowKey, Kind, Rung, rule_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shodohflo.attribution.pipeline import Pipeline, Watched
    from shodohflo.columns.corrections import Corrections
    from shodohflo.columns.frames import Frames
    from shodohflo.rules.mapping import FlowMapping


_OWN_KINDS: Final = (";flow", ";rst", ";icmp")
"""Endings of the keys that are not sums over other keys."""


class What(StrEnum):
    """The kinds of change."""

    EXCHANGED = "exchanged"
    """Client and service have changed places."""
    MOVED = "moved"
    """The packets are recorded under another key."""
    RECORDED = "newly recorded"
    DROPPED = "newly dropped"
    """A rule of the new configuration drops them."""
    LOST = "no longer recorded"
    """They are not recorded, and no rule drops them."""
    IGNORED = "newly ignored"
    NOT_IGNORED = "no longer ignored"
    """IGNORE_FLOW hides the flow, or no longer does; peers and client are recorded in both."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two configurations makes of the packets."""

    outcome: str
    key: str | None
    """The flow key, or None if they are not recorded under one."""
    rule: str
    """The deciding rule, as `FLOW_MAPPING[2]`; empty if no rule decided."""
    sentence: str
    """The description of that rule."""
    evidence: str = ""
    """What says which end is the service, as `Rung.word`; empty if no flow is recorded."""

    @classmethod
    def of(cls, fate: Fate, mapping: FlowMapping) -> Side:
        """Describe a fate with the rules of its configuration."""
        key = to_key(fate.key) if fate.key and fate.outcome == Outcome.FLOW else None
        if fate.rule is None:
            return cls(fate.outcome, key, "", "")
        sentence = mapping.rules[fate.rule].describe()
        return cls(fate.outcome, key, rule_place(fate.rule), sentence, fate.rung.word)

    def as_dict(self) -> dict[str, object]:
        """Return a JSON object."""
        return {
            "outcome": self.outcome,
            "key": self.key,
            "rule": self.rule or None,
            "sentence": self.sentence or None,
            "evidence": self.evidence or None,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """Packets that the two configurations record under different keys, or that only one of them records."""

    what: What
    packets: int
    old: Side
    new: Side

    def as_dict(self) -> dict[str, object]:
        """Return a JSON object."""
        sides = {"old": self.old.as_dict(), "new": self.new.as_dict()}
        return {"what": str(self.what), "packets": self.packets} | sides


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs between two configurations over some packets."""

    packets: int
    old: Mapping[str, int]
    new: Mapping[str, int]
    """The keys of each configuration, with their counts."""
    changes: tuple[Change, ...]
    """The change with most packets first."""

    @property
    def added(self) -> dict[str, int]:
        """The keys that only the new configuration has."""
        return {key: count for key, count in sorted(self.new.items()) if key not in self.old}

    @property
    def gone(self) -> dict[str, int]:
        """The keys that only the old configuration has."""
        return {key: count for key, count in sorted(self.old.items()) if key not in self.new}

    @property
    def recounted(self) -> dict[str, tuple[int, int]]:
        """The keys that both have, with different counts."""
        both = sorted(self.old.keys() & self.new.keys())
        return {key: (self.old[key], self.new[key]) for key in both if self.old[key] != self.new[key]}

    @property
    def inside(self) -> dict[str, tuple[int, int]]:
        """The keys of flows, resets and unreachables whose counts `changes` does not account for.

        They come from packets in tunnels that only one of the configurations decodes.
        """
        expected = Counter(self.old)
        for change in self.changes:
            for key, packets in ((change.old.key, -change.packets), (change.new.key, change.packets)):
                expected.update({key: packets} if key else {})
        keys = [key for key in sorted({*expected, *self.new}) if key.endswith(_OWN_KINDS)]
        return {
            key: (self.old.get(key, 0), self.new.get(key, 0)) for key in keys if expected[key] != self.new.get(key, 0)
        }

    @property
    def is_none(self) -> bool:
        """Whether both configurations record the same."""
        return self.old == self.new and not self.changes

    def as_dict(self) -> dict[str, object]:
        """Return a JSON object."""
        return {
            "packets": self.packets,
            "keys": {"old": len(self.old), "new": len(self.new)},
            "added": self.added,
            "gone": self.gone,
            "recounted": {key: list(pair) for key, pair in self.recounted.items()},
            "inside": {key: list(pair) for key, pair in self.inside.items()},
            "changes": [change.as_dict() for change in self.changes],
        }


class Comparison:
    """Two pipelines, fed with the same frames."""

    def __init__(self, old: Pipeline, new: Pipeline) -> None:
        """Compare over the frames ingested from now on."""
        self._old, self._new = old, new
        self._decided: tuple[list[Watched], list[Watched]] = ([], [])
        old.watcher, new.watcher = (decided.append for decided in self._decided)
        self._opens_the_same = old.policy.tunnels == new.policy.tunnels
        self._fates: Counter[tuple[Fate, Fate]] = Counter()

    def ingest(self, frames: Frames) -> None:
        """Decode `frames`; their memory may be reused afterwards."""
        self._old.ingest(frames)
        self._new.ingest(frames)
        self._compare()

    def _compare(self) -> None:
        """Compare what was decided since the last time; packets in tunnels only if both open the same."""
        old, new = ([each for each in some if self._opens_the_same or not each.is_inside] for some in self._decided)
        for some in self._decided:
            some.clear()
        for one, other in zip(old, new, strict=True):
            before, after = (Fates.follow(each.rows, each.decisions) for each in (one, other))
            differ = np.flatnonzero(before.differ(after) | before.may_change | after.may_change)
            pairs = zip(before.of(differ), after.of(differ), strict=True)
            for pair, packets in zip(pairs, one.rows.packets[differ].tolist(), strict=True):
                self._fates[pair] += packets

    def difference(self) -> Difference:
        """Return what differs; call it once, after the last frames."""
        packets, _ = self._old.settle().received, self._new.settle()
        self._compare()
        old_seen, new_seen = self._old.take(), self._new.take()
        corrections = self._old.take_corrections(), self._new.take_corrections()
        fates = _corrected(_corrected(self._fates, corrections[0], 0), corrections[1], 1)
        old_mapping, new_mapping = self._old.rules.mapping, self._new.rules.mapping
        changes = [
            Change(what(old, new), packets, Side.of(old, old_mapping), Side.of(new, new_mapping))
            for (old, new), packets in fates.items()
            if (old.key, old.outcome) != (new.key, new.outcome)
        ]
        changes.sort(key=lambda change: (-change.packets, str(change.old.key), str(change.new.key)))
        return Difference(
            packets=packets,
            old=counts(correct(old_seen, corrections[0])),
            new=counts(correct(new_seen, corrections[1])),
            changes=tuple(changes),
        )


def _corrected(fates: Counter[tuple[Fate, Fate]], corrections: Corrections, side: int) -> Counter[tuple[Fate, Fate]]:
    """Return pairs of fates after the corrections of one configuration: the old one is side 0, the new one side 1."""
    by_key: defaultdict[tuple[FlowKey | None, str], list[tuple[Fate, Fate]]] = defaultdict(list)
    for pair in fates:
        by_key[pair[side].key, pair[side].outcome].append(pair)
    moved = Counter(fates)
    for wrong, right, outcome, rung, packets in _moves(corrections):
        left = packets
        for pair in by_key[wrong, outcome]:
            some = min(left, moved[pair])
            fixed = pair[side].corrected(wrong, right, rung)
            target = (fixed, pair[1]) if side == 0 else (pair[0], fixed)
            if target not in moved:
                by_key[right, outcome].append(target)
            moved[pair] -= some
            moved[target] += some
            left -= some
    return +moved


def _moves(corrections: Corrections) -> Iterator[tuple[FlowKey, FlowKey, str, Rung, int]]:
    """Yield wrong key, right key, outcome, evidence and packets of each correction."""
    ends = zip(corrections.client.objects(), corrections.service.objects(), strict=True)
    ports = zip(corrections.port.tolist(), corrections.wrong_port.tolist(), strict=True)
    counted = zip(corrections.kind.tolist(), corrections.rung.tolist(), corrections.packets.tolist(), strict=True)
    for (client, service), (port, wrong_port), (kind, rung, packets) in zip(ends, ports, counted, strict=True):
        outcome = Outcome.FLOW if kind == Kind.FLOW else Outcome.FLOW_IGNORED
        yield FlowKey(service, client, wrong_port), FlowKey(client, service, port), outcome, Rung(rung), packets


def what(old: Fate, new: Fate) -> What:
    """Name the change from one fate to another."""
    if old.key is None:
        return What.RECORDED
    if new.key is None:
        return What.LOST if new.rule is None else What.DROPPED
    if new.key == old.key:
        return What.IGNORED if new.outcome == Outcome.FLOW_IGNORED else What.NOT_IGNORED
    exchanged = (new.key.client, new.key.service) == (old.key.service, old.key.client)
    return What.EXCHANGED if exchanged else What.MOVED
