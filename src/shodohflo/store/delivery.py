"""Exactly-once delivery: numbers the writes, keeps them until they are answered, and heals what a store loses.

Invariants, after every call:

1. At most one write of a lane is in flight, and its number is higher than any before it. A lane that does not answer
   holds up no other: beside its write in flight one more is prepared, and what else it should get waits.
2. A write in flight keeps its number until it is answered or given up, so sending it again is harmless (`store.write`).
   It is sent again with the lifetimes that are left then; a key that has ended meanwhile is left out, as expired.
3. Offered = written + in flight + waiting + expired + no room + given up + lost, in counts of each kind of key.

Number, loss and repeat of write 7:

    add --> [ outbox ] --next_writes--> [ write 7 in flight ] --send--> store: writer;<session> is
               ^                           |       ^                       |
               |                           |       |  no answer:           |-- 6, as expected: add, set it to 7
               |                           |       +--send 7 again---------|
               |                           |          (repeat)             |-- 7 already: add nothing
               |                           |                               |
               |                     [ confirmed ] <------answer-----------|
               |                           | (tail)                        |-- 4, not 6: note that 7 is used
               +--- 7, and 5 and 6 --------+--------<----answer------------+
                        (loss)

A store that has lost writes is healed: what it lacks waits in the outbox again.

* It has an earlier number: it was restored from a snapshot, or a replica that lagged behind took over. The writes since
  are put back from the tail. What the tail does not reach back to is written again where the store has less than that.
* It has no number, and has evicted nothing: it was emptied or restarted without its data. All living keys are put back.
* It has no number, but has evicted keys, or the slot was being moved, so perhaps only the number is gone; or it has a
  number that was given up for lost before. All keys are written again with nothing new, which changes only those that
  are missing or have less than what this agent wrote.

Each lane is healed for itself, with its keys; those that were found to have lost writes in one round all at once.

Lost is only what belongs to living keys of which nothing is known any more, because there was no room for it.

No I/O, no clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.store.books import SECOND, count
from shodohflo.store.portion import Doubt, counts_of
from shodohflo.store.tail import Tail
from shodohflo.store.write import PATIENCE, SLOTS, Applied, NumberPlace, to_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shodohflo.store.book import Places
    from shodohflo.store.lanes import Lanes
    from shodohflo.store.outbox import Outbox
    from shodohflo.store.portion import Portion, TakenKeys
    from shodohflo.store.write import Write, Writing, Written


_SAMPLE: Final = 256
"""Lanes that are asked for their numbers with each heartbeat: those written last. If one has lost writes, all are."""

_MANY: Final = 2_000
"""Writes in flight, of a part of a cluster that is away, that take 0.1 s to be made anew."""

_LATER: Final = 5 * SECOND
"""How old so many become before they are; a write may be applied for three times as long."""

_LOSSES: Final = 1_000
"""Losses of a lane that are remembered."""

_CALM: Final = 64
"""The most calls of `look_around` without an eviction until all is written again: ten minutes of heartbeats."""


class Delivery:
    """Takes keys out of an outbox, one numbered write of each lane at a time, and counts the results."""

    def __init__(self, outbox: Outbox, writing: Writing, lanes: Lanes, tail_octets: int, ahead: int = 0) -> None:
        """Start with nothing in flight; the first write of each lane has number 1.

        The store's clock, in seconds since 1970, is presumably so many seconds `ahead` of the outbox's.
        """
        self.writing = writing
        """Session, agent and lifetime of keys; a change applies from the next new write."""
        self.written: Counter[str] = Counter()
        """Counts that the store has, or had until they expired, by kind, as far as the answers arrived."""
        self.lost: Counter[str] = Counter()
        """Counts that the store has lost and that are not known any more, by kind."""
        self.writes = 0
        """Confirmed writes."""
        self.repeated = 0
        """Confirmed writes that the store had applied before: the first answer was lost."""
        self.refused = 0
        """Keys in confirmed writes that were left unchanged: a value of another program, or no permission."""
        self.rewritten = 0
        """Counts that were, or are to be, written again because the store had lost them."""
        self.unsure = 0
        """Counts of which nobody knows whether the store has lost them: another agent has written the key again."""
        self.losses = 0
        """Times that the store was found to have lost writes."""
        self.has_gaps = False
        """Whether a key was missing although it should have been there; `look_around` looks for more of them."""
        self._outbox = outbox
        self._lanes = lanes
        self._tail = Tail(tail_octets)
        self._in_flight: dict[int, Write] = {}
        self._first: dict[int, Write] = {}  # the writes in flight that were made anew, as they were at first
        self._prepared: dict[int, Write] = {}
        self._numbers: dict[int, int] = {}  # the number of the last write that was made, by lane
        self._stored: dict[int, int] = {}  # the number that the store has, or will have when all in flight is applied
        self._abandoned: dict[int, list[tuple[int, int]]] = {}  # by lane, numbers between two others
        self._presumed, self._ahead = ahead, dict[int, int]()  # seconds that the clock of a lane's store is ahead
        self._emptied, self._doubted = self._places(()), self._places(())
        self._probed = 0
        self._calm = 0  # calls of `look_around` since the store last evicted keys
        self._caution = 1  # calls without an eviction until all is written again
        self._has_looked = False  # whether all was written again since the store last evicted keys

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return not self._in_flight and not self._prepared and self._outbox.is_empty

    @property
    def in_flight(self) -> Counter[str]:
        """Counts in writes that were made and not answered, by kind."""
        return counts_of(portion for write in self._made() for portion in write.portions)

    @property
    def waiting_keys(self) -> int:
        """Slots of the outbox that wait, and those in writes that were made and not answered."""
        return len(self._outbox) + sum(len(portion) for write in self._made() for portion in write.portions)

    def next_writes(self, now: int) -> list[Write]:
        """Return the writes in flight, those of before that were not answered among them; none if nothing waits.

        They are of different lanes.
        """
        self._heal_lanes()
        if not self._send_prepared():
            self._prepare(self._in_flight.keys() | self._prepared.keys(), now)
            self._send_prepared()
        age = SECOND if len(self._in_flight) < _MANY else _LATER
        for lane, write in self._in_flight.items():
            if write.made + age <= now:
                self._in_flight[lane] = self._renewed(write, now)
        return list(self._in_flight.values())

    def _send_prepared(self) -> bool:
        """Let the prepared writes of lanes without one in flight be in flight; return whether there are any."""
        following = [lane for lane in self._prepared if lane not in self._in_flight]
        self._in_flight |= {lane: self._prepared.pop(lane) for lane in following}
        return bool(following)

    def _renewed(self, write: Write, now: int) -> Write:
        """Return `write` with what of it still lives, for as long as that lives."""
        self._first.setdefault(write.lane, write)
        place = replace(write.place, until=self._until(write.lane, now))
        return to_write(self._outbox.renewed(write.portions, now), place, self.writing, now)

    def _until(self, lane: int, now: int) -> int:
        """Return the time of a lane's store until which a write is applied that is made `now`."""
        return now // SECOND + self._ahead.get(lane, self._presumed) + PATIENCE

    def prepare(self, now: int) -> None:
        """Make the writes that follow those in flight, if anything waits."""
        if not self._has_lost:
            self._prepare(set(self._prepared), now)

    def _prepare(self, besides: set[int], now: int) -> None:
        """Make writes of what waits, and of nothing where losses are to be looked for, but for the lanes `besides`."""
        if len(besides) == self._lanes.number:
            return
        portions = self._outbox.take(SLOTS, now, self._places(besides) if besides else None)
        divided: dict[int, list[Portion]] = {}
        if self._probed:
            latest = set(list(self._numbers)[-self._probed :])
            divided = {lane: [] for lane in latest - besides - self._in_flight.keys()}
            self._probed = 0
        divided |= self._divided(portions)
        for lane in divided.keys() & besides:  # keys whose lane was not known until now
            self._put_back(divided.pop(lane))
        try:
            self._prepared |= {
                lane: to_write(each, self._next_place(lane, now), self.writing, now) for lane, each in divided.items()
            }
        except Exception:  # a mistake of ours: without these keys the others can still be written
            self._outbox.given_up.update(counts_of(portion for each in divided.values() for portion in each))
            raise

    def _places(self, lanes: Iterable[int]) -> Places:
        """Return `lanes` in the form that the outbox takes."""
        places = np.zeros(self._lanes.number + 1, np.bool_)
        places[[lane + 1 for lane in lanes]] = True
        return places

    def probe(self) -> None:
        """Let the next writes go to every lane that was ever written to, so that losses are noticed."""
        self._probed = len(self._numbers)

    @property
    def is_probing(self) -> bool:
        """Whether there is a lane to ask for its number."""
        return self._probed > 0

    def _next_place(self, lane: int, now: int) -> NumberPlace:
        number, before = self._numbers.get(lane, 0) + 1, self._stored.get(lane, 0)
        self._numbers.pop(lane, None)  # the order of the lanes is that of their latest writes
        self._numbers[lane] = self._stored[lane] = number
        key = self._lanes.number_key(self.writing.session, lane)
        return NumberPlace(lane, key, number, before, self._until(lane, now))

    def _divided(self, portions: Iterable[Portion]) -> dict[int, list[Portion]]:
        """Divide `portions` by lane, and note the lanes of their keys."""
        divided: dict[int, list[Portion]] = {}
        for portion in portions:
            lanes = self._lanes.of(portion.names)
            self._outbox.note_lanes(portion, lanes)
            if self._lanes.number == 1:
                divided.setdefault(0, []).append(portion)
                continue
            order = np.argsort(lanes, kind="stable")
            starts = np.flatnonzero(np.diff(lanes[order], prepend=-1))
            for rows in np.split(order, starts[1:]):
                divided.setdefault(int(lanes[rows[0]]), []).append(portion.some(rows))
        return divided

    def confirm(self, write: Write, written: Written) -> None:
        """Take note of the answer to `write`; ignore it if the write was given up meanwhile."""
        if self._in_flight.get(write.lane) is not write:
            return
        if written.time:
            self._ahead[write.lane] = written.time - write.made // SECOND
        if written.outcome is Applied.LATE:
            self._in_flight[write.lane] = self._renewed(write, write.made)
            return
        del self._in_flight[write.lane]
        if written.outcome is Applied.LOST:
            self._heal(write, written)
        else:
            self._settle(write, written)
        if not self._in_flight:
            self._heal_lanes()

    def _settle(self, write: Write, written: Written) -> None:
        is_repeated = written.outcome is Applied.BEFORE
        first = self._first.pop(write.lane, write)
        for portion in (first if is_repeated else write).portions:
            self._outbox.settle(portion)
        self._tail.add(write.lane, write.number, tuple(portion.taken for portion in write.portions))
        self.written.update(counts_of(write.portions))
        self.writes += 1
        self.repeated += is_repeated
        self.refused += written.refused
        self.rewritten += written.rewritten
        self.unsure += written.unsure
        self.has_gaps |= written.rewritten > 0

    def _heal(self, write: Write, written: Written) -> None:
        """Put `write` back, and what the store has lost."""
        lane, held = write.lane, written.held
        self._first.pop(lane, None)
        prepared = self._prepared.pop(lane, None)
        for made in (write, prepared):
            self._put_back(made.portions if made else ())
        self._stored[lane] = write.number  # as the store has noted
        self.losses += 1
        if len(self._numbers) > 1:
            self.probe()
        is_abandoned = self._abandon(lane, held, write.number)
        since = self._tail.take_since(lane, 0 if is_abandoned else held)
        if held == 0 and written.evicted == 0:
            self._emptied[lane + 1] = True
        elif held == 0 or is_abandoned or not since.is_complete:
            self._doubted[lane + 1] = True
        else:
            self._rewrite(since.parts)

    def _abandon(self, lane: int, held: int, number: int) -> bool:
        """Abandon the numbers between `held` and `number`; return whether `held` was abandoned before.

        What these writes added is in later ones again, so a store that comes back with one of them has it twice if the
        later ones are repeated: one that was emptied, and is then restored from a snapshot of before.
        """
        known = self._abandoned.get(lane, [])
        is_abandoned = any(low < held < high for low, high in known)
        self._abandoned[lane] = [*(each for each in known if each[0] < held), (held, number)][-_LOSSES:]
        return is_abandoned

    def _put_back(self, portions: Iterable[Portion]) -> None:
        """Let what was in a write wait again; what has ended meanwhile is expired."""
        for portion in portions:
            lives = self._outbox.put_back(portion)
            self._outbox.doubt(portion, lives)
            count(self._outbox.books.expired, portion.view, portion.deltas[~lives])

    def _rewrite(self, parts: Iterable[TakenKeys]) -> None:
        """Let what was written wait again; what has ended meanwhile would have expired in the store as well."""
        for part in parts:
            lives = self._outbox.put_back(part)
            back: Counter[str] = Counter()
            count(back, part.view, part.deltas[lives])
            self.written.subtract(back)
            self.rewritten += back.total()

    @property
    def _has_lost(self) -> bool:
        """Whether lanes are to be healed whose keys were not all in the tail."""
        return bool(self._emptied.any() or self._doubted.any())

    def _heal_lanes(self) -> None:
        """Let the keys of the lanes that were emptied, or that nobody knows what they lost, wait again."""
        if self._doubted.any():
            self._outbox.check(self._doubted, Doubt.LOST)
        if self._emptied.any():
            restored = self._outbox.restore(self._emptied)
            self.written.subtract(restored)
            self.rewritten += restored.total()
            lost = self._outbox.books.forgotten(self._emptied)
            self.written.subtract(lost)
            self.lost.update(lost)
        self._emptied[:] = self._doubted[:] = False

    def look_around(self, *, is_full: bool) -> None:
        """Ask lanes for their numbers; if a key was missing, let all be written again, with nothing new.

        Not while the store `is_full` and evicts keys: it would only evict them again. They are missing nevertheless, so
        it is done later. Whenever the store evicts again after that, twice as many calls must pass without it.
        """
        self._probed = max(self._probed, min(_SAMPLE, len(self._numbers)))
        self.has_gaps |= is_full
        self._calm = 0 if is_full else self._calm + 1
        if is_full and self._has_looked:
            self._caution, self._has_looked = min(2 * self._caution, _CALM), False
        elif self._calm > 2 * _CALM:
            self._caution, self._has_looked = 1, False
        if self.has_gaps and self._calm >= self._caution:
            self._outbox.check(None, Doubt.NONE)
            self.has_gaps, self._has_looked = False, True

    def give_up(self) -> None:
        """Give up the writes that were made and are not answered, and all that waits."""
        self._outbox.given_up.update(self.in_flight)
        self._in_flight, self._first, self._prepared = {}, {}, {}
        self._outbox.give_up()

    def _made(self) -> Iterator[Write]:
        yield from self._in_flight.values()
        yield from self._prepared.values()
