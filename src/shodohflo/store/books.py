"""All books of an agent, and their bound: which keys find room, which end, and what is forgotten. No I/O, no clock.

A key that nothing refreshes for its lifetime ends, and what waits of it is expired. A key is counted as a whole or not
at all: one that finds no room stays refused (`store.overflow`). What is known of keys that wait for nothing serves only
to heal what a store loses, so it is forgotten to make room for new keys, those refreshed longest ago first, down to
half of the room.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.keys.key_columns import ClientKeys, FlowKeys, PairKeys, ResetKeys, UnreachableKeys
from shodohflo.store.book import UNKNOWN_SLOT, Book, FlowBook
from shodohflo.store.overflow import Overflow
from shodohflo.store.portion import KINDS, VIEWS, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from shodohflo.columns.table import Table
    from shodohflo.store.book import Places, Slots

COSTS: Final[dict[type[Table], int]] = {
    FlowKeys: 400,
    PairKeys: 310,
    ClientKeys: 240,
    ResetKeys: 250,
    UnreachableKeys: 250,
}
"""Bytes of a slot of each book, at most: its part of the arrays, with the room to grow, and the entry of its name.

A flow of one pair and one client has 950 of them; 500,000 such flows took 754 each.
"""

SECOND: Final = 10**9

_FORGOTTEN_AT_ONCE: Final = 16
"""The part of the room that is made free at once, so that a flood need not look for old keys all the time."""


_TIMES: Final = 8
"""Parts of a lifetime that are told apart where keys were forgotten."""


@dataclass(slots=True)
class _Forgotten:
    """What keys have counted that were forgotten although they live."""

    since: int
    """When the first of them end, as far as is known, in ns of the outbox's clock."""
    until: int
    """When the last of them ends."""
    counts: dict[str, NDArray[np.int64]]
    """By kind, for each of the lanes at one more than its number."""


class Books:
    """The living keys of all kinds, bounded by `octets` bytes; they live for `lifetime` seconds when refreshed.

    `lanes` is the number of lanes of the store.
    """

    def __init__(self, octets: int, lifetime: int, lanes: int = 1) -> None:
        """Start empty."""
        self._lanes = lanes
        self.lifetime = lifetime
        """Seconds; a change applies to what is refreshed from then on."""
        self.waiting: Counter[str] = Counter()
        """Counts that are in no write, by kind, as are those below: a packet counts once in each of its keys."""
        self.expired: Counter[str] = Counter()
        """Counts whose keys ended while they waited."""
        self.no_room: Counter[str] = Counter()
        """Counts of keys that found no room."""
        self.flows = FlowBook(FlowKeys)
        self.clients = Book(ClientKeys, 1)
        self.by_keys: dict[type[Table], Book] = {
            FlowKeys: self.flows,
            PairKeys: Book(PairKeys, 2),
            ClientKeys: self.clients,
            ResetKeys: Book(ResetKeys, 1),
            UnreachableKeys: Book(UnreachableKeys, 1),
        }
        self._octets = octets
        self._overflow = Overflow()
        self._forgotten: list[_Forgotten] = []
        self._swept = 0

    @property
    def keys(self) -> int:
        """Return the number of living keys; a pair of ends counts as one."""
        return sum(map(len, self.by_keys.values()))

    @property
    def octets(self) -> int:
        """Return the bytes that the living keys occupy."""
        return sum(len(book) * COSTS[kind] for kind, book in self.by_keys.items())

    def admit(self, book: Book, names: list[bytes], now: int) -> Slots:
        """Return a slot for each of the different `names`, or `UNKNOWN_SLOT` for a key that finds no room.

        A key that has ended and one that is new begin a life, which ends at once unless it is refreshed. All of them
        are to be added to, so none is forgotten to make room for another.
        """
        slots = book.find(names)
        known = slots[slots != UNKNOWN_SLOT]
        ended = known[book.deadline[known] <= now]
        if len(ended):
            self._bury(book, ended)
            book.reset(ended)
        book.waits[known] = True
        new = np.flatnonzero(slots == UNKNOWN_SLOT)
        if len(new):
            new = self._accept(book, names, new)
            slots[new] = book.open([names[at] for at in new])
        return slots

    def _accept(self, book: Book, names: list[bytes], new: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return those of the `new` keys that find room, and remember the others."""
        refused = new[:0]
        if not self._overflow.is_empty:
            is_refused = self._overflow.has([names[at] for at in new])
            new, refused = new[~is_refused], new[is_refused]
        room = self._room(COSTS[book.kind], len(new))
        new, refused = new[:room], np.concatenate([refused, new[room:]])
        if len(refused):
            self._overflow.add([names[at] for at in refused])
        return new

    def refresh(self, book: Book, slots: Slots, now: int) -> None:
        """Let the keys of `slots` live for another lifetime."""
        book.deadline[slots] = now + self.lifetime * SECOND

    def add(self, book: Book, slots: Slots | int, counts: NDArray[np.int64]) -> None:
        """Add `counts` to what the keys of `slots` have counted; all of it waits."""
        book.total[slots] += counts
        book.unsent[slots] += counts
        book.waits[slots] = True
        for view in views_of(book):
            count(self.waiting, view, counts[..., view.columns])

    def refuse(self, book: Book, counts: NDArray[np.int64]) -> None:
        """Count what found no room."""
        for view in views_of(book):
            count(self.no_room, view, counts[..., view.columns])

    def sweep(self, now: int) -> None:
        """End the keys that nothing has refreshed; done once a second, however often it is called."""
        if now < self._swept + SECOND:
            return
        self._swept = now
        self._overflow.turn(now, self.lifetime * SECOND)
        for book in self.by_keys.values():
            living = book.living()
            ended = living[book.deadline[living] <= now]
            if len(ended):
                self._bury(book, ended)
                book.close(ended)
        self._forgotten = [each for each in self._forgotten if each.until > now]

    def forgotten(self, lanes: Places) -> Counter[str]:
        """Remove and return what keys in `lanes` counted that are not known any more although they live, by kind."""
        counts: Counter[str] = Counter()
        for each in self._forgotten:
            counts.update({kind: int(by_place[lanes].sum()) for kind, by_place in each.counts.items()})
            for by_place in each.counts.values():
                by_place[lanes] = 0
        return counts

    def _bury(self, book: Book, slots: Slots) -> None:
        """Count what waits of `slots` as expired."""
        for view in views_of(book):
            unsent = book.unsent[slots, view.columns]
            count(self.expired, view, unsent)
            count(self.waiting, view, -unsent)

    def _room(self, cost: int, wanted: int) -> int:
        """Return for how many of `wanted` keys of so many bytes there is room, after making some if necessary."""
        lacking = wanted * cost - (self._octets - self.octets)
        if lacking > 0:
            self._forget(lacking)
        return max(min(wanted, (self._octets - self.octets) // cost), 0)

    def _forget(self, octets: int) -> None:
        """Forget keys that wait for nothing, as far as they occupy more than half of the room."""
        quiet = [(book, book.quiet()) for book in self.by_keys.values()]
        excess = sum(len(slots) * COSTS[book.kind] for book, slots in quiet) - self._octets // 2
        octets = min(max(octets, self._octets // _FORGOTTEN_AT_ONCE), excess)
        if octets <= 0:
            return
        deadlines = np.concatenate([book.deadline[slots] for book, slots in quiet])
        costs = np.concatenate([np.full(len(slots), COSTS[book.kind]) for book, slots in quiet])
        order = np.argsort(deadlines, kind="stable")
        leaving = np.zeros(len(order), np.bool_)
        leaving[order[: int(np.searchsorted(np.cumsum(costs[order]), octets)) + 1]] = True
        now_forgotten = self._being_forgotten(int(deadlines[leaving].max()))
        for book, slots in quiet:
            gone, leaving_later = slots[leaving[: len(slots)]], leaving[len(slots) :]
            for view in views_of(book):
                if view.kind:
                    np.add.at(
                        now_forgotten[view.kind], book.place[gone, view.number], book.total[gone, view.columns][:, 0]
                    )
            book.close(gone)
            leaving = leaving_later

    def _being_forgotten(self, until: int) -> dict[str, NDArray[np.int64]]:
        """Return where to count keys that are forgotten now and live `until` then; a few such times are told apart."""
        if not self._forgotten or self._forgotten[-1].since < until - self.lifetime * SECOND // _TIMES:
            self._forgotten.append(
                _Forgotten(until, until, {kind: np.zeros(self._lanes + 1, np.int64) for kind in KINDS})
            )
        self._forgotten[-1].until = max(self._forgotten[-1].until, until)
        return self._forgotten[-1].counts


def views_of(book: Book) -> Iterable[View]:
    """Return the views of the slots of `book`."""
    return (view for view in VIEWS if view.keys is book.kind)


def count(counter: Counter[str], view: View, counts: NDArray[np.int64]) -> None:
    """Add `counts` of keys of `view` to `counter`, unless they are counted as those of another view."""
    if view.kind:
        counter[view.kind] += int(counts.sum())
