"""What became of each row of a batch under one configuration, to be compared with another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.order import IGNORED, JUDGED
from shodohflo.attribution.results import is_recorded, observe
from shodohflo.model import FlowKey, Rung

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.order import Decisions
    from shodohflo.columns.batch import Batch
    from shodohflo.columns.observations import Observations

NOT_RECORDED: Final = -1
"""Stands in `Fates.of_row` for a row that is not recorded."""

_BY_RULE: Final = {IGNORED.step, *(judgement.step for judgement in JUDGED if judgement.has_rule)}
"""The steps at which a rule decided."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a packet."""

    outcome: str
    """As the ledger names it."""
    key: FlowKey | None = None
    """Client, service and port, if the packet is recorded."""
    rule: int | None = None
    """The rule that decided, if one did."""
    rung: Rung = Rung.NONE
    """What says which end of a recorded flow is the service."""

    def corrected(self, wrong: FlowKey, right: FlowKey, rung: Rung) -> Fate:
        """Return the fate after a correction from one key to another; the same, if it is not about this key."""
        return replace(self, key=right, rung=rung) if self.key == wrong else self


@dataclass(frozen=True, slots=True)
class Fates:
    """The decisions on a batch, and what is recorded of it."""

    decisions: Decisions
    seen: Observations
    of_row: NDArray[np.int64]
    """For each row of the batch its row in `seen`, or `NOT_RECORDED`."""

    @classmethod
    def follow(cls, batch: Batch, decisions: Decisions) -> Fates:
        """Return what is recorded of each row of `batch` by the pipeline's decisions."""
        kept = is_recorded(decisions)
        of_row = np.where(kept, np.cumsum(kept) - 1, NOT_RECORDED)
        return cls(decisions, observe(batch, decisions), of_row)

    def differ(self, other: Fates) -> NDArray[np.bool_]:
        """Return which rows of the batch both record under different keys, or only one of them records."""
        mine, its = self.of_row, other.of_row
        either, both = (mine >= 0) | (its >= 0), np.flatnonzero((mine >= 0) & (its >= 0))
        differ = either.copy()
        differ[both] = ~_same_key(self.seen[mine[both]], other.seen[its[both]])
        return differ

    @property
    def may_change(self) -> NDArray[np.bool_]:
        """Which rows of the batch are flows that a correction may move later: those by less than their own evidence."""
        verdicts = self.decisions.verdicts
        changes: NDArray[np.bool_] = (self.of_row >= 0) & (verdicts.observed != 0) & (verdicts.rung > Rung.BITS)
        return changes

    def of(self, rows: NDArray[np.intp]) -> list[Fate]:
        """Return the fate of each of `rows`."""
        recorded = self.of_row[rows]
        seen = self.seen[recorded[recorded >= 0]]
        ends = zip(seen.client.objects(), seen.remote.objects(), seen.port.tolist(), strict=True)
        keys = (FlowKey(*end) for end in ends)
        rungs = self.seen.rung[recorded].tolist() if len(self.seen) else [0] * len(rows)
        return [
            Fate(self.decisions.outcome(row), next(keys), self._rule(row), Rung(rung))
            if number >= 0
            else Fate(self.decisions.outcome(row), None, self._rule(row))
            for row, number, rung in zip(rows.tolist(), recorded.tolist(), rungs, strict=True)
        ]

    def _rule(self, row: int) -> int | None:
        return int(self.decisions.verdicts.rule[row]) if self.decisions.step[row] in _BY_RULE else None


def _same_key(one: Observations, other: Observations) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (
        (one.kind == other.kind) & (one.port == other.port) & (one.client_port == other.client_port)
    )
    for mine, its in ((one.client, other.client), (one.remote, other.remote)):
        same &= (mine.version == its.version) & (mine.high == its.high) & (mine.low == its.low)
    return same
