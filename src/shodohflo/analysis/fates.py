"""What became of each row of a batch under one configuration, to be compared with another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.order import IGNORED, JUDGED, decide
from shodohflo.attribution.results import is_recorded, observe
from shodohflo.model import FlowKey, Rung

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.order import Decisions
    from shodohflo.attribution.policy import CompiledPolicy
    from shodohflo.columns.batch import Batch
    from shodohflo.columns.observations import Observations
    from shodohflo.rules.compiler import CompiledRules

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
    """What says which end is the service, if the packet is recorded."""


@dataclass(frozen=True, slots=True)
class Fates:
    """The decisions on a batch, and what is recorded of it."""

    decisions: Decisions
    seen: Observations
    of_row: NDArray[np.int64]
    """For each row of the batch its row in `seen`, or `NOT_RECORDED`."""

    @classmethod
    def decide(cls, batch: Batch, rules: CompiledRules, policy: CompiledPolicy) -> Fates:
        """Decide about each row of `batch` as the pipeline does."""
        decisions = decide(batch, rules, policy)
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

    def of(self, rows: NDArray[np.intp]) -> list[Fate]:
        """Return the fate of each of `rows`."""
        recorded = self.of_row[rows]
        seen = self.seen[recorded[recorded >= 0]]
        ends = zip(seen.client.objects(), seen.remote.objects(), seen.port.tolist(), strict=True)
        flows = zip((FlowKey(*end) for end in ends), map(Rung, seen.rung.tolist()), strict=True)
        fates = []
        for row, number in zip(rows.tolist(), recorded.tolist(), strict=True):
            key, rung = next(flows) if number >= 0 else (None, Rung.NONE)
            fates.append(Fate(self.decisions.outcome(row), key, self._rule(row), rung))
        return fates

    def _rule(self, row: int) -> int | None:
        return int(self.decisions.verdicts.rule[row]) if self.decisions.step[row] in _BY_RULE else None


def _same_key(one: Observations, other: Observations) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (
        (one.kind == other.kind) & (one.port == other.port) & (one.client_port == other.client_port)
    )
    for mine, its in ((one.client, other.client), (one.remote, other.remote)):
        same &= (mine.version == its.version) & (mine.high == its.high) & (mine.low == its.low)
    return same
