"""Datagrams that ask and answer say who the client is, unless they contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from reference.ladder import Packet, Saying
from shodohflo.attribution.evidence.answers import first_said, hear
from shodohflo.attribution.evidence.flows import Flows
from shodohflo.attribution.evidence.handshakes import Own, Showing
from support.segments import conversations, datagram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.attribution.evidence.flows import Shown

ASK, ANSWER = datagram(Saying.REQUEST), datagram(Saying.RESPONSE, back=True, at=1)
SILENT = datagram(at=2)


def heard(packets: Sequence[Packet]) -> Shown:
    """Return what one flow shows by its datagrams."""
    talks, _, _ = conversations(packets)
    flows = Flows(64)
    shown = flows.of(talks, flows.memory.locate(talks.keys))
    hear(talks, shown)
    return shown


@pytest.mark.parametrize(
    ("packets", "own", "verified"),
    [
        ([SILENT], Own.NOTHING, False),
        ([ASK], Own.SERVICE_1, False),
        ([ANSWER], Own.SERVICE_1, False),
        ([ASK, ANSWER], Own.SERVICE_1, True),
        ([ASK, datagram(Saying.REQUEST, back=True)], Own.CONTRADICTION, False),
        ([ANSWER, datagram(Saying.RESPONSE)], Own.CONTRADICTION, False),
        ([ASK, ANSWER, datagram(Saying.RESPONSE)], Own.CONTRADICTION, False),
        ([datagram(Saying.RESPONSE), SILENT], Own.SERVICE_0, False),
    ],
)
def test_requests_and_responses_name_the_service(packets: Sequence[Packet], own: Own, verified: bool) -> None:  # noqa: FBT001
    """Both together verify it, both ways contradict each other, silence says nothing."""
    shown = heard(packets)

    assert (shown.own.tolist(), shown.latest.tolist()) == ([own], [own])
    assert shown.verified.tolist() == [verified]


@pytest.mark.parametrize(
    ("packets", "shows"),
    [
        ([ASK, SILENT], 0),
        ([ANSWER], Showing.CLAIM << 1),
        ([ASK, ANSWER], (Showing.SERVICE | Showing.BOTH) << 1),
        ([ANSWER, datagram(Saying.REQUEST, at=2)], (Showing.CLAIM | Showing.SERVICE | Showing.BOTH) << 1),
        ([ASK, ANSWER, datagram(Saying.RESPONSE, at=2)], (Showing.SERVICE | Showing.BOTH) << 1),
    ],
)
def test_what_a_flow_shows_to_others_is_what_it_showed_at_each_datagram(packets: Sequence[Packet], shows: int) -> None:
    """A request alone shows nothing; what was shown before a contradiction was shown."""
    assert heard(packets).shows.tolist() == [shows]


def test_what_was_said_stays_said() -> None:
    """A flow that asked in an earlier batch is verified by the answer in a later one."""
    flows = Flows(64)
    for packets in ([ASK], [ANSWER]):
        talks, _, _ = conversations(packets)
        shown = flows.of(talks, flows.memory.locate(talks.keys))
        hear(talks, shown)
        flows.keep(shown)

    assert shown.verified.tolist() == [True]
    assert np.all(shown.own == Own.SERVICE_1)


def test_what_is_said_again_is_passed_over() -> None:
    """However many rows repeat it, as they do where packets are not merged: the first of each is taken, by time."""
    times = [5, 3, 4, 2, 1, 9]
    said = first_said(np.array([0, 0, 0, 1, 0, 1], np.int32), np.array([1, 1, 2, 1, 2, 1], np.uint8), np.array(times))

    assert [times[row] for row in said.tolist()] == [1, 2, 3]
