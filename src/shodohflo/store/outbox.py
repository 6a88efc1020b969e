"""The outbox: a bounded queue of rows that wait to be written; rows of the same flow are merged. No I/O, no clock.

Invariants, after every call:

1. Added = taken + waiting + given up, in packets of each kind.
2. At most `capacity` rows wait, whether the store is away or only slower than the packets. Rows are merged whenever
   half of them may be of flows that wait already, so what waits is about one row for each flow.
3. Rows that are taken together were decided by the same rules, so one list of rule texts applies to all of them.
4. The rows given up are those with the oldest last packet; their packets are counted by kind.
5. Of the rows that wait, those with the oldest first packet are taken first, so that none waits for ever.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from shodohflo.columns.merging import merge
from shodohflo.columns.observations import Observations
from shodohflo.model import Kind

RuleTexts = tuple[str, ...]
"""The sentence of each rule, by its number."""

_FILLED_TO: Final = 0.75
"""The fraction of the capacity still used after rows were given up: a full outbox would merge at every `add`."""

_MERGE_AT: Final = 50_000
"""Rows below which merging is not worth its time: the store takes them within some seconds."""

KIND_NAMES: Final = {Kind.FLOW: "flow", Kind.FLOW_IGNORED: "flow_ignored", Kind.RESET: "rst", Kind.UNREACHABLE: "icmp"}


@dataclass(frozen=True, slots=True)
class WithRules:
    """Observations, and the texts of the rules in force when they were decided."""

    observations: Observations
    rule_texts: RuleTexts


class Outbox:
    """A queue of observations, at most `capacity` rows."""

    def __init__(self, capacity: int) -> None:
        """Start empty."""
        self._capacity = capacity
        self._taking = WithRules(Observations.empty(), ())
        # By rule texts: after a reload the same number means another rule, so those rows must not be merged.
        self._waiting: dict[RuleTexts, list[Observations]] = {}
        self._rows = 0
        self._unmerged = 0
        self.packets = 0
        """Packets of the rows that wait."""
        self.given_up: Counter[str] = Counter()
        """Packets that were given up, by kind."""

    def __len__(self) -> int:
        """Return the number of rows that wait."""
        return self._rows

    def add(self, observations: Observations, rule_texts: RuleTexts) -> None:
        """Queue rows. If they do not fit, merge all rows; if they still do not fit, give up the stalest."""
        if not len(observations):
            return
        self._waiting.setdefault(rule_texts, []).append(observations)
        self._rows += len(observations)
        self._unmerged += len(observations)
        self.packets += _packets(observations)
        if self._rows > self._capacity or self._unmerged > max(_MERGE_AT, self._rows // 2):
            self._merge()
        if self._rows > self._capacity:
            self._give_up_stalest()

    def take(self, rows: int) -> WithRules | None:
        """Remove and return at most `rows` rows that the same rules decided; `None` if the outbox is empty."""
        if not len(self._taking.observations):
            if not self._waiting:
                return None
            rule_texts = next(iter(self._waiting))
            self._taking = WithRules(_oldest_first(merge(self._waiting.pop(rule_texts))), rule_texts)
            self._unmerged = min(self._unmerged, self._count())
        observations, rule_texts = self._taking.observations, self._taking.rule_texts
        self._taking = WithRules(observations[rows:], rule_texts)
        taken = WithRules(observations[:rows], rule_texts)
        self._rows -= len(taken.observations)
        self.packets -= _packets(taken.observations)
        return taken

    def give_up(self) -> None:
        """Give up every row that waits."""
        self._merge()
        for parts in self._waiting.values():
            self.count_given_up(parts[0])
        self._waiting.clear()
        self._count()
        self.packets = 0

    def count_given_up(self, observations: Observations) -> None:
        """Count `observations` as given up without queueing them."""
        self.given_up.update(packets_by_kind(observations))

    def _merge(self) -> None:
        """Merge all rows, also those of the part that is being taken, which are the oldest."""
        waiting: dict[RuleTexts, list[Observations]] = {}
        if len(self._taking.observations):
            waiting[self._taking.rule_texts] = [self._taking.observations]
            self._taking = WithRules(Observations.empty(), ())
        for rule_texts, parts in self._waiting.items():
            waiting.setdefault(rule_texts, []).extend(parts)
        self._waiting = {rule_texts: [_oldest_first(merge(parts))] for rule_texts, parts in waiting.items()}
        self._count()
        self._unmerged = 0

    def _give_up_stalest(self) -> None:
        """Give up the rows with the oldest last packet; all rows must have been merged before."""
        excess = self._rows - int(self._capacity * _FILLED_TO)
        last = np.concatenate([parts[0].last for parts in self._waiting.values()])
        leaving = np.zeros(len(last), np.bool_)
        leaving[np.argpartition(last, excess - 1)[:excess]] = True
        kept: dict[RuleTexts, list[Observations]] = {}
        for rule_texts, [observations] in self._waiting.items():
            leaves, leaving = leaving[: len(observations)], leaving[len(observations) :]
            self.count_given_up(observations[leaves])
            self.packets -= _packets(observations[leaves])
            if not leaves.all():
                kept[rule_texts] = [observations[~leaves]]
        self._waiting = kept
        self._count()

    def _count(self) -> int:
        """Count the rows that wait, and return how many of them are not being taken."""
        waiting = sum(len(part) for parts in self._waiting.values() for part in parts)
        self._rows = waiting + len(self._taking.observations)
        return waiting


def _packets(observations: Observations) -> int:
    return int(observations.packets.sum())


def _oldest_first(observations: Observations) -> Observations:
    return observations[np.argsort(observations.first, kind="stable")]


def packets_by_kind(observations: Observations) -> Counter[str]:
    """Return the number of packets of each kind, by the name of the kind."""
    sums = np.bincount(observations.kind, weights=observations.packets, minlength=len(Kind)).astype(int).tolist()
    return Counter({name: sums[kind] for kind, name in KIND_NAMES.items() if sums[kind]})
