"""Events: the openings, resets and payload of TCP flows with openings, in order, for `handshakes`.

Packets of one direction of a flow are one row of a batch, but openings need the order of packets. So the packets of the
few flows that have openings are looked at one by one here, as columns: sorted by flow and time, with what repeats
itself left out. An example of one flow, X and Y, in order:

    X SYN 7, X SYN 7, Y SYN-ACK 7, X payload, Y payload, X payload    is walked as
    X SYN 7,          Y SYN-ACK 7, payload (first X, all X and Y)     in three rounds
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.handshakes import MOST_OPENINGS, Event
from shodohflo.columns.batch import ACK, RST, SYN
from shodohflo.columns.table import Table, column, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.conversations import Conversations
    from shodohflo.attribution.evidence.handshakes import Talk
    from shodohflo.columns.batch import Batch

NO_EVENT: Final = 0xFF
"""Takes the place of an `Event` for a segment that is none."""


_KINDS: Final = np.full(256, NO_EVENT, np.uint8)
_KINDS[np.arange(256) & RST != 0] = Event.RESET
_KINDS[[0, SYN, SYN | ACK]] = Event.PAYLOAD, Event.SYN, Event.SYN_ACK


def kinds(rows: Batch) -> NDArray[np.uint8]:
    """Return the `Event` of each row of merged packets, 0xFF for a segment that is none, such as a FIN."""
    kind: NDArray[np.uint8] = _KINDS[rows.tcp_flags]
    return kind


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The packets of a batch."""

    times: NDArray[np.int64]
    """When each was received, in ns since 1970."""
    rows: NDArray[np.int32]
    """The row of each among those that evidence is taken from, -1 for any other."""

    @classmethod
    def of(cls, packets: Batch, row_of: NDArray[np.int32], rows: int, chosen: NDArray[np.intp]) -> Arrivals:
        """Return the arrivals of `packets`, of which `rows` rows were made and some are `chosen`."""
        place = np.full(rows, -1, np.int32)
        place[chosen] = np.arange(len(chosen), dtype=np.int32)
        return cls(packets.first, place[row_of])


@table
class Events(Table):
    """What happened in some flows, by flow and in order of time."""

    flow: NDArray[np.int64] = column(np.int64)
    """An index into the flows that are walked."""
    kind: NDArray[np.uint8] = column(np.uint8)
    """An `Event`."""
    side: NDArray[np.uint8] = column(np.uint8)
    """The side that sent it; of payload, the side that sent the first segment."""
    sides: NDArray[np.uint8] = column(np.uint8)
    """The sides that sent it, as bits."""
    number: NDArray[np.uint32] = column(np.uint32)
    time: NDArray[np.int64] = column(np.int64)
    """When it happened, of payload the last segment; in ns since 1970."""

    @classmethod
    def of(
        cls,
        talks: Conversations,
        kind: NDArray[np.uint8],
        arrivals: Arrivals,
        walked: NDArray[np.int32],
    ) -> Events:
        """Return the events of the flows whose place in `walked`, one for each flow, is not negative.

        `kind` has the event of each row of `talks`.
        """
        of_row = walked[talks.flow]
        # For packets of other rows, -1: the last one.
        is_event = np.append((of_row >= 0) & (kind != NO_EVENT), np.False_)
        chosen = np.flatnonzero(is_event[arrivals.rows])
        rows = arrivals.rows[chosen]
        flow, time = of_row[rows], arrivals.times[chosen]
        order = np.lexsort((time, flow))
        rows = rows[order]
        side = talks.side[rows]
        bits = np.uint8(1) << side
        return cls(flow[order].astype(np.int64), kind[rows], side, bits, talks.rows.number[rows], time[order])

    def shortened(self) -> Events:
        """Return the events without those that change nothing, and with payload between two openings as one.

        A reset ends openings that have led to no payload, so one that follows payload or another reset changes nothing.
        Then a flow has at most two events between two openings, a reset and payload, whatever it sends.
        """
        if not len(self):
            return self
        events = self.keep(~self._is_idle())
        begins = np.ones(len(events), np.bool_)
        begins[1:] = ~events._repeats()  # noqa: SLF001 - of the same class
        starts = np.flatnonzero(begins)
        ends = np.append(starts[1:], len(events)) - 1
        first, last = events[starts], events[ends]
        sides = np.bitwise_or.reduceat(events.sides, starts)
        latest = np.maximum.reduceat(events.time, starts)
        return Events(first.flow, first.kind, first.side, sides, last.number, latest)

    def _is_idle(self) -> NDArray[np.bool_]:
        """Return which events are resets that follow payload or another reset of their flow."""
        idle: NDArray[np.bool_] = self.kind == Event.RESET
        idle[0] = False
        idle[1:] &= (self.flow[1:] == self.flow[:-1]) & (self.kind[:-1] >= Event.RESET)
        return idle

    def _repeats(self) -> NDArray[np.bool_]:
        """Return for each event but the first whether it goes with the one before it."""
        before, after = self[:-1], self[1:]
        alike = (before.flow == after.flow) & (before.kind == after.kind)
        repeated = (before.side == after.side) & ((after.kind == Event.SYN) | (before.number == after.number))
        repeats: NDArray[np.bool_] = alike & ((after.kind == Event.PAYLOAD) | repeated)
        return repeats


def walk(events: Events, talk: Talk) -> None:
    """Take `events` into the state of their flows, one event of each flow at a time."""
    if not len(events):
        return
    opens = events.kind <= Event.SYN_ACK
    openings = np.bincount(events.flow[opens], minlength=len(talk.own))
    many = openings > MOST_OPENINGS
    if many.any():
        events = events.keep(~many[events.flow] | (events.kind > Event.SYN_ACK)).shortened()
    _walk(events, talk)
    talk.contradict(np.flatnonzero(many))


def _walk(events: Events, talk: Talk) -> None:
    begins = np.ones(len(events), np.bool_)
    begins[1:] = events.flow[1:] != events.flow[:-1]
    starts = np.flatnonzero(begins)
    turn = np.arange(len(events)) - starts[np.cumsum(begins) - 1]
    order = np.argsort(turn, kind="stable")
    begin = 0
    for end in np.cumsum(np.bincount(turn)).tolist():
        _take(events[order[begin:end]], talk)
        begin = end


def _take(events: Events, talk: Talk) -> None:
    """Take in one event of each of some flows."""
    present = np.bincount(events.kind * np.uint8(2) + events.side, minlength=2 * len(Event))
    for kind in (Event.SYN, Event.SYN_ACK, Event.RESET):
        for side in (0, 1):
            if present[2 * kind + side]:
                some = events[(events.kind == kind) & (events.side == side)]
                talk.take(kind, side, some.flow, some.number, some.time)
    if present[2 * Event.PAYLOAD :].any():
        some = events[events.kind == Event.PAYLOAD]
        talk.carry(some.flow, np.uint8(1) << some.side, some.sides, some.time)
