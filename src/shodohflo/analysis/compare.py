"""What would change: two configurations over the same packets, and which rules make the difference.

Which keys there are and how often is what two pipelines say. Why they differ is found by asking both about each
conversation whose keys are not the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.analysis.fates import Fate, Fates
from shodohflo.attribution.ledger import Outcome
from shodohflo.attribution.pipeline import BLOCK, Pipeline
from shodohflo.attribution.policy import CompiledPolicy
from shodohflo.columns.merging import merge_packets
from shodohflo.keys import counts, to_key
from shodohflo.model import rule_place
from shodohflo.wire.decode import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shodohflo.columns.batch import Batch
    from shodohflo.columns.frames import Frames
    from shodohflo.rules.mapping import FlowMapping


_OWN_KINDS: Final = (";flow", ";rst", ";icmp")
"""Ends of the keys that are not merely sums over others."""


class What(StrEnum):
    """What happened to packets."""

    EXCHANGED = "exchanged"
    """Client and service are exchanged."""
    MOVED = "moved"
    """They are recorded under another key."""
    RECORDED = "newly recorded"
    DROPPED = "newly dropped"
    """By a rule."""
    LOST = "no longer recorded"
    """Not by a rule."""
    IGNORED = "newly ignored"
    NOT_IGNORED = "no longer ignored"
    """By IGNORE_FLOW: the flow, but not its peers and its client."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the configurations made of them."""

    outcome: str
    key: str | None
    """The flow key, if they are recorded under one."""
    rule: str
    """The rule that decided, as `FLOW_MAPPING[2]`; empty if none did."""
    sentence: str
    """That rule in words."""

    @classmethod
    def of(cls, fate: Fate, mapping: FlowMapping) -> Side:
        """Put a fate into words."""
        key = to_key(fate.key) if fate.key and fate.outcome == Outcome.FLOW else None
        if fate.rule is None:
            return cls(fate.outcome, key, "", "")
        return cls(fate.outcome, key, rule_place(fate.rule), mapping.rules[fate.rule].describe())

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON takes it."""
        return {"outcome": self.outcome, "key": self.key, "rule": self.rule or None, "sentence": self.sentence or None}


@dataclass(frozen=True, slots=True)
class Change:
    """Packets that are recorded otherwise by the new configuration, or only by one of the two."""

    what: What
    packets: int
    old: Side
    new: Side

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON takes it."""
        sides = {"old": self.old.as_dict(), "new": self.new.as_dict()}
        return {"what": str(self.what), "packets": self.packets} | sides


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs between two configurations over some packets."""

    packets: int
    old: Mapping[str, int]
    new: Mapping[str, int]
    """The keys of each, with their counts."""
    changes: tuple[Change, ...]
    """The loudest first."""
    same_tunnels: bool
    """Both look into the same tunnels."""

    @property
    def added(self) -> dict[str, int]:
        """The keys that only the new one has."""
        return {key: count for key, count in sorted(self.new.items()) if key not in self.old}

    @property
    def gone(self) -> dict[str, int]:
        """The keys that only the old one has."""
        return {key: count for key, count in sorted(self.old.items()) if key not in self.new}

    @property
    def recounted(self) -> dict[str, tuple[int, int]]:
        """The keys that both have, with different counts."""
        both = sorted(self.old.keys() & self.new.keys())
        return {key: (self.old[key], self.new[key]) for key in both if self.old[key] != self.new[key]}

    @property
    def inside(self) -> dict[str, tuple[int, int]]:
        """The keys of flows, resets and unreachables whose counts differ by more, or less, than `changes` says.

        Only those of packets in tunnels that only one of the configurations looks into, and of packets that an
        operator's own action, asked twice, answered twice in different ways.
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
        """Tell whether both say the same."""
        return self.old == self.new and not self.changes

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON takes it."""
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
        """Compare what is ingested from now on."""
        self._old, self._new = old, new
        self._policies = CompiledPolicy(old.policy), CompiledPolicy(new.policy)
        self._fates: Counter[tuple[Fate, Fate]] = Counter()

    def ingest(self, frames: Frames) -> None:
        """Take `frames` in; none of their memory is needed afterwards."""
        self._old.ingest(frames)
        self._new.ingest(frames)
        for begin in range(0, len(frames), BLOCK):
            for batch in self._conversations(frames[begin : begin + BLOCK]):
                self._compare(batch)

    def _conversations(self, frames: Frames) -> Iterator[Batch]:
        """Yield what both are to be asked about: not what only one of them looks into."""
        tunnels = self._old.policy.tunnels
        decoded = decode(frames, tunnels)
        inside = decoded.inside.batches if tunnels == self._new.policy.tunnels else []
        yield from map(merge_packets, [*decoded.batches, *inside])

    def _compare(self, batch: Batch) -> None:
        old, new = (
            Fates.decide(batch, pipeline.rules, policy)
            for pipeline, policy in zip((self._old, self._new), self._policies, strict=True)
        )
        differ = np.flatnonzero(old.differ(new))
        pairs = zip(old.of(differ), new.of(differ), strict=True)
        for pair, packets in zip(pairs, batch.packets[differ].tolist(), strict=True):
            self._fates[pair] += packets

    def difference(self) -> Difference:
        """Return what differs; asked once, at the end."""
        old_mapping, new_mapping = self._old.rules.mapping, self._new.rules.mapping
        changes = [
            Change(what(old, new), packets, Side.of(old, old_mapping), Side.of(new, new_mapping))
            for (old, new), packets in self._fates.items()
        ]
        changes.sort(key=lambda change: (-change.packets, str(change.old.key), str(change.new.key)))
        return Difference(
            packets=self._old.settle().received,
            old=counts(self._old.take()),
            new=counts(self._new.take()),
            changes=tuple(changes),
            same_tunnels=self._old.policy.tunnels == self._new.policy.tunnels,
        )


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
