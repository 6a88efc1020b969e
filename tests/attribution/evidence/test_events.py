"""Events come by flow and in order of time, without what repeats itself."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from shodohflo.attribution.evidence.events import Events
from shodohflo.attribution.evidence.handshakes import Event
from support.segments import ACK, FIN, RST, SYN, SYN_ACK, conversations, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reference.ladder import Packet


def events_of(packets: Sequence[Packet]) -> list[tuple[Event, int]]:
    """Return the events of one flow, shortened: what happened, and by which side."""
    talks, kind, arrivals = conversations(packets)
    assert len(talks) == 1
    events = Events.of(talks, kind, arrivals, np.zeros(1, np.int32)).shortened()
    return [(Event(what), side) for what, side in zip(events.kind.tolist(), events.side.tolist(), strict=True)]


def test_what_repeats_itself_is_one_event() -> None:
    """SYNs of one side in a row are one, whatever their numbers; so is payload, of whichever sides."""
    packets = [
        segment(SYN, 7, at=0),
        segment(SYN, 8, at=1),
        segment(SYN_ACK, 8, back=True, at=2),
        segment(SYN_ACK, 8, back=True, at=3),
        segment(SYN_ACK, 9, back=True, at=4),
        segment(ACK, at=5),
        segment(ACK, back=True, at=6),
        segment(ACK, at=7),
        segment(FIN, at=8),
    ]

    assert events_of(packets) == [
        (Event.SYN, 0),
        (Event.SYN_ACK, 1),
        (Event.SYN_ACK, 1),
        (Event.PAYLOAD, 0),
    ]


def test_resets_that_end_nothing_are_no_events() -> None:
    """After payload, or another reset; so nobody makes a flow of thousands of events of a batch."""
    resets = [segment(RST, back=back, at=at) for at, back in enumerate([False, True] * 3)]
    alternating = [segment(flags, at=10 + at) for at, flags in enumerate([ACK, RST] * 3)]

    assert events_of([*resets, *alternating]) == [(Event.RESET, 0), (Event.PAYLOAD, 0)]
    assert events_of([*alternating, segment(SYN, 7, at=30), *resets]) == [
        (Event.RESET, 0),
        (Event.PAYLOAD, 0),
        (Event.SYN, 0),
    ]


def test_a_run_of_syns_has_the_number_of_the_last() -> None:
    """What a SYN-ACK must acknowledge is the latest one."""
    talks, kind, arrivals = conversations([segment(SYN, 7, at=0), segment(SYN, 8, at=1)])

    assert Events.of(talks, kind, arrivals, np.zeros(1, np.int32)).shortened().number.tolist() == [8]


def test_payload_has_the_sides_of_all_and_the_time_of_the_last() -> None:
    """Its side is that of the first segment."""
    packets = [segment(ACK, back=True, at=1), segment(ACK, at=3), segment(ACK, back=True, at=2)]
    talks, kind, arrivals = conversations(packets)
    events = Events.of(talks, kind, arrivals, np.zeros(1, np.int32)).shortened()

    assert (events.side.tolist(), events.sides.tolist()) == ([1], [0b11])
    assert events.time.tolist() == [packets[1].time]


def test_events_are_in_order_of_time_however_packets_come() -> None:
    """The order in a batch does not matter."""
    packets = [segment(SYN, 7, at=0), segment(SYN_ACK, 7, back=True, at=1), segment(ACK, at=2)]

    assert {tuple(events_of(order)) for order in permutations(packets)} == {
        ((Event.SYN, 0), (Event.SYN_ACK, 1), (Event.PAYLOAD, 0))
    }


def test_flows_that_are_not_walked_have_no_events() -> None:
    """Only those that are chosen, by their places."""
    talks, kind, arrivals = conversations([segment(SYN, 7), segment(SYN, 7, port=40001), segment(ACK, port=40001)])
    chosen = np.where(talks.ports[0] == 40001, np.int32(0), np.int32(-1))

    events = Events.of(talks, kind, arrivals, chosen)

    assert events.kind.tolist() == [Event.SYN, Event.PAYLOAD]
    assert events.flow.tolist() == [0, 0]
