"""Ends and addresses are remembered for a day, and an end is churned by another port of one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from reference.ladder import SECOND, Packet
from shodohflo.attribution.evidence.hints import Hints, short
from shodohflo.attribution.evidence.known import CLIENT, SERVICE, Churn, FlowEnds, Marks
from support.segments import ACK, HERE_PORT, THERE_PORT, conversations, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = np.array([7, 9], np.uint64)


def both_ends(packets: Sequence[Packet]) -> FlowEnds:
    """Return both ends of all flows: those of side 0 first."""
    talks, _, _ = conversations(packets)
    every = np.ones(len(talks), np.bool_)
    return FlowEnds.of_both(talks, (every, every))


def test_an_end_has_its_address_its_port_and_another_end() -> None:
    """Side 0 first, as they were asked for."""
    ends = both_ends([segment(ACK)])

    assert ends.ports.tolist() == [HERE_PORT, THERE_PORT]
    assert ends.others.ports.tolist() == [THERE_PORT, HERE_PORT]
    assert ends.others.keys.tolist() == ends.keys.tolist()[::-1]
    assert ends.keep(np.array([False, True])).ports.tolist() == [THERE_PORT]
    assert ends.at(0).ports.tolist() == [HERE_PORT, HERE_PORT]
    assert ends.is_tcp.all()


def test_a_second_port_of_one_address_marks_the_end_it_met() -> None:
    """In one batch or in two; the same port again marks nothing."""
    together, apart = Churn(64, 64), Churn(64, 64)
    first, second = segment(ACK), segment(ACK, port=HERE_PORT + 1)

    together.remember(both_ends([first, second]))
    for packets in ([first], [first], [second]):
        assert not apart.marked(both_ends([first])).any()
        apart.remember(both_ends(packets))

    for churn in (together, apart):
        assert churn.marked(both_ends([first])).tolist() == [False, True]


def test_nobody_asks_nothing() -> None:
    """No flows leave nothing."""
    churn = Churn(64, 64)
    talks, _, _ = conversations([segment(ACK)])

    churn.remember(FlowEnds(talks, np.empty(0, np.intp)))

    assert not churn.marked(both_ends([segment(ACK)])).any()


def test_marks_add_up() -> None:
    """A key that is marked as both is neither only a client nor only a service."""
    marks = Marks(64)
    now = np.full(2, 5, np.int64)
    for bits in ([CLIENT, SERVICE], [SERVICE, SERVICE]):
        marks.mark(KEYS, now, np.array(bits, np.uint8))

    assert marks.bits(KEYS, now).tolist() == [CLIENT | SERVICE, SERVICE]
    assert marks.bits(KEYS + np.uint64(1), now).tolist() == [0, 0]
    assert sorted(marks.keys.tolist()) == KEYS.tolist()


@pytest.mark.parametrize(("pause", "bits"), [(86_400 * SECOND, CLIENT), (86_400 * SECOND + 1, 0)])
def test_marks_last_a_day(pause: int, bits: int) -> None:
    """After the last use."""
    marks = Marks(64)
    marks.mark(KEYS[:1], np.array([5]), np.array([CLIENT], np.uint8))

    assert marks.bits(KEYS[:1], np.array([5 + pause])).tolist() == [bits]


def test_whoever_marks_an_end_leaves_a_hint() -> None:
    """Or nobody would look for it."""
    hints = Hints(10)
    marks = Marks(64, hints)

    marks.mark(KEYS, np.full(2, 5, np.int64), np.full(2, CLIENT, np.uint8))

    assert hints.find(short(KEYS)).all()
