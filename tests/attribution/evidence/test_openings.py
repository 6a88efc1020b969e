"""Openings are remembered for five minutes, and only where they have not led to a verified answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shodohflo.attribution.evidence.flows import Flows
from shodohflo.attribution.evidence.handshakes import MOST_OPENINGS, Own
from shodohflo.attribution.evidence.openings import Openings
from support.segments import ACK, RST, SYN, SYN_ACK, conversations, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reference.ladder import Packet
    from shodohflo.attribution.evidence.flows import Shown

CALL, ANSWER = segment(SYN, 7), segment(SYN_ACK, 7, back=True)
PAYLOAD = segment(ACK, at=1)


class Listener:
    """The openings and flows of some batches."""

    def __init__(self) -> None:
        """Begin with none."""
        self.flows, self.openings = Flows(64), Openings(64)

    def hear(self, *packets: Packet) -> Shown:
        """Return what the flow shows after a batch."""
        talks, kind, arrivals = conversations(packets)
        shown = self.flows.of(talks, self.flows.memory.locate(talks.keys))
        self.openings.take_in(talks, kind, arrivals, shown)
        shown.seen |= talks.spoke
        self.flows.keep(shown)
        return shown

    def __len__(self) -> int:
        """Count the flows with openings."""
        return len(self.openings.memory.keys())


def each(batches: Sequence[Sequence[Packet]]) -> tuple[Listener, Shown]:
    """Return the listener after some batches, and what the last one showed."""
    listener = Listener()
    for packets in batches:
        shown = listener.hear(*packets)
    return listener, shown


@pytest.mark.parametrize(
    "batches",
    [[[CALL, ANSWER, PAYLOAD]], [[CALL], [ANSWER], [PAYLOAD]], [[CALL, ANSWER], [PAYLOAD]]],
    ids=["one batch", "three batches", "two batches"],
)
def test_payload_keeps_a_verified_answer_and_ends_the_openings(batches: Sequence[Sequence[Packet]]) -> None:
    """However the packets are divided."""
    listener, shown = each(batches)

    assert (shown.own.tolist(), shown.verified.tolist(), shown.open.tolist()) == ([Own.SERVICE_1], [True], [False])
    assert len(listener) == 0


def test_a_claim_stays_open() -> None:
    """It may still be verified, or contradicted."""
    listener, shown = each([[ANSWER], [PAYLOAD]])

    assert (shown.own.tolist(), shown.verified.tolist(), shown.open.tolist()) == ([Own.SERVICE_1], [False], [True])
    assert len(listener) == 1


@pytest.mark.parametrize(("pause", "own"), [(300, Own.SERVICE_1), (300.1, Own.NOTHING)])
def test_openings_expire(pause: float, own: Own) -> None:
    """Five minutes after the last of them, payload or not."""
    _, shown = each([[CALL, ANSWER], [segment(ACK, at=pause)]])

    assert shown.own.tolist() == [own]
    assert shown.open.tolist() == [False]


def test_a_reset_ends_openings_that_led_to_nothing() -> None:
    """A refused port is no evidence; with payload, the openings stay."""
    refused, _ = each([[CALL], [segment(RST, back=True, at=1)]])
    broken, _ = each([[ANSWER], [PAYLOAD], [segment(RST, back=True, at=2)]])

    assert (len(refused), len(broken)) == (0, 1)


@pytest.mark.parametrize(("openings", "own"), [(MOST_OPENINGS, Own.SERVICE_1), (MOST_OPENINGS + 2, Own.CONTRADICTION)])
def test_too_many_openings_contradict_each_other(openings: int, own: Own) -> None:
    """None of them is taken in."""
    many = [
        packet
        for number in range(openings // 2)
        for packet in (segment(SYN, number), segment(SYN_ACK, number, back=True))
    ]

    _, shown = each([[*many, PAYLOAD]])

    assert shown.own.tolist() == [own]


def test_openings_of_a_flow_that_is_not_remembered_are_found() -> None:
    """They came before its first payload."""
    listener, shown = each([[CALL]])
    assert shown.slots.tolist() == [-1]

    assert listener.hear(ANSWER, PAYLOAD).own.tolist() == [Own.SERVICE_1]
