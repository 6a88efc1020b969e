"""Events come by flow and in order of time, without what repeats itself."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from shodohflo.attribution.evidence import events as events_module
from shodohflo.attribution.evidence.events import Events, walk
from shodohflo.attribution.evidence.handshakes import Event, Talk
from support.segments import ACK, FIN, RST, SYN, SYN_ACK, conversations, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

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
        segment(RST, at=9),
    ]

    assert events_of(packets) == [
        (Event.SYN, 0),
        (Event.SYN_ACK, 1),
        (Event.SYN_ACK, 1),
        (Event.PAYLOAD, 0),
    ]


def test_resets_count_only_where_they_can_end_openings() -> None:
    """That is between an opening and payload, the first of them; what goes on beside payload is one event."""
    packets = [
        segment(SYN, 7, at=0),
        segment(RST, at=1),
        segment(RST, back=True, at=2),
        *(segment(flags, back=back, at=3) for flags in (ACK, RST) for back in (False, True)),
        segment(ACK, at=4),
        segment(SYN, 8, at=5),
        segment(RST, at=6),
    ]

    assert events_of(packets) == [
        (Event.SYN, 0),
        (Event.RESET, 0),
        (Event.PAYLOAD, 0),
        (Event.SYN, 0),
        (Event.RESET, 0),
    ]


def test_a_flow_with_too_many_openings_is_walked_in_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left without its openings is shortened too: otherwise a block of one flow would take seconds."""
    rounds: list[int] = []
    monkeypatch.setattr(events_module, "_take", lambda events, _: rounds.append(len(events)))
    packets = [
        segment(flags, number, back=flags == SYN_ACK, at=number)
        for number in range(100)
        for flags in (SYN, RST, SYN_ACK, ACK)
    ]
    talks, kind, arrivals = conversations(packets)

    walk(Events.of(talks, kind, arrivals, np.zeros(1, np.int32)).shortened(), a_talk())

    assert rounds == [1, 1]


def a_talk() -> Talk:
    """Return the state of one flow that has shown nothing."""
    by_side = {"has_syn": bool, "number": np.uint32, "quiet": bool, "answered": np.uint8, "since": bool}
    of_flow = {"own": np.uint8, "verified": bool, "seen": np.uint8, "last": np.int64, "live": bool, "led": bool}
    of_flow["opener"] = np.uint8
    return Talk(
        **{name: np.zeros((2, 1), dtype) for name, dtype in by_side.items()},
        **{name: np.zeros(1, dtype) for name, dtype in of_flow.items()},
    )


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
