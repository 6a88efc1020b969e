"""The tail: what the latest confirmed writes added, to be written again if a store turns out to have lost them.

A store that is restored from a snapshot, or replaced by a replica that lagged behind, has the counts of all writes up
to some number. With the writes that came after, it is as it was; the tail has them as far as they fit into its bytes.

    confirmed 1 ... 800     tail 301 ... 800     the store has 795     ->  796 ... 800 are put back
                                                 the store has 200     ->  301 ... 800 are, 201 ... 300 are not known

No I/O, no clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shodohflo.store.portion import TakenKeys


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a confirmed write added."""

    number: int
    parts: tuple[TakenKeys, ...]
    octets: int


@dataclass(frozen=True, slots=True)
class Since:
    """What the writes of a lane added after a certain one."""

    parts: list[TakenKeys]
    is_complete: bool
    """Whether these are all of them."""


class Tail:
    """What the latest writes added, of all lanes together at most `most` bytes."""

    def __init__(self, most: int) -> None:
        """Start empty."""
        self._most = most
        self._octets = 0
        self._sent: dict[int, deque[_Sent]] = {}
        self._order: deque[tuple[int, int]] = deque()
        """Lane and number of each write, the oldest first; some were taken out since."""
        self._dropped: dict[int, int] = {}

    def add(self, lane: int, number: int, parts: tuple[TakenKeys, ...]) -> None:
        """Keep what write `number` of a lane added."""
        if not parts:
            return
        sent = _Sent(number, parts, sum(part.octets for part in parts))
        self._sent.setdefault(lane, deque()).append(sent)
        self._order.append((lane, number))
        self._octets += sent.octets
        while self._octets > self._most:
            self._drop(*self._order.popleft())

    def take_since(self, lane: int, number: int) -> Since:
        """Remove the writes of a lane after `number`, and return what they added."""
        taken: list[_Sent] = []
        sent = self._sent.get(lane, deque())
        while sent and sent[-1].number > number:
            taken.append(sent.pop())
        self._octets -= sum(each.octets for each in taken)
        parts = [part for each in reversed(taken) for part in each.parts]
        return Since(parts, self._dropped.get(lane, 0) <= number)

    def _drop(self, lane: int, number: int) -> None:
        """Drop a write, unless it was taken out."""
        sent = self._sent[lane]
        if sent and sent[0].number == number:
            self._octets -= sent.popleft().octets
            self._dropped[lane] = number
