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

    lane: int
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
        self._sent: deque[_Sent] = deque()
        self._octets = 0
        self._dropped: dict[int, int] = {}

    def add(self, lane: int, number: int, parts: tuple[TakenKeys, ...]) -> None:
        """Keep what write `number` of a lane added."""
        sent = _Sent(lane, number, parts, sum(part.octets for part in parts))
        self._sent.append(sent)
        self._octets += sent.octets
        while self._octets > self._most:
            oldest = self._sent.popleft()
            self._octets -= oldest.octets
            self._dropped[oldest.lane] = oldest.number

    def take_since(self, lane: int, number: int) -> Since:
        """Remove the writes of a lane after `number`, and return what they added."""
        kept: deque[_Sent] = deque()
        parts: list[TakenKeys] = []
        for sent in self._sent:
            if sent.lane == lane and sent.number > number:
                parts += sent.parts
                self._octets -= sent.octets
            else:
                kept.append(sent)
        self._sent = kept
        return Since(parts, self._dropped.get(lane, 0) <= number)
