"""The difference between two configurations over the same packets, and the rules that cause it.

The keys and their counts come from two pipelines fed with the same frames. The reasons come from the decisions of both
configurations on each conversation (`fates`) that they record differently.
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
    """The word of the `Rung` that says which end is the service; empty if they are not recorded under a flow key."""

    @classmethod
    def of(cls, fate: Fate, mapping: FlowMapping) -> Side:
        """Describe a fate with the rules of its configuration."""
        key = to_key(fate.key) if fate.key and fate.outcome == Outcome.FLOW else None
        if fate.rule is None:
            return cls(fate.outcome, key, "", "")
        evidence = fate.rung.word if key else ""
        return cls(fate.outcome, key, rule_place(fate.rule), mapping.rules[fate.rule].describe(), evidence)

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
    same_tunnels: bool
    """Whether both decode the same UDP tunnels."""

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

        They come from packets in tunnels that only one of the configurations decodes, and from custom actions that
        answer differently when they are asked about the same packet again.
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
        self._policies = CompiledPolicy(old.policy), CompiledPolicy(new.policy)
        self._fates: Counter[tuple[Fate, Fate]] = Counter()

    def ingest(self, frames: Frames) -> None:
        """Decode `frames`; their memory may be reused afterwards."""
        self._old.ingest(frames)
        self._new.ingest(frames)
        for begin in range(0, len(frames), BLOCK):
            for batch in self._conversations(frames[begin : begin + BLOCK]):
                self._compare(batch)

    def _conversations(self, frames: Frames) -> Iterator[Batch]:
        """Yield the packets that both configurations decide about, without those in tunnels that only one decodes."""
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
        """Return what differs; call it once, after the last frames."""
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
