"""A store of plain dictionaries, which loses and forgets things, and what the keys of an agent should have counted."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shodohflo.keys import counts
from shodohflo.store.portion import DETAIL, Doubt
from shodohflo.store.write import Applied, Written
from support.observing import SECOND

if TYPE_CHECKING:
    from shodohflo.columns.observations import Observations
    from shodohflo.store.write import Write


@dataclass(slots=True)
class Data:
    """What a store has: counts with the time at which they expire, in ns, and the last number of each lane."""

    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    numbers: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    """The number, and where it was used up by a write that was not applied, the one that the counts are of."""
    evicted: int = 0


class PlainStore:
    """Does with the counts of a write what `store.write_script` does; details are left out."""

    def __init__(self) -> None:
        """Begin empty."""
        self.data = Data()
        self._saved = Data()
        self._ahead = 0

    def apply(self, write: Write, now: int) -> Written:
        """Apply `write` at `now`, or say why not."""
        data, number_key = self.data, write.keys[0]
        data.counts = {key: value for key, value in data.counts.items() if value[1] > now}
        if (refusal := self._refusal(write)) is not None:
            return replace(refusal, time=self.time(now))
        if self.time(now) > write.place.until:
            return Written(Applied.LATE, held=data.numbers.get(number_key, (0, None))[0], time=self.time(now))
        last, _ = data.numbers.get(number_key, (0, None))
        data.numbers[number_key] = write.number, None
        rewritten = unsure = 0
        for portion in write.portions:
            if portion.view is DETAIL:
                continue
            columns = zip(
                portion.names,
                portion.deltas[:, 0].tolist(),
                portion.totals[:, 0].tolist(),
                portion.doubts.tolist(),
                portion.deadlines.tolist(),
                strict=True,
            )
            for name, delta, total, doubt, deadline in columns:
                value, expires = data.counts.pop(name, (None, 0))
                lifetime = max(-((write.made - deadline) // SECOND), 1) * SECOND
                value, again, unknown = _counted(value, delta, total, doubt)
                rewritten, unsure = rewritten + again, unsure + unknown
                if value > 0:
                    data.counts[name] = value, max(expires, now + lifetime)
        return Written(Applied.NOW, held=last, rewritten=rewritten, unsure=unsure, time=self.time(now))

    def _refusal(self, write: Write) -> Written | None:
        """Return the answer if `write` is not applied."""
        numbers, number_key = self.data.numbers, write.keys[0]
        (last, held), expected = numbers.get(number_key, (0, None)), write.place.before
        if last >= write.number and (last > write.number or held is None):
            return Written(Applied.BEFORE, held=last)
        if last == expected:
            return None
        held = held if held is not None and last == write.number else last
        numbers[number_key] = write.number, held
        return Written(Applied.LOST, held=held, evicted=self.data.evicted)

    def save(self) -> None:
        """Save a snapshot, or let a replica catch up."""
        self._saved = deepcopy(self.data)

    def restore(self) -> None:
        """Restart from the snapshot, or fail over to the replica."""
        self.data = deepcopy(self._saved)

    def flush(self) -> None:
        """Lose everything."""
        self.data = Data(evicted=self.data.evicted)

    def time(self, now: int) -> int:
        """Return the time of its clock in seconds."""
        return now // SECOND + self._ahead

    def jump(self) -> None:
        """Let its clock jump an hour ahead, so that all counts expire."""
        self._ahead += 3600
        self.data.counts = {}

    def evict(self, every: int) -> None:
        """Evict every so many keys, and the numbers with them if it is every key."""
        kept = {key: value for place, (key, value) in enumerate(self.data.counts.items()) if place % every}
        self.data.evicted += len(self.data.counts) - len(kept)
        self.data.counts = kept
        if every == 1:
            self.data.evicted += len(self.data.numbers)
            self.data.numbers = {}


def _counted(value: int | None, delta: int, total: int, doubt: int) -> tuple[int, int, int]:
    """Return what a key counts after a write, and what of it was written again or is unsure."""
    before = total - delta
    if value is None:
        return total, before, 0
    if doubt == Doubt.LOST:
        return max(value, total), max(before - value, 0), total if value > total else 0
    if doubt == Doubt.EXPIRED:
        return max(value, before) + delta, max(before - value, 0), before if value > before else 0
    return value + delta, 0, 0


class Expectation:
    """What each key should count: the packets of its present life."""

    def __init__(self, lifetime: int) -> None:
        """Begin with no key; keys live for `lifetime` seconds."""
        self._lifetime = lifetime * SECOND
        self._counts: Counter[str] = Counter()
        self._ends: dict[str, int] = {}

    def add(self, observations: Observations, now: int) -> None:
        """Count rows."""
        for key, count in counts(observations).items():
            if self._ends.get(key, 0) <= now:
                self._counts[key] = 0
            self._counts[key] += count
            self._ends[key] = now + self._lifetime

    def living(self, now: int) -> dict[str, int]:
        """Return the counts of the keys that live."""
        return {key: self._counts[key] for key, end in self._ends.items() if end > now}
