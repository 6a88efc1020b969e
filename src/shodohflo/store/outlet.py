"""What the pipeline saw, on its way to the store: new flows soon, known ones added up for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.columns.merging import merge
from shodohflo.columns.pile import Pile
from shodohflo.store.recency import Recency, interval_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.columns.observations import Observations
    from shodohflo.rules.mapping import FlowMapping
    from shodohflo.store.writer import Writer

RECENT: Final = 500
"""Rows kept for showing, at most: those with most packets."""


class Outlet:
    """Observations from `add` to the writer, in the words of the rules that decided them."""

    def __init__(self, writer: Writer, mapping: FlowMapping, lifetime: int, *, keep_recent: bool) -> None:
        """Write to `writer`, often enough that keys of `lifetime` seconds stay."""
        self._writer = writer
        self._keep_recent = keep_recent
        self._recent: Pile[Observations] = Pile(_foremost, RECENT)
        self._expect(mapping, lifetime)

    def add(self, observations: Observations, now_ns: int) -> None:
        """Take `observations`, and hand on what is due at `now_ns`, of a clock that only goes forward."""
        self._offer(self._recency.due(observations, now_ns))
        if self._keep_recent:
            self._recent.add(observations)

    def adopt(self, mapping: FlowMapping, lifetime: int) -> None:
        """Expect decisions of other rules from now on, for keys of another lifetime."""
        self.hand_on_rest()
        self._expect(mapping, lifetime)

    def hand_on_rest(self) -> None:
        """Hand on everything, due or not."""
        self._offer(self._recency.rest())

    def _offer(self, observations: Observations) -> None:
        if len(observations):
            self._writer.offer(observations, self._sentences)

    def take_recent(self) -> Observations:
        """Return what was recorded since the last call: of `RECENT` rows at most, those with most packets."""
        return self._recent.take()

    def _expect(self, mapping: FlowMapping, lifetime: int) -> None:
        self._recency = Recency(interval_for(lifetime))
        self._sentences = tuple(rule.describe() for rule in mapping.rules)


def _foremost(parts: Sequence[Observations]) -> Observations:
    """Merge `parts`, and keep the `RECENT` rows with most packets."""
    observations = merge(parts)
    if len(observations) <= RECENT:
        return observations
    return observations[np.argpartition(observations.packets, -RECENT)[-RECENT:]]
