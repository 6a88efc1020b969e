"""What the pipeline saw, on its way to the store: new flows soon, known ones added up for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.aggregate import merge
from shodohflo.observations import Observations
from shodohflo.recency import Recency

if TYPE_CHECKING:
    from shodohflo.rules.mapping import FlowMapping
    from shodohflo.store.writer import Writer

INTERVAL_NS: Final = 5_000_000_000
"""How long counts of known keys are added up, at most."""

RECENT: Final = 500
"""Rows kept for showing, at most: those with most packets."""


class Recording:
    """Observations from `add` to the writer, in the words of the rules that decided them."""

    def __init__(self, writer: Writer, mapping: FlowMapping, lifetime: int) -> None:
        """Write to `writer`, often enough that keys of `lifetime` seconds stay."""
        self._writer = writer
        self._recency = Recency(min(INTERVAL_NS, lifetime * 1_000_000_000 // 3))
        self._recent = Observations.none()
        self._describe(mapping)

    def add(self, observations: Observations, now_ns: int) -> None:
        """Take `observations`, and hand on what is due."""
        self._writer.offer(self._recency.add(observations, now_ns), self._sentences)
        self._recent = _foremost(merge([self._recent, observations]))

    def adopt(self, mapping: FlowMapping, now_ns: int) -> None:
        """Expect decisions of other rules from now on."""
        self.hand_on_all(now_ns)
        self._describe(mapping)

    def hand_on_all(self, now_ns: int) -> None:
        """Hand on everything, due or not."""
        self._writer.offer(self._recency.flush(now_ns), self._sentences)

    def take_recent(self) -> Observations:
        """Return what was recorded since the last call: of `RECENT` rows at most, those with most packets."""
        recent, self._recent = self._recent, Observations.none()
        return recent

    def _describe(self, mapping: FlowMapping) -> None:
        self._sentences = tuple(rule.describe() for rule in mapping.rules)


def _foremost(observations: Observations) -> Observations:
    if len(observations) <= RECENT:
        return observations
    return observations[np.argpartition(observations.packets, -RECENT)[-RECENT:]]
