"""What became of each row of a batch: where the pipeline only counts, here every row keeps its place.

The same `Attribution` decides as in the pipeline. It tells rows of its own choice, merged and in its own order, so
each row is given its number for a time: that is what it has of its own and what nothing is decided by.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from shodohflo.attribution.ledger import DROPPED, RECORDED, Outcome
from shodohflo.attribution.order import Attribution
from shodohflo.attribution.policy import CompiledPolicy
from shodohflo.columns.observations import Observations
from shodohflo.model import FlowKey, Kind
from shodohflo.rules.verdicts import Decision
from shodohflo.wire.decode import Packets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.attribution.policy import Policy
    from shodohflo.columns.batch import Batch
    from shodohflo.rules.compiler import CompiledRules

NOT_RECORDED = -1
"""Stands for a row of `Fates.seen` that isn't there."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a packet."""

    outcome: str
    """As the ledger names it."""
    key: FlowKey | None = None
    """Who was found to be the client of what, if somebody was."""
    rule: int | None = None
    """The rule that decided, if one did."""


@dataclass(frozen=True, slots=True)
class Fates:
    """What was recorded of the rows of a batch."""

    seen: Observations
    of_row: NDArray[np.int64]
    """For each row of the batch its row in `seen`, or `NOT_RECORDED`."""

    def differ(self, other: Fates) -> NDArray[np.bool_]:
        """Tell which rows of the same batch are recorded otherwise in `other`: under other keys, or not at all."""
        mine, its = self.of_row, other.of_row
        either, both = (mine >= 0) | (its >= 0), np.flatnonzero((mine >= 0) & (its >= 0))
        differ = either.copy()
        differ[both] = ~_same_key(self.seen[mine[both]], other.seen[its[both]])
        return differ


class Judge:
    """Rules and a policy, to be asked about batches whose rows have been merged as far as they go."""

    def __init__(self, rules: CompiledRules, policy: Policy) -> None:
        """Decide as the pipeline would."""
        self._rules = rules
        self._policy = CompiledPolicy(policy)

    def fates(self, batch: Batch) -> Fates:
        """Return what is recorded of each row."""
        number = np.arange(len(batch), dtype=np.int64)
        attribution = Attribution(self._rules, self._policy, Counter(), Counter())
        attribution.decide(Packets([replace(batch, first=number, last=number)]))
        seen = Observations.concatenate(attribution.seen)
        of_row = np.full(len(batch), NOT_RECORDED, np.int64)
        of_row[seen.first] = np.arange(len(seen))
        return Fates(seen, of_row)

    def tell(self, batch: Batch, fates: Fates, wanted: NDArray[np.bool_]) -> list[Fate]:
        """Return the fate of the rows that are wanted, none of which may be a reset or a handshake."""
        is_recorded = fates.of_row >= 0
        recorded = iter(_recorded(fates.seen[fates.of_row[wanted & is_recorded]]))
        others = iter(self._unrecorded(batch.keep(wanted & ~is_recorded)))
        return [next(recorded if kept else others) for kept in is_recorded[wanted].tolist()]

    def _unrecorded(self, batch: Batch) -> list[Fate]:
        verdicts = self._rules.judge(batch)
        own = self._policy.is_ours(batch.src_addr) & self._policy.is_ours(batch.dst_addr)
        own &= self._policy.suppress_own_network
        decided = zip(own.tolist(), verdicts.decision.tolist(), verdicts.rule.tolist(), strict=True)
        return [Fate(Outcome.OWN_NETWORK) if ours else _silenced(decision, rule) for ours, decision, rule in decided]


def _silenced(decision: int, rule: int) -> Fate:
    if decision == Decision.DROPPED:
        return Fate(DROPPED.format(rule), rule=rule)
    return Fate(Outcome.NO_NETWORK if decision == Decision.NO_NETWORK else Outcome.NO_RULE)


def _recorded(seen: Observations) -> Sequence[Fate]:
    columns = (seen.kind.tolist(), seen.client.objects(), seen.remote.objects(), seen.port.tolist(), seen.rule.tolist())
    return [
        Fate(str(RECORDED[Kind(kind)]), FlowKey(client, remote, port), rule)
        for kind, client, remote, port, rule in zip(*columns, strict=True)
    ]


def _same_key(one: Observations, other: Observations) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (
        (one.kind == other.kind) & (one.port == other.port) & (one.client_port == other.client_port)
    )
    for mine, its in ((one.client, other.client), (one.remote, other.remote)):
        same &= (mine.version == its.version) & (mine.high == its.high) & (mine.low == its.low)
    return same
