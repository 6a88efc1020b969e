"""Facts are looked up where evidence put them, for the flows that ask."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import numpy as np

from reference.ladder import Packet
from shodohflo.attribution.evidence.conversations import Conversations, Keyed
from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.attribution.evidence.known import CLIENT, SERVICE, FlowEnds
from shodohflo.attribution.evidence.lookup import Lookup
from shodohflo.columns.own_ends import OwnEnds, OwnEndsTable, OwnSpace
from shodohflo.columns.socket_ends import SocketPair
from shodohflo.model import TCP, End
from support.judging import Columns, batch_of
from support.segments import ACK, HERE, HERE_PORT, SYN, SYN_ACK, THERE, THERE_PORT, datagram, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

OPENING = [segment(SYN, 7), segment(SYN_ACK, 7, back=True)]
CHAT = [segment(ACK, at=1), segment(ACK, back=True, at=1)]


def lookup(columns: Columns, packets: Sequence[Packet]) -> Lookup:
    """Return the facts about the flows of `packets`, whose sides have sent nothing else."""
    evidence = columns.evidence
    talks = Conversations.of(Keyed.of(batch_of(4, packets)))
    shown = evidence.flows.of(talks, evidence.flows.memory.locate(talks.keys))
    shown.seen |= talks.spoke
    return Lookup(evidence, FlowEnds(talks, np.arange(len(talks))), shown)


def after(*packets: Packet) -> Columns:
    """Return the columns after one batch."""
    columns = Columns(evidence=Evidence(our_nets=[ip_network("10.0.0.0/30")]))
    columns.take_in(packets)
    return columns


def both(facts: Lookup, fact: str) -> list[int]:
    """Return the fact about side 0 and side 1 of the only flow."""
    return [int(facts.about(fact, side)[0]) for side in (0, 1)]


def test_ends_of_verified_flows_are_known() -> None:
    """A new flow of the service knows one end, with the same client port both."""
    columns = after(*OPENING, *CHAT)

    assert both(lookup(columns, CHAT), "known") == [CLIENT, SERVICE]
    assert both(lookup(columns, [segment(ACK, port=1, at=2)]), "known") == [0, SERVICE]
    assert both(lookup(columns, [segment(ACK, port=1, at=2)]), "roles") == [CLIENT, SERVICE]


def test_ends_of_unverified_flows_are_claims() -> None:
    """And known to nobody."""
    columns = after(OPENING[1], *CHAT)

    assert both(lookup(columns, CHAT), "claims") == [0, SERVICE]
    assert both(lookup(columns, CHAT), "known") == [0, 0]


def test_churn_is_apart_by_direction() -> None:
    """Two ports of one address, seen in one direction."""
    facts = lookup(after(segment(ACK), segment(ACK, port=1)), [segment(ACK, at=1)])

    assert both(facts, "churned_one_way") == [0, 1]
    assert both(facts, "churned") == [0, 0]


def test_groups_are_asked_for_datagrams_alone() -> None:
    """10.0.0.3 is the broadcast address of our network."""
    (to_all,) = [Packet(0, HERE, 1, HERE + 2, 2, protocol=17)]

    assert both(lookup(after(datagram()), [to_all]), "groups") == [0, 1]
    assert both(lookup(after(datagram()), [Packet(0, HERE, 1, HERE + 2, 2, TCP, ACK)]), "groups") == [0, 0]


def test_ports_are_listed_by_protocol() -> None:
    """Port 1000 is reserved for TCP services."""
    assert both(lookup(after(), [segment(ACK, port=1000)]), "listed") == [1, 0]
    assert both(lookup(after(), [datagram(port=1000)]), "listed") == [0, 0]


def test_sockets_are_those_of_the_kernel() -> None:
    """Nothing, until they are known."""
    columns = after()
    assert both(lookup(columns, CHAT), "sockets") == [0, 0]

    asking = [SocketPair(End(HERE, TCP, port), End(THERE, TCP, to)) for port, to in ((1, THERE_PORT), (2, 9))]
    space = OwnSpace.of([HERE], [End(HERE, TCP, HERE_PORT)], asking)
    columns.evidence.own_ends = OwnEndsTable.compile(OwnEnds((space,)))

    assert both(lookup(columns, CHAT), "sockets") == [SERVICE, 0]
    assert both(lookup(columns, [segment(ACK, port=1)]), "sockets") == [CLIENT, 0]
    assert both(lookup(columns, [segment(ACK, port=2)]), "sockets") == [0, 0]


def test_equal_ports_are_seen() -> None:
    """Of both ends of a flow."""
    facts = lookup(after(), [datagram(port=123, to=123), datagram(port=123, to=124)])

    assert sorted(facts.same_port.tolist()) == [False, True]


def test_facts_that_are_kept_are_about_the_same_flows() -> None:
    """By a mask."""
    facts = lookup(after(), [segment(ACK, port=1000), segment(ACK, port=40001), segment(ACK, port=1001)])
    listed = facts.about("listed", 0) != 0

    assert facts.keep(listed).about("listed", 0).tolist() == [1, 1]
    assert facts.keep(~listed).about("listed", 0).tolist() == [0]
