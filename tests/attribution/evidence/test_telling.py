"""What a flow shows is told once, and again in another minute or hour."""

from __future__ import annotations

import numpy as np
import pytest

from shodohflo.attribution.evidence.flows import Flows
from shodohflo.attribution.evidence.handshakes import Showing
from shodohflo.attribution.evidence.telling import Telling, due
from support.segments import ACK, conversations, segment

SHOWN = Showing.SERVICE | Showing.BOTH


def tells(at: float, *, told: int = SHOWN | Telling.TWO_WAY, shows: int = SHOWN) -> int:
    """Return what a flow of both directions tells that last had payload at second 0, and shows that again now."""
    flows = Flows(64)
    for time in (0, at):
        talks, _, _ = conversations([segment(ACK, at=time), segment(ACK, back=True, at=time)])
        shown = flows.of(talks, flows.memory.locate(talks.keys))
        shown.seen |= talks.spoke
        flows.keep(shown)
    shown.shows[:] = shows
    shown.told[:] = told
    (said,) = due(talks, shown).tolist()
    return int(said)


@pytest.mark.parametrize(
    ("at", "again"),
    [
        (1, 0),
        (39.9, 0),
        (40, Showing.SERVICE),
        (80, Showing.SERVICE),
        (600, Showing.SERVICE),
    ],
)
def test_services_are_told_again_in_another_minute(at: float, again: int) -> None:
    """The first payload is at second 20 of a minute."""
    assert tells(at) == again


def test_everything_is_told_again_in_another_hour() -> None:
    """This payload was captured before the other, whose hour began 800 s ago."""
    assert tells(-800) == Showing.SERVICE
    assert tells(-801) == SHOWN | Telling.TWO_WAY


def test_what_is_new_is_told_at_once() -> None:
    """Whatever the time."""
    assert tells(1, told=Showing.SERVICE) == Showing.BOTH | Telling.TWO_WAY
    assert tells(1, shows=SHOWN | Showing.CLAIM << 1) == Showing.CLAIM << 1


def test_the_first_payload_is_of_one_direction() -> None:
    """However packets are divided into batches: a flow of both directions tells both forms of churn."""
    flows = Flows(64)
    talks, _, _ = conversations([segment(ACK), segment(ACK, back=True)])
    shown = flows.of(talks, flows.memory.locate(talks.keys))
    shown.seen |= talks.spoke

    assert due(talks, shown).tolist() == [Telling.ONE_WAY | Telling.TWO_WAY]


def test_a_flow_without_payload_tells_nothing() -> None:
    """Openings alone are no evidence for others."""
    flows = Flows(64)
    talks, _, _ = conversations([segment(0x02, 7)])
    shown = flows.of(talks, flows.memory.locate(talks.keys))
    shown.shows[:] = 0xFF

    assert not np.any(due(talks, shown))
