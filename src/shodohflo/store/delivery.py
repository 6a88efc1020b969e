"""Exactly-once delivery: numbers the writes, and keeps the one in flight until it is answered. No I/O, no clock.

Invariants, after every call:

1. At most one write is in flight, and its number is one more than the number of the write before it.
2. The write in flight does not change until it is confirmed or given up, so sending it again is harmless: the store
   keeps the highest number it applied, and applies only numbers above it.
3. Added to the outbox = waiting + in flight + confirmed + given up, in packets of each kind. Corrections move packets
   that were added before, so they are counted apart.

Number, loss and repeat of write 7:

    add --> [ outbox ] --next_write--> [ write 7 in flight ] --send--> store: writer;<session> is 6
               |                          |       ^                       |
               | full: the                |       |  no answer:           |-- 6, not 7: add the counts, set it to 7
               | stalest rows             |       +--send 7 again---------|
               v                          |          (repeat)             |-- 7 already: add nothing
            given up <-- close -----------+                               |
             (loss)                       [ confirmed ] <--answer---------+

While the store works on a write, the next one can be made ready (`prepare`); it is not in flight before it is the next.

A write that is in flight when the writer closes is counted as given up although the store may have applied it: only
the missing answer could confirm it.

A store that was restarted without its data, restored from a snapshot or emptied had a lower number before a write than
the one that was confirmed last. The packets of the writes between are lost: confirmed, and in the store no more. (Only
the answer to that write shows it: if it does not arrive, the loss is not noticed.)
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from shodohflo.store.write import ROWS, to_write

if TYPE_CHECKING:
    from shodohflo.store.outbox import Outbox, WithRules
    from shodohflo.store.write import Write, Writing, Written

REMEMBERED: Final = 10_000
"""Writes of which is known what the store held after them: those of at least an hour."""


class Delivery:
    """Takes rows out of an outbox, one numbered write at a time, and counts the results."""

    def __init__(self, outbox: Outbox, writing: Writing) -> None:
        """Start with nothing in flight; the first write has number 1."""
        self.writing = writing
        """Session, agent and lifetime of keys; a change applies from the next new write."""
        self.packets = 0
        """Packets in confirmed writes."""
        self.writes = 0
        """Confirmed writes."""
        self.repeated = 0
        """Confirmed writes that the store had applied before: the first answer was lost."""
        self.refused = 0
        """Keys in confirmed writes that were left unchanged: a value of another program, or no permission."""
        self.lost = 0
        """Packets in confirmed writes that the store no longer has."""
        self.corrections = 0
        """Corrections in confirmed writes."""
        self.vanished = 0
        """Of these, the corrections for which the store had nothing left to move."""
        self.moved = 0
        """Packets that corrections moved, as far as the answers arrived."""
        self._held: deque[int] = deque([0], REMEMBERED)  # packets that the store had after each write, the latest last
        self._outbox = outbox
        self._in_flight: Write | None = None
        self._prepared: Write | None = None
        self._number = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return not self._made() and not len(self._outbox)

    @property
    def waiting(self) -> tuple[int, int]:
        """Rows and packets that are not confirmed yet, those in flight included."""
        made = [write.decided for write in self._made()]
        packets = sum(decided.packets for decided in made)
        return sum(map(len, made)) + len(self._outbox), packets + self._outbox.packets

    def next_write(self) -> Write | None:
        """Return the write in flight, or make one from the next rows; `None` if no rows wait."""
        if self._in_flight is None:
            self.prepare()
            self._in_flight, self._prepared = self._prepared, None
        return self._in_flight

    def prepare(self) -> None:
        """Make the write that follows the one in flight ready, if rows wait."""
        if self._prepared is None and (decided := self._outbox.take(ROWS)) is not None:
            try:
                self._prepared = to_write(decided, self._number + 1, self.writing)
            except Exception:  # a mistake of ours: without these rows the others can still be written
                self._count_given_up(decided)
                raise
            self._number += 1

    def confirm(self, write: Write, written: Written) -> None:
        """Count `write` as confirmed; ignore the answer if the write was given up meanwhile."""
        if self._in_flight is not write:
            return
        self._in_flight = None
        self.writes += 1
        packets = write.decided.packets
        self.packets += packets
        self.corrections += len(write.decided.corrections)
        self.vanished += written.vanished
        self.moved += written.moved
        self.repeated += not written.now
        self.refused += written.refused
        kept = self._kept(written.before, write.number) if written.now else self._held[-1]
        self.lost += self._held[-1] - kept
        self._held.append(kept + packets)

    def _kept(self, before: int, number: int) -> int:
        """Return how many packets a store had whose last write was `before`, when it got write `number`."""
        if before == 0:
            return 0
        undone = max(number - 1 - before, 0)
        return self._held[-1 - min(undone, len(self._held) - 1)]

    def give_up(self) -> None:
        """Give up the write in flight, the one that is ready, and all rows that wait."""
        self._outbox.give_up()
        for write in self._made():
            self._count_given_up(write.decided)
        self._in_flight = self._prepared = None

    def _made(self) -> list[Write]:
        return [write for write in (self._in_flight, self._prepared) if write is not None]

    def _count_given_up(self, decided: WithRules) -> None:
        self._outbox.count_given_up(decided.observations)
        self._outbox.count_corrections_given_up(decided.corrections)
