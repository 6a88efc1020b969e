"""What waits to be written: bounded, merged by row, and what did not fit counted by name. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from shodohflo.columns.merging import merge
from shodohflo.columns.observations import Observations
from shodohflo.model import Kind

Sentences = tuple[str, ...]
"""The rules in words, by number."""

_KEPT = 0.75
"""How full the buffer is after it gave rows up: not brimful, or the next row would make it merge again."""

KIND_NAMES: Final = {Kind.FLOW: "flow", Kind.FLOW_IGNORED: "flow_ignored", Kind.RESET: "rst", Kind.UNREACHABLE: "icmp"}


@dataclass(frozen=True, slots=True)
class Worded:
    """Observations with the rules that decided them, as they were then."""

    observations: Observations
    sentences: Sentences


class Buffer:
    """Observations on their way to the store, at most `capacity` rows."""

    def __init__(self, capacity: int) -> None:
        """Begin empty."""
        self._capacity = capacity
        self._taking = Worded(Observations.none(), ())
        # Rows that other rules decided, by the same numbers, must not be merged: hence by sentences.
        self._waiting: dict[Sentences, list[Observations]] = {}
        self._rows = 0
        self.given_up: Counter[str] = Counter()
        """Packets that did not fit, by kind."""

    def __len__(self) -> int:
        """Count the rows."""
        return self._rows

    def add(self, observations: Observations, sentences: Sentences) -> None:
        """Take rows in; where they don't fit, the rows that were seen longest ago are given up."""
        if not len(observations):
            return
        self._waiting.setdefault(sentences, []).append(observations)
        self._rows += len(observations)
        if self._rows > self._capacity:
            self._merge()
        if self._rows > self._capacity:
            self._give_up_stalest()

    def take(self, rows: int) -> Worded | None:
        """Hand out at most so many rows, all of the same rules; `None` when there are none."""
        if not len(self._taking.observations):
            if not self._waiting:
                return None
            sentences = next(iter(self._waiting))
            self._taking = Worded(merge(self._waiting.pop(sentences)), sentences)
            self._count()
        observations, sentences = self._taking.observations, self._taking.sentences
        self._taking = Worded(observations[rows:], sentences)
        self._count()
        return Worded(observations[:rows], sentences)

    def give_up(self) -> None:
        """Give up everything that waits."""
        self._merge()
        for parts in self._waiting.values():
            self.given_up.update(packets_by_kind(parts[0]))
        self._waiting.clear()
        self._count()

    def _merge(self) -> None:
        if len(self._taking.observations):
            self._waiting.setdefault(self._taking.sentences, []).append(self._taking.observations)
            self._taking = Worded(Observations.none(), ())
        self._waiting = {sentences: [merge(parts)] for sentences, parts in self._waiting.items()}
        self._count()

    def _give_up_stalest(self) -> None:
        """Keep the rows that were seen last; call it merged."""
        excess = self._rows - int(self._capacity * _KEPT)
        last = np.concatenate([parts[0].last for parts in self._waiting.values()])
        leaving = np.zeros(len(last), np.bool_)
        leaving[np.argpartition(last, excess - 1)[:excess]] = True
        kept: dict[Sentences, list[Observations]] = {}
        for sentences, [observations] in self._waiting.items():
            leaves, leaving = leaving[: len(observations)], leaving[len(observations) :]
            self.given_up.update(packets_by_kind(observations[leaves]))
            if not leaves.all():
                kept[sentences] = [observations[~leaves]]
        self._waiting = kept
        self._count()

    def _count(self) -> None:
        waiting = sum(len(part) for parts in self._waiting.values() for part in parts)
        self._rows = waiting + len(self._taking.observations)


def packets_by_kind(observations: Observations) -> Counter[str]:
    """Add up packets under the name of their kind."""
    sums = np.bincount(observations.kind, weights=observations.packets, minlength=len(Kind)).astype(int).tolist()
    return Counter({name: sums[kind] for kind, name in KIND_NAMES.items() if sums[kind]})
