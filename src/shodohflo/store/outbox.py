"""The outbox: a bounded queue of rows and corrections that wait to be written. No I/O, no clock.

Rows of the same flow are merged. Corrections move what rows have counted, so they wait until every row that was added
before them is taken:

    add a, add b, correct c, add d     ->     take: a, b, d, then c; or first a and b, then d and c

Invariants, after every call:

1. Added = taken + waiting + given up, in packets of each kind.
2. At most `capacity` rows wait, whether the store is away or only slower than the packets. Rows are merged whenever
   half of them may be of flows that wait already, so what waits is about one row for each flow.
3. Rows that are taken together were decided by the same rules, so one list of rule texts applies to all of them.
4. The rows given up are those with the oldest last packet; their packets are counted by kind.
5. Of the rows that wait, those with the oldest first packet are taken first, so that none waits for ever.
6. A correction is taken after all rows and corrections that were added before it, or together with them; rows that are
   added after it may be taken before. Corrections count as rows in the capacity, of which they have at most a quarter;
   the oldest are given up.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Final

import numpy as np

from shodohflo.columns.corrections import Corrections
from shodohflo.columns.merging import merge
from shodohflo.columns.observations import Observations
from shodohflo.model import Kind

RuleTexts = tuple[str, ...]
"""The sentence of each rule, by its number."""

_FILLED_TO: Final = 0.75
"""The fraction of the capacity still used after rows were given up: a full outbox would merge at every `add`."""

_MERGE_AT: Final = 50_000
"""Rows below which merging is not worth its time: the store takes them within some seconds."""

_CORRECTIONS: Final = 4
"""A correction is so many rows' worth of work for the store, and corrections have this part of the capacity."""

_PARTS: Final = 1_000
"""Parts that are lined up, two for each call of `correct`; they are merged into a few when there are more."""

_NONE: Final = Corrections.empty()

KIND_NAMES: Final = {Kind.FLOW: "flow", Kind.FLOW_IGNORED: "flow_ignored", Kind.RESET: "rst", Kind.UNREACHABLE: "icmp"}


@dataclass(frozen=True, slots=True)
class WithRules:
    """Observations, the texts of the rules in force when they were decided, and corrections by the same rules."""

    observations: Observations
    rule_texts: RuleTexts
    corrections: Corrections = _NONE
    """Moves of what was written before the observations, or is part of them."""

    def __len__(self) -> int:
        """Return the number of rows and corrections."""
        return len(self.observations) + len(self.corrections)

    @property
    def packets(self) -> int:
        """Return the packets of the observations."""
        return int(self.observations.packets.sum())

    @property
    def work(self) -> int:
        """Return how many rows would be as much work for the store."""
        return len(self.observations) + _CORRECTIONS * len(self.corrections)

    def joined(self, later: WithRules) -> WithRules:
        """Return both, by the same rules: all rows, then all corrections in their order."""
        return replace(
            self,
            observations=Observations.concatenate([self.observations, later.observations]),
            corrections=Corrections.concatenate([self.corrections, later.corrections]),
        )

    def split(self, rows: int) -> tuple[WithRules, WithRules]:
        """Return the first `rows` rows, or a quarter as many corrections if there are only those, and the rest."""
        if len(self.observations):
            first, rest = self.observations[:rows], self.observations[rows:]
            return WithRules(first, self.rule_texts), WithRules(rest, self.rule_texts, self.corrections)
        most = min(rows, max(rows // _CORRECTIONS, 1))
        moved, rest_of_them = self.corrections[:most], self.corrections[most:]
        return (
            WithRules(self.observations, self.rule_texts, moved),
            WithRules(self.observations, self.rule_texts, rest_of_them),
        )


class Outbox:
    """A queue of observations and corrections, at most `capacity` rows."""

    def __init__(self, capacity: int) -> None:
        """Start empty."""
        self._capacity = capacity
        # What is taken next, in this order, and what is added at present. By rule texts: after a reload the same number
        # means another rule, so those rows must not be merged.
        self._taking: deque[WithRules] = deque()
        self._waiting: dict[RuleTexts, list[Observations]] = {}
        self._rows = 0
        self._corrections = 0
        self._unmerged = 0
        self.packets = 0
        """Packets of the rows that wait."""
        self.given_up: Counter[str] = Counter()
        """Packets that were given up, by kind."""
        self.corrections_given_up = 0
        """Packets that were not moved, because their corrections were given up."""

    def __len__(self) -> int:
        """Return the number of rows and corrections that wait."""
        return self._rows + self._corrections

    def add(self, observations: Observations, rule_texts: RuleTexts) -> None:
        """Queue rows. If they do not fit, merge all rows; if they still do not fit, give up the stalest."""
        if not len(observations):
            return
        self._waiting.setdefault(rule_texts, []).append(observations)
        self._rows += len(observations)
        self._unmerged += len(observations)
        self.packets += _packets(observations)
        if len(self) > self._capacity or self._unmerged > max(_MERGE_AT, self._rows // 2):
            self._merge()

    def correct(self, corrections: Corrections, rule_texts: RuleTexts) -> None:
        """Queue corrections behind all rows that wait. If they do not fit, give up the oldest corrections."""
        corrections = corrections.keep(corrections.packets > 0)
        if not len(corrections):
            return
        self._taking.extend(self._lined_up())
        self._taking.append(WithRules(Observations.empty(), rule_texts, corrections))
        self._corrections += len(corrections)
        self._count()
        self._give_up_oldest_corrections()
        if len(self) > self._capacity or len(self._taking) > _PARTS:
            self._merge()

    def take(self, rows: int) -> WithRules | None:
        """Remove and return at most `rows` rows that the same rules decided, or some corrections; `None` if empty."""
        if not self._taking:
            if not self._waiting:
                return None
            rule_texts = next(iter(self._waiting))
            self._taking.append(_merged(self._waiting.pop(rule_texts), rule_texts))
            self._count()
        taken = self._take_first(rows)
        # Rows that are applied before a correction that came before them do it no harm, so all go into one write.
        while taken.work < rows and self._taking and self._taking[0].rule_texts == taken.rule_texts:
            taken = taken.joined(self._take_first(rows - taken.work))
        self._rows -= len(taken.observations)
        self._corrections -= len(taken.corrections)
        self._unmerged = min(self._unmerged, self._rows)
        self.packets -= taken.packets
        return taken

    def _take_first(self, rows: int) -> WithRules:
        """Remove and return at most `rows` rows of what is lined up first."""
        taken, rest = self._taking.popleft().split(rows)
        if len(rest):
            self._taking.appendleft(rest)
        return taken

    def give_up(self) -> None:
        """Give up everything that waits."""
        for each in (*self._taking, *self._lined_up()):
            self.count_given_up(each.observations)
            self.count_corrections_given_up(each.corrections)
        self._taking.clear()
        self._rows = self._corrections = self._unmerged = self.packets = 0

    def count_given_up(self, observations: Observations) -> None:
        """Count `observations` as given up without queueing them."""
        self.given_up.update(packets_by_kind(observations))

    def count_corrections_given_up(self, corrections: Corrections) -> None:
        """Count `corrections` as given up without queueing them."""
        self.corrections_given_up += int(corrections.packets.sum())

    def _lined_up(self) -> list[WithRules]:
        """Remove and return what was added since rows were last lined up, merged."""
        waiting, self._waiting = self._waiting, {}
        return [_merged(parts, rule_texts) for rule_texts, parts in waiting.items()]

    def _merge(self) -> None:
        """Merge all rows and give up the stalest if they do not fit; the corrections wait behind them as before."""
        corrections = [each for each in self._taking if len(each.corrections)]
        parts: dict[RuleTexts, list[Observations]] = {}
        for each in (*self._taking, *self._lined_up()):
            if len(each.observations):
                parts.setdefault(each.rule_texts, []).append(each.observations)
        self._taking.clear()
        self._waiting = {
            rule_texts: [_merged(several, rule_texts).observations] for rule_texts, several in parts.items()
        }
        self._count()
        if len(self) > self._capacity:
            self._give_up_stalest()
        self._unmerged = 0
        if corrections:
            self._taking.extend(self._lined_up())
            for _, several in groupby(corrections, key=attrgetter("rule_texts")):
                first, *more = several
                whole = Corrections.concatenate([first.corrections, *(each.corrections for each in more)])
                self._taking.append(replace(first, corrections=whole))

    def _give_up_stalest(self) -> None:
        """Give up the rows with the oldest last packet; all rows must have been merged before."""
        excess = len(self) - int(self._capacity * _FILLED_TO)
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

    def _give_up_oldest_corrections(self) -> None:
        """Give up the corrections beyond their part of the capacity."""
        if self._corrections <= self._capacity // _CORRECTIONS:
            return
        kept = deque[WithRules]()
        for each in self._taking:
            excess = max(self._corrections - self._capacity // _CORRECTIONS, 0)
            leaving = each.corrections[:excess]
            self.count_corrections_given_up(leaving)
            self._corrections -= len(leaving)
            kept.append(replace(each, corrections=each.corrections[excess:]))
        self._taking = deque(each for each in kept if len(each))

    def _count(self) -> None:
        """Count the rows that wait."""
        waiting = sum(len(part) for parts in self._waiting.values() for part in parts)
        self._rows = waiting + sum(len(each.observations) for each in self._taking)


def _merged(parts: list[Observations], rule_texts: RuleTexts) -> WithRules:
    """Merge `parts`, those with the oldest first packet first."""
    observations = merge(parts)
    return WithRules(observations[np.argsort(observations.first, kind="stable")], rule_texts)


def _packets(observations: Observations) -> int:
    return int(observations.packets.sum())


def packets_by_kind(observations: Observations) -> Counter[str]:
    """Return the number of packets of each kind, by the name of the kind."""
    sums = np.bincount(observations.kind, weights=observations.packets, minlength=len(Kind)).astype(int).tolist()
    return Counter({name: sums[kind] for kind, name in KIND_NAMES.items() if sums[kind]})
