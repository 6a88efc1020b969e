"""The outbox: what each living key has counted, and what of it is still to be written. No I/O, no clock.

Observations are added to the keys that count them (`keys.key_columns`), so the outbox grows with the number of distinct
keys of one lifetime, not with time: an outage of any length needs no more room than one of a lifetime.

Invariants, after every call, for each kind of key:

1. Offered = taken + waiting + expired + no room + given up, in counts: a packet counts once in each of its keys.
2. A key that nothing refreshes for its lifetime ends, and what waits of it is expired: it would have expired in the
   store as well. What the key counts later is about another life.
3. A key is counted as a whole or not at all (`store.books`).
4. For each counter of a key, total = unsent + taken, so what the store should have from this agent is known.
5. Keys are taken newest first: what people look at is right at once after an outage, and the rest follows.

For example, with a lifetime of 900 seconds: a key counts 5 packets at 0 seconds, which are taken, and 2 at 600, when
the store is away. The store loses the key at 900. If it is back at 1,000, it gets 2 packets of 7 in all, with a
lifetime of 500 seconds, and writes 7, since it does not have the key. If it is back at 1,600, the 2 have expired.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.columns.labels import key_bytes
from shodohflo.keys.key_columns import FlowKeys, PairKeys, folded
from shodohflo.model import TCP
from shodohflo.store.book import UNKNOWN_SLOT, either
from shodohflo.store.books import SECOND, Books, count, views_of
from shodohflo.store.moving import move
from shodohflo.store.portion import DETAIL, REVERSE, VIEWS, DetailFacts, Doubt, Portion, TakenKeys, View

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from shodohflo.columns.corrections import Corrections
    from shodohflo.columns.observations import Observations
    from shodohflo.columns.table import Table
    from shodohflo.keys.key_columns import Folded
    from shodohflo.store.book import Book, Places, Slots

    _Due = Mapping[type[Table], NDArray[np.bool_]]
    """For each slot of each book, which of its keys can be taken."""

RuleTexts = tuple[str, ...]
"""The sentence of each rule, by its number."""

_SLACK: Final = 5 * SECOND
"""How much later than the agent thinks a key may expire in the store: the store counts from the arrival of a write."""


class Outbox:
    """The living keys, bounded by `octets` bytes; keys live for `lifetime` seconds after they were last refreshed."""

    def __init__(self, octets: int, lifetime: int, lanes: int = 1) -> None:
        """Start empty; `lanes` is the number of lanes of the store."""
        self.books = Books(octets, lifetime, lanes)
        self.offered: Counter[str] = Counter()
        """Counts that were added, by kind."""
        self.given_up: Counter[str] = Counter()
        """Counts that were given up at the end."""
        self.corrections = 0
        """Corrections that were added."""
        self.moved = 0
        """Packets that they move."""
        self.vanished = 0
        """Corrections that move nothing, because the wrong key has ended or is not known any more."""
        self._rules: dict[tuple[int, str], int] = {}
        self._line: deque[tuple[NDArray[np.uint8], Slots]] = deque()
        self._lined_up = 0

    def __len__(self) -> int:
        """Return the number of slots that wait to be written."""
        return sum(len(book.waiting()) for book in self.books.by_keys.values())

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not any(book.waits.any() for book in self.books.by_keys.values())

    def add(self, observations: Observations, rule_texts: RuleTexts, now: int) -> None:
        """Add rows to the keys that count them; `now` is in ns of a clock that goes on while the machine sleeps."""
        if not len(observations):
            return
        self.books.sweep(now)
        for kind, fold in folded(observations).items():
            book, counts = self.books.by_keys[kind], _counts(kind, fold)
            slots, is_fresh = self._enter(book, fold.keys, counts, now)
            if kind is FlowKeys:
                self._note_facts(fold, slots, is_fresh, rule_texts)

    def correct(self, corrections: Corrections, rule_texts: RuleTexts, now: int, wall: int) -> None:
        """Move what was added before under wrong keys to the right ones; `wall` is the time in ns since 1970."""
        if len(corrections):
            self.books.sweep(now)
            done = move(self.books, corrections, self._rule_ids(corrections.rule, rule_texts), now, wall)
            self.corrections += len(corrections)
            self.moved += done.packets
            self.vanished += done.vanished

    def take(self, most: int, now: int, besides: Places | None = None) -> list[Portion]:
        """Take what waits of at most `most` slots, those refreshed last before all others.

        What is known to be in the lanes at `besides` goes on waiting.
        """
        self.books.sweep(now)
        due = {kind: book.due(besides) for kind, book in self.books.by_keys.items()}
        portions: dict[View, Portion] = {}
        for kind, slots in self._next(due, most, now).items():
            keys = self.books.by_keys[kind].keys(slots)
            for view in views_of(self.books.by_keys[kind]):
                is_due = due[kind][slots, view.number]
                if is_due.all():
                    portions[view] = self._take(view, slots, keys, now)
                else:
                    portions[view] = self._take(view, slots[is_due], keys.keep(is_due), now)
        return [portions[view] for view in VIEWS if view in portions and len(portions[view])]

    def put_back(self, taken: TakenKeys) -> NDArray[np.bool_]:
        """Let what was taken wait again, but for that of keys that have ended meanwhile; return whether each lives."""
        view, book = taken.view, self.books.by_keys[taken.view.keys]
        lives = book.lives(taken.slots, taken.generations)
        slots, deltas = taken.slots[lives], taken.deltas[lives]
        book.unsent[slots, view.columns] += deltas
        book.waits[slots, view.number] = True
        count(self.books.waiting, view, deltas)
        return lives

    def renewed(self, portions: Iterable[Portion], now: int) -> list[Portion]:
        """Return `portions` as they are at `now`, without what has ended since they were taken, which is expired."""
        self.books.sweep(now)
        return [self._renewed(portion, now) for portion in portions]

    def _renewed(self, portion: Portion, now: int) -> Portion:
        book = self.books.by_keys[portion.view.keys]
        lives = book.lives(portion.slots, portion.generations)
        count(self.books.expired, portion.view, portion.deltas[~lives])
        left = portion.some(np.flatnonzero(lives))
        doubts = np.maximum(left.doubts, _has_expired(book, left.view, left.slots, now) * np.uint8(Doubt.EXPIRED))
        return replace(left, deadlines=book.deadline[left.slots], doubts=doubts)

    def settle(self, portion: Portion) -> None:
        """Note that the store has the keys of `portion`."""
        book = self.books.by_keys[portion.view.keys]
        lives = book.lives(portion.slots, portion.generations)
        here = portion.slots[lives], portion.view.number
        book.held[here] = np.maximum(book.held[here], portion.deadlines[lives])

    def doubt(self, portion: Portion, lives: NDArray[np.bool_]) -> None:
        """Note the doubts about those keys of `portion` that live."""
        doubt, here = self.books.by_keys[portion.view.keys].doubt, (portion.slots[lives], portion.view.number)
        doubt[here] = np.maximum(doubt[here], portion.doubts[lives])

    def note_lanes(self, portion: Portion, lanes: NDArray[np.uint16]) -> None:
        """Note the lane of each key of `portion`."""
        self.books.by_keys[portion.view.keys].place[portion.slots, portion.view.number] = lanes + np.uint16(1)

    def restore(self, lanes: Places) -> Counter[str]:
        """Let all that was taken wait again, in some lanes: their store was emptied. Returns the counts by kind."""
        restored: Counter[str] = Counter()
        for view in VIEWS:
            book = self.books.by_keys[view.keys]
            slots = self._living(view, lanes)
            sent = book.total[slots, view.columns] - book.unsent[slots, view.columns]
            book.unsent[slots, view.columns] += sent
            book.waits[slots, view.number] |= sent.any(axis=1)
            count(restored, view, sent)
        self.books.waiting.update(restored)
        return restored

    def check(self, lanes: Places | None, doubt: Doubt) -> None:
        """Let all keys be written again, with nothing new: the store may have lost some of them.

        `doubt` says what it may have of the others. Only those in `lanes` are, if it is given.
        """
        for view in VIEWS:
            book = self.books.by_keys[view.keys]
            here = self._living(view, lanes), view.number
            book.waits[here] = True
            book.doubt[here] = np.maximum(book.doubt[here], doubt)

    def _living(self, view: View, lanes: Places | None) -> Slots:
        """Return the slots of the living keys of `view`, or of those that are known to be in `lanes`."""
        book = self.books.by_keys[view.keys]
        slots = book.living()
        return slots if lanes is None else slots[lanes[book.place[slots, view.number]]]

    def give_up(self) -> None:
        """Give up everything that waits."""
        self.given_up.update(self.books.waiting)
        self.books.waiting.clear()
        for book in self.books.by_keys.values():
            book.unsent[:] = 0
            book.waits[:] = False

    def _enter(self, book: Book, keys: Table, counts: NDArray[np.int64], now: int) -> tuple[Slots, NDArray[np.bool_]]:
        """Add `counts` to `keys`; return their slots, and whether each has counted nothing before."""
        slots = self.books.admit(book, key_bytes(keys), now)
        here = slots != UNKNOWN_SLOT
        for view in views_of(book):
            count(self.offered, view, counts[:, view.columns])
        is_fresh = np.zeros(len(slots), np.bool_)
        is_fresh[here] = book.total[slots[here], 0] <= 0
        self.books.refuse(book, counts[~here])
        self.books.add(book, slots[here], counts[here])
        self.books.refresh(book, slots[here], now)
        return slots, is_fresh

    def _note_facts(self, fold: Folded, slots: Slots, is_fresh: NDArray[np.bool_], rule_texts: RuleTexts) -> None:
        """Note what the `detail` hashes of flows say beside their counts."""
        rows, flows = fold.rows, self.books.flows
        latest = np.empty(len(slots), np.intp)
        in_time = np.argsort(rows.last, kind="stable")
        latest[fold.groups.group[in_time]] = in_time  # where several are assigned, the last one stays
        here = slots != UNKNOWN_SLOT
        slots, is_fresh, latest = slots[here], is_fresh[here], latest[here]
        first, last = fold.groups.earliest(rows.first)[here], rows.last[latest]
        flows.first[slots] = np.where(is_fresh, first, np.minimum(flows.first[slots], first))
        is_news = is_fresh | (last >= flows.last[slots])
        newer, latest = slots[is_news], latest[is_news]
        flows.last[newer], flows.rung[newer] = last[is_news], rows.rung[latest]
        flows.rule[newer] = self._rule_ids(rows.rule[latest], rule_texts)

    def _rule_ids(self, rules: NDArray[np.uint16], rule_texts: RuleTexts) -> NDArray[np.int32]:
        """Return numbers for the rules with their texts: after a reload, the same rule number means another rule."""
        distinct, which = np.unique(rules, return_inverse=True)
        texts = [(rule, rule_texts[rule] if rule < len(rule_texts) else "") for rule in distinct.tolist()]
        return np.array([self._rules.setdefault(text, len(self._rules)) for text in texts], np.int32)[which]

    def _next(self, due: _Due, most: int, now: int) -> Mapping[type[Table], Slots]:
        """Return the slots to be taken, by book."""
        waiting = {kind: np.flatnonzero(either(keys)).astype(np.int32) for kind, keys in due.items()}
        if sum(map(len, waiting.values())) > most:
            waiting = self._newest(due, waiting, most, now)
        return {kind: slots for kind, slots in waiting.items() if len(slots)}

    def _newest(self, due: _Due, waiting: Mapping[type[Table], Slots], most: int, now: int) -> dict[type[Table], Slots]:
        """Return those of the waiting slots that were refreshed last, by book; they are lined up once a second."""
        if now >= self._lined_up + SECOND:
            self._line.clear()
        chosen: dict[type[Table], Slots] = {}
        while not any(map(len, chosen.values())):
            if not self._line:
                self._line_up(waiting, most, now)
            books, slots = self._line.popleft()
            chosen = {kind: slots[books == place] for place, kind in enumerate(self.books.by_keys)}
            chosen = {kind: each[either(due[kind][each])] for kind, each in chosen.items()}
        return chosen

    def _line_up(self, waiting: Mapping[type[Table], Slots], most: int, now: int) -> None:
        """Line up the waiting slots, in parts of at most `most`."""
        self._lined_up = now
        books = np.concatenate([np.full(len(slots), place, np.uint8) for place, slots in enumerate(waiting.values())])
        slots = np.concatenate(list(waiting.values()))
        deadlines = np.concatenate([self.books.by_keys[kind].deadline[each] for kind, each in waiting.items()])
        order = np.argsort(-deadlines, kind="stable")
        parts = [order[start : start + most] for start in range(0, len(order), most)]
        self._line = deque((books[part], slots[part]) for part in parts)

    def _take(self, view: View, slots: Slots, keys: Table, now: int) -> Portion:
        """Take what waits of `slots`, which have these `keys`."""
        book, here = self.books.by_keys[view.keys], (slots, view.number)
        portion = Portion(
            view=view,
            slots=slots,
            generations=book.generation[slots],
            deltas=book.unsent[slots, view.columns],
            totals=book.total[slots, view.columns],
            doubts=_doubts(book, view, slots, now),
            deadlines=book.deadline[slots],
            names=view.names(keys),
            facts=self._facts(slots) if view is DETAIL else None,
        )
        count(self.books.waiting, view, -portion.deltas)
        book.unsent[slots, view.columns] = 0
        book.waits[here], book.doubt[here] = False, Doubt.NONE
        if view is REVERSE and isinstance(keys, PairKeys):
            # An address with itself has no second key: there is nothing for the store to hold.
            is_single = keys.is_single()
            book.held[slots[is_single], 1] = book.deadline[slots[is_single]]
            return portion.some(np.flatnonzero(~is_single))
        return portion

    def _facts(self, slots: Slots) -> DetailFacts:
        flows, rules = self.books.flows, list(self._rules)
        return DetailFacts(
            first=flows.first[slots].tolist(),
            last=flows.last[slots].tolist(),
            rules=[rules[rule] for rule in flows.rule[slots].tolist()],
            rungs=flows.rung[slots].tolist(),
            corrected=flows.corrected[slots].tolist(),
        )


def _counts(kind: type[Table], fold: Folded) -> NDArray[np.int64]:
    """Return what the keys of `fold` count: a column for each counter of their book."""
    packets = fold.packets
    if isinstance(fold.keys, PairKeys):
        return np.stack([packets, np.where(fold.keys.is_single(), 0, packets)], axis=1)
    if kind is not FlowKeys:
        return packets[:, None]
    rows, by_tcp = fold.rows, fold.rows.protocol == TCP
    split = [
        fold.groups.sum(np.where(is_in, column, 0))
        for is_in in (by_tcp, ~by_tcp)
        for column in (rows.packets, rows.octets)
    ]
    return np.stack([packets, *split], axis=1)


def _doubts(book: Book, view: View, slots: Slots, now: int) -> NDArray[np.uint8]:
    """Return what the store may have of the keys of `slots`: one that was not refreshed may have expired there."""
    doubts: NDArray[np.uint8] = book.doubt[slots, view.number]
    return np.maximum(doubts, _has_expired(book, view, slots, now) * np.uint8(Doubt.EXPIRED))


def _has_expired(book: Book, view: View, slots: Slots, now: int) -> NDArray[np.bool_]:
    """Return whether the store may have let each key expire."""
    held: NDArray[np.int64] = book.held[slots, view.number]
    return (held > 0) & (held + _SLACK < now)
