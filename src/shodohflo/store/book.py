"""A book: the keys of one kind that live, with what each counted, what of it was not sent, and until when it lives.

A key lives from the packet that made it until nothing refreshed it for its lifetime; all its numbers are about this
life. It has a slot, a row of the arrays below. A slot is used again, with the next generation, when its key has ended:
what was noted about the former key is recognised by its old generation.

    10.0.0.1;8.8.8.8;53;flow    total 120    unsent 7    deadline 1,203 s    held until 1,198 s

This key has counted 120 packets, of which the store has 113 or is about to get them; if it gets no more, it ends at
1,203 seconds. The store has it until 1,198 seconds at least, and later if another agent counts the same key.

A slot stands for one key of the store or for two (`store.portion`), of which each may be on another node of a cluster.
So what is to be written and what the store has of it is noted for each of the two.

No I/O, no clock: times are in ns of any clock that goes on while the machine sleeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.columns.labels import from_key_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.table import Table

    Slots = NDArray[np.int32]
    Places = NDArray[np.bool_]
    """Some of the lanes: whether each is among them, at one more than its number; the first is for unknown ones."""

_FIRST: Final = 1024
"""Slots of a new book."""

UNKNOWN_SLOT: Final = -1
"""The slot of a key that the book does not have."""


class Book:
    """The living keys of one kind, each with `width` counters."""

    def __init__(self, kind: type[Table], width: int) -> None:
        """Start empty; a slot stands for two keys of the store if there is more than one counter."""
        self.kind = kind
        of_each = (_FIRST, min(width, 2))
        self.total: NDArray[np.int64] = np.zeros((_FIRST, width), np.int64)
        """What each counter has counted in this life of the key."""
        self.unsent: NDArray[np.int64] = np.zeros((_FIRST, width), np.int64)
        """What of it is in no write; negative where a correction takes back what was sent."""
        self.deadline: NDArray[np.int64] = np.zeros(_FIRST, np.int64)
        """When the key ends, unless it is refreshed; 0 for a slot without a key."""
        self.held: NDArray[np.int64] = np.zeros(of_each, np.int64)
        """Until when the store has each, as far as this agent is concerned; 0 if no write with it was confirmed."""
        self.generation: NDArray[np.uint32] = np.zeros(_FIRST, np.uint32)
        self.waits: NDArray[np.bool_] = np.zeros(of_each, np.bool_)
        """Whether each is to be written, with or without anything new."""
        self.doubt: NDArray[np.uint8] = np.zeros(of_each, np.uint8)
        """What the store may have of each: a `store.portion.Doubt`."""
        self.place: NDArray[np.uint16] = np.zeros(of_each, np.uint16)
        """One more than the lane of each (`store.lanes`), 0 until it was taken for the first time."""
        self._slot_of: dict[bytes, int] = {}
        self._names: list[bytes] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        """Return the number of living keys."""
        return len(self._slot_of)

    def find(self, names: Sequence[bytes]) -> Slots:
        """Return the slot of each key, as `columns.labels.key_bytes` names it; `UNKNOWN_SLOT` for an unknown one."""
        slot_of = self._slot_of.get
        return np.array([slot_of(name, UNKNOWN_SLOT) for name in names], np.int32)

    def open(self, names: Sequence[bytes]) -> Slots:
        """Return a slot for each of these keys, which are different and unknown, with all numbers 0."""
        if not names:
            return np.zeros(0, np.int32)
        free = self._free[len(self._free) - min(len(self._free), len(names)) :]
        del self._free[len(self._free) - len(free) :]
        first = len(self._names)
        slots = [*free, *range(first, first + len(names) - len(free))]
        for slot, name in zip(free, names, strict=False):
            self._names[slot] = name
        self._names.extend(names[len(free) :])
        self._grow(len(self._names))
        self._slot_of.update(zip(names, slots, strict=True))
        return np.array(slots, np.int32)

    def close(self, slots: Slots) -> None:
        """End the keys of `slots`."""
        self.reset(slots)
        self.deadline[slots] = 0
        self.place[slots] = 0
        for slot in slots.tolist():
            del self._slot_of[self._names[slot]]
            self._names[slot] = b""
        self._free.extend(slots.tolist())

    def reset(self, slots: Slots) -> None:
        """Begin another life of the keys of `slots`, with all numbers 0 but the deadline."""
        self.total[slots] = 0
        self.unsent[slots] = 0
        self.held[slots] = 0
        self.generation[slots] += np.uint32(1)
        self.waits[slots] = False
        self.doubt[slots] = 0

    def lives(self, slots: Slots, generations: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return whether each of `slots` has the same key, in the same life, as when it had that generation."""
        same: NDArray[np.bool_] = self.generation[slots] == generations
        return same

    def living(self) -> Slots:
        """Return the slots of all living keys."""
        return np.flatnonzero(self.deadline).astype(np.int32)

    def due(self, besides: Places | None = None) -> NDArray[np.bool_]:
        """Return `waits`, without what is known to be in the lanes at `besides`."""
        return self.waits if besides is None else self.waits & ~besides[self.place]

    def waiting(self) -> Slots:
        """Return the slots of the keys that are to be written."""
        return np.flatnonzero(either(self.waits)).astype(np.int32)

    def quiet(self) -> Slots:
        """Return the slots of the living keys that wait for nothing and that the store has."""
        is_quiet = ~either(self.held == 0) & ~either(self.waits)
        return np.flatnonzero((self.deadline > 0) & is_quiet).astype(np.int32)

    def keys(self, slots: Slots) -> Table:
        """Return the keys of `slots`."""
        return from_key_bytes(self.kind, [self._names[slot] for slot in slots.tolist()])

    def _grow(self, size: int) -> None:
        """Make room for `size` slots."""
        if size <= len(self.deadline):
            return
        more = max(size, len(self.deadline) * 3 // 2)
        for name in self._columns():
            column = getattr(self, name)
            grown = np.zeros((more, *column.shape[1:]), column.dtype)
            grown[: len(column)] = column
            setattr(self, name, grown)

    def _columns(self) -> tuple[str, ...]:
        return "total", "unsent", "deadline", "held", "generation", "waits", "doubt", "place"


def either(of_each: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each slot whether something holds for any of its one or two keys; `any` takes 60 times as long."""
    held: NDArray[np.bool_] = of_each[:, 0] | of_each[:, -1]
    return held


class FlowBook(Book):
    """The living keys of flows: five counters, and what the `detail` hash says beside them.

    The counters are the packets of the key, and packets and bytes by TCP and by UDP for its hash.
    """

    def __init__(self, kind: type[Table]) -> None:
        """Start empty."""
        super().__init__(kind, 5)
        self.first: NDArray[np.int64] = np.zeros(_FIRST, np.int64)
        """When the first packet was received, in ns since 1970, as is `last`."""
        self.last: NDArray[np.int64] = np.zeros(_FIRST, np.int64)
        self.rule: NDArray[np.int32] = np.zeros(_FIRST, np.int32)
        """Which of the rules that the outbox knows decided the row with the latest `last`."""
        self.rung: NDArray[np.uint8] = np.zeros(_FIRST, np.uint8)
        """The `model.Rung` of that row."""
        self.corrected: NDArray[np.int64] = np.zeros(_FIRST, np.int64)
        """When packets were last moved here by a correction, in ns since 1970; 0 for never."""

    def reset(self, slots: Slots) -> None:
        """Begin another life of the keys of `slots`."""
        super().reset(slots)
        for column in (self.first, self.last, self.corrected):
            column[slots] = 0

    def _columns(self) -> tuple[str, ...]:
        return (*super()._columns(), "first", "last", "rule", "rung", "corrected")
