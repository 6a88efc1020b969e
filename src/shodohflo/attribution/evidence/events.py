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

_WAYS: Final = 2 * len(Event)
"""Combinations of an event and a side."""


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
        """Return the events without repetitions, and with payload between two other events as one.

        So a flow has no more than two events between two openings, however its resets and payload alternate.
        """
        if not len(self):
            return self
        events = self.keep(~_is_idle(self))
        begins = np.ones(len(events), np.bool_)
        begins[1:] = ~_repeats(events)
        starts = np.flatnonzero(begins)
        ends = np.append(starts[1:], len(events)) - 1
        first, last = events[starts], events[ends]
        sides = np.bitwise_or.reduceat(events.sides, starts)
        latest = np.maximum.reduceat(events.time, starts)
        return Events(first.flow, first.kind, first.side, sides, last.number, latest)


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


def _is_idle(events: Events) -> NDArray[np.bool_]:
    """Return which events are resets that end nothing: after payload, or after another reset."""
    idle = np.zeros(len(events), np.bool_)
    before, after = events[:-1], events[1:]
    idle[1:] = (before.flow == after.flow) & (before.kind >= Event.RESET) & (after.kind == Event.RESET)
    return idle


def _repeats(events: Events) -> NDArray[np.bool_]:
    """Return for each event but the first whether it goes with the one before it."""
    before, after = events[:-1], events[1:]
    alike = (before.flow == after.flow) & (before.kind == after.kind)
    repeated = (before.side == after.side) & ((after.kind == Event.SYN) | (before.number == after.number))
    repeats: NDArray[np.bool_] = alike & ((after.kind == Event.PAYLOAD) | repeated)
    return repeats


def _walk(events: Events, talk: Talk) -> None:
    """Take the first event of every flow, then the second; of one turn, those of a kind and a side together."""
    begins = np.ones(len(events), np.bool_)
    begins[1:] = events.flow[1:] != events.flow[:-1]
    starts = np.flatnonzero(begins)
    turn = np.arange(len(events)) - starts[np.cumsum(begins) - 1]
    # Payload is carried whatever the side of its first segment.
    alike = turn * _WAYS + events.kind * 2 + events.side * (events.kind != Event.PAYLOAD)
    order = np.argsort(alike, kind="stable")
    events, alike = events[order], alike[order]
    ends = np.append(np.flatnonzero(alike[1:] != alike[:-1]) + 1, len(alike))
    begin = 0
    for end, what in zip(ends.tolist(), (alike[ends - 1] % _WAYS).tolist(), strict=True):
        _take(events[begin:end], Event(what // 2), what % 2, talk)
        begin = end


def _take(events: Events, kind: Event, side: int, talk: Talk) -> None:
    """Take in events of one kind, and of one side unless they are payload, each of another flow."""
    if kind is Event.PAYLOAD:
        talk.carry(events.flow, np.uint8(1) << events.side, events.sides, events.time)
    else:
        talk.take(kind, side, events.flow, events.number, events.time)
