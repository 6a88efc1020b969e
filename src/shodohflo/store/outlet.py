"""The outlet passes observations to the writer: new flows at once, known ones merged for an interval first.

Corrections follow the rows that they take back.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.columns.merging import merge
from shodohflo.columns.pile import Pile
from shodohflo.model import Kind
from shodohflo.store.recency import Recency, interval_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.columns.corrections import Corrections
    from shodohflo.columns.observations import Observations
    from shodohflo.store.outbox import RuleTexts
    from shodohflo.store.writer import Writer

RECENT: Final = 2_000
"""The most rows of flows given to the live table at a time: those with the most packets."""

_COLLECTED: Final = 20_000
"""The most rows of flows that are collected for it; a sum is exact if there are never more at a time."""


class Outlet:
    """Passes observations to the writer, with the texts of the rules that decided them."""

    def __init__(self, writer: Writer, rule_texts: RuleTexts, lifetime: int, *, keep_recent: bool) -> None:
        """Pass observations to `writer`, often enough that keys with a lifetime of `lifetime` seconds do not expire.

        `rule_texts` are the sentences of the rules that decide them, by number; with `keep_recent`, the recent rows
        of flows are kept for `take_recent`.
        """
        self._writer = writer
        self._keep_recent = keep_recent
        self._recent: Pile[Observations] = Pile(partial(_foremost, most=_COLLECTED), _COLLECTED)
        self._expect(rule_texts, lifetime)

    def add(self, observations: Observations, corrections: Corrections, now_ns: int) -> None:
        """Add `observations`, and pass on the rows that are due at `now_ns`, of a monotonic clock, then `corrections`.

        The rows that a correction takes back are passed on before it, due or not.
        """
        self._offer(self._recency.due(observations, now_ns))
        if len(corrections):
            self._offer(self._recency.release(corrections))
            self._writer.correct(corrections, self._rule_texts)
        if self._keep_recent:
            self._recent.add(observations[observations.kind == Kind.FLOW])

    def adopt(self, rule_texts: RuleTexts, lifetime: int) -> None:
        """Pass on what waits, then expect decisions by the rules of `rule_texts`, and keys with another lifetime."""
        self.hand_on_rest()
        self._expect(rule_texts, lifetime)

    def hand_on_rest(self) -> None:
        """Pass on all rows that wait, due or not."""
        self._offer(self._recency.rest())

    def _offer(self, observations: Observations) -> None:
        if len(observations):
            self._writer.offer(observations, self._rule_texts)

    def take_recent(self) -> Observations:
        """Return the rows of flows recorded since the last call, at most `RECENT`: those with the most packets."""
        return _foremost([self._recent.take()], most=RECENT)

    def _expect(self, rule_texts: RuleTexts, lifetime: int) -> None:
        self._recency = Recency(interval_for(lifetime))
        self._rule_texts = rule_texts


def _foremost(parts: Sequence[Observations], *, most: int) -> Observations:
    """Merge `parts`, and return the `most` rows with the most packets."""
    observations = merge(parts)
    if len(observations) <= most:
        return observations
    return observations[np.argpartition(observations.packets, -most)[-most:]]
