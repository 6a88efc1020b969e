"""Rows of settled flows are passed over, and those that say something new are not."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import numpy as np
import pytest

from reference.ladder import Flow, Packet, Saying
from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.columns.merging import significant_flags
from shodohflo.columns.own_ends import OwnEnds, OwnEndsTable, OwnSpace
from shodohflo.columns.socket_ends import SocketPair
from shodohflo.model import TCP, UDP, End, Rung
from support.judging import Columns, batch_of
from support.segments import ACK, HERE, HERE_PORT, RST, SYN, SYN_ACK, THERE, THERE_PORT, datagram, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

HANDSHAKE = [segment(SYN, 7), segment(SYN_ACK, 7, back=True)]
TALK = [segment(ACK, at=1), segment(ACK, back=True, at=1)]


def settled(columns: Columns, packets: Sequence[Packet]) -> int:
    """Return how many of the next packets, each in a row of its own, are settled."""
    batch = batch_of(4, packets)
    batch = replace(batch, tcp_flags=significant_flags(batch.tcp_flags))
    intake = columns.evidence.take_in(batch, batch, np.arange(len(batch), dtype=np.int32))
    return len(intake.settled.rows)


def columns_after(*batches: Sequence[Packet]) -> Columns:
    """Return the columns after some batches."""
    columns = Columns()
    for batch in batches:
        columns.take_in(batch)
    return columns


@pytest.mark.parametrize("opening", [HANDSHAKE, []], ids=["proven", "weak"])
def test_payload_of_a_flow_with_a_verdict_is_settled(opening: Sequence[Packet]) -> None:
    """By whatever evidence, if both ends have spoken."""
    columns = columns_after([*opening, *TALK])

    assert settled(columns, TALK) == 2


@pytest.mark.parametrize(
    "news",
    [
        [segment(ACK, at=60)],
        [segment(ACK, at=1), segment(SYN, 8, at=2)],
        [segment(ACK, at=1), segment(ACK, port=1, at=2)][1:],
    ],
    ids=["another minute", "an opening", "another flow"],
)
def test_what_is_new_is_looked_at(news: Sequence[Packet]) -> None:
    """With all rows of the same flow in the batch."""
    assert settled(columns_after([*HANDSHAKE, *TALK]), news) == 0


def test_the_first_payload_of_an_end_is_looked_at() -> None:
    """It makes the flow two-way; so is the first thing that an end says."""
    one_way = columns_after([segment(ACK)])
    silent = columns_after([datagram(), datagram(back=True)])

    assert settled(one_way, [segment(ACK, back=True)]) == 0
    assert settled(silent, [datagram(Saying.REQUEST)]) == 0
    assert settled(columns_after([datagram(Saying.REQUEST)]), [datagram(Saying.REQUEST)]) == 1


def test_a_reset_of_a_settled_flow_disturbs_nothing() -> None:
    """It has no openings that could end."""
    assert settled(columns_after([*HANDSHAKE, *TALK]), [TALK[0], segment(RST, at=1)]) == 1


def test_a_flow_with_openings_is_not_settled() -> None:
    """A SYN-ACK that anybody could have sent stays open until it expires."""
    columns = columns_after([HANDSHAKE[1], *TALK])

    assert settled(columns, TALK) == 0


def test_a_weak_verdict_falls_when_its_end_becomes_known_in_the_same_batch() -> None:
    """A flow that was settled by a guess gets the proof that another flow shows at the same time."""
    columns = columns_after(TALK)
    other = [segment(SYN, 9, port=2, at=2), segment(SYN_ACK, 9, back=True, port=2, at=2), segment(ACK, port=2, at=2)]

    verdicts = columns.take_in([*other, *TALK])

    flow = Flow.between(End(HERE, TCP, HERE_PORT), End(TALK[0].dst, TCP, TALK[0].dport))
    assert verdicts[flow].rung == Rung.KNOWN
    assert sum(map(len, columns.corrections)) <= 1


def test_sockets_of_this_host_are_asked_at_any_time() -> None:
    """A flow that is settled by its handshake is looked at if its end is a socket of this host by now."""
    columns = columns_after([*HANDSHAKE, *TALK])
    listening = OwnSpace.of([HERE], [End(HERE, TCP, HERE_PORT)], [])
    elsewhere = OwnSpace.of([IPv4Address("10.0.0.3")], [], [])

    columns.evidence.own_ends = OwnEndsTable.compile(OwnEnds((elsewhere,)))
    assert settled(columns, TALK) == 2
    columns.evidence.own_ends = OwnEndsTable.compile(OwnEnds((listening,)))
    assert settled(columns, TALK) == 0
    assert {verdict.rung for verdict in columns.take_in(TALK).values()} == {Rung.OWN_SOCKET}
    assert settled(columns, TALK) == 2


def test_sockets_that_have_no_answer_disturb_no_settled_flow() -> None:
    """Those of strangers to a client's port, of datagrams between equal ports, and where both ends are services."""
    ntp = [datagram(port=123, to=123), datagram(back=True, port=123, to=123)]
    columns = columns_after(TALK, ntp)
    ends = [End(HERE, UDP, 123), End(THERE, UDP, 123), End(HERE, TCP, HERE_PORT), End(THERE, TCP, THERE_PORT)]
    both = OwnSpace.of([HERE, THERE], ends, [])
    stranger = SocketPair(End(HERE, TCP, HERE_PORT), End(THERE, TCP, 9))

    for space in (both, OwnSpace.of([HERE], [End(HERE, UDP, 123)], [stranger])):
        columns.evidence.own_ends = OwnEndsTable.compile(OwnEnds((space,)))
        assert settled(columns, [*TALK, *ntp]) == 4


def test_a_settled_flow_lives_on() -> None:
    """Its time is noted: a flow that carries payload all the time is not forgotten."""
    columns = columns_after([*HANDSHAKE, *TALK])
    for at in range(2, 3000, 13):
        columns.take_in([segment(ACK, at=at)])

    assert {verdict.rung for verdict in columns.take_in([segment(ACK, at=3010)]).values()} == {Rung.HANDSHAKE}


def test_a_settled_row_whose_flow_loses_its_place_counts_for_no_other() -> None:
    """Its verdict stands for this batch; the flow that has the place now has its own."""
    columns = Columns(evidence=Evidence(octets=100_000))
    columns.take_in([*HANDSHAKE, *TALK])
    flood = [segment(ACK, port=port, at=1) for port in range(1000, 9000)]

    verdicts = columns.take_in([*flood, *TALK])

    flow = Flow.between(End(HERE, TCP, HERE_PORT), End(TALK[0].dst, TCP, TALK[0].dport))
    assert verdicts[flow].rung == Rung.HANDSHAKE
    assert len(verdicts) == 8001
