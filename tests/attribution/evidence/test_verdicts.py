"""Verdicts are written once, corrected by proof, and moved with all that was counted under the wrong end."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from reference.ladder import SECOND, Packet
from shodohflo.columns.corrections import Corrections
from shodohflo.columns.own_ends import OwnEnds, OwnEndsTable, OwnSpace
from shodohflo.columns.socket_ends import SocketPair
from shodohflo.model import TCP, UDP, End, Rung
from shodohflo.pcap_config import DST, SRC, Assign, FlowMapping, LowerPort, Observed
from shodohflo.rules.compiler import CompiledRules
from support.judging import EVERYWHERE, Columns
from support.segments import ACK, BEGIN, HERE, HERE_PORT, SYN, SYN_ACK, THERE, THERE_PORT, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

GUESSED = [segment(ACK), segment(ACK, back=True)]
"""The lower port is HERE's."""
PROOF = [segment(SYN, 7, at=1), segment(SYN_ACK, 7, back=True, at=1), segment(ACK, at=1)]
"""THERE is the service."""


def corrections_of(columns: Columns, *batches: Sequence[Packet]) -> Corrections:
    """Return all corrections of some batches."""
    for batch in batches:
        columns.take_in(batch)
    return Corrections.concatenate(columns.corrections)


def test_a_correction_moves_all_that_was_counted_wrongly() -> None:
    """In several batches, settled ones as well; from the first of them to the last."""
    later = [segment(ACK, at=0.5)] * 2
    moved = corrections_of(Columns(), GUESSED, later, PROOF, [segment(ACK, at=2)])

    assert len(moved) == 1
    assert (moved.packets.tolist(), moved.octets.tolist()) == ([4], [160])
    assert (moved.port.tolist(), moved.wrong_port.tolist()) == ([THERE_PORT], [HERE_PORT])
    assert (moved.client.objects(), moved.service.objects()) == ([HERE], [THERE])
    assert (moved.first.tolist(), moved.last.tolist()) == ([GUESSED[0].time], [later[0].time])
    assert moved.rung.tolist() == [Rung.HANDSHAKE]


def test_proof_that_agrees_corrects_nothing() -> None:
    """It just shows from then on."""
    columns = Columns()
    swapped = [segment(SYN, 7, back=True, at=1), segment(SYN_ACK, 7, at=1), segment(ACK, at=1)]

    assert not len(corrections_of(columns, GUESSED, swapped))
    assert [verdict.rung for verdict in columns.take_in([segment(ACK, at=2)]).values()] == [Rung.HANDSHAKE]


def test_what_is_known_corrects_and_a_handshake_corrects_that_again() -> None:
    """Once for each rung: proof of another flow of THERE, then a handshake of its own the other way round."""
    port = HERE_PORT + 1
    other = [segment(SYN, 7, port=port), segment(SYN_ACK, 7, back=True, port=port), segment(ACK, port=port)]
    against = [segment(SYN, 8, back=True, at=2), segment(SYN_ACK, 8, at=2), segment(ACK, at=2)]

    moved = corrections_of(Columns(), GUESSED, other, [segment(ACK, at=1.5)], against, [segment(ACK, at=3)])

    assert moved.rung.tolist() == [Rung.KNOWN, Rung.HANDSHAKE]
    assert moved.packets.tolist() == [2, 3]
    assert moved.port.tolist() == [THERE_PORT, HERE_PORT]


def test_ports_that_are_used_anew_are_not_corrected() -> None:
    """What was counted of the conversation before was right."""
    anew = [segment(SYN, 9, back=True, at=2), segment(SYN_ACK, 9, at=2), segment(ACK, at=2)]

    assert not len(corrections_of(Columns(), [*PROOF, *GUESSED], anew, [segment(ACK, at=3)]))


def test_a_socket_of_this_host_corrects_a_handshake() -> None:
    """Nobody on the wire can forge it; what was counted while the flow was settled is moved too."""
    columns = Columns()
    columns.evidence.own_ends = OwnEndsTable.compile(OwnEnds((OwnSpace.of([HERE], [], []),)))
    corrections_of(columns, PROOF, [segment(ACK, back=True, at=2)], [segment(ACK, at=3)] * 5)
    space = OwnSpace.of([HERE], [End(HERE, TCP, HERE_PORT)], [])
    columns.evidence.own_ends = OwnEndsTable.compile(OwnEnds((space,)))

    moved = corrections_of(columns, [segment(ACK, at=4)])

    assert (moved.rung.tolist(), moved.packets.tolist()) == ([Rung.OWN_SOCKET], [7])


def owning(*, services: Sequence[End] = (), clients: Sequence[SocketPair] = ()) -> OwnEndsTable:
    """Return the own ends of HERE."""
    return OwnEndsTable.compile(OwnEnds((OwnSpace.of([HERE], services, clients),)))


CONNECTED = SocketPair(End(HERE, TCP, HERE_PORT), End(THERE, TCP, THERE_PORT))


def test_the_port_of_a_client_makes_nobody_a_service_but_the_one_it_is_connected_to() -> None:
    """Who sends a segment to the port of a client of ours has no proof that it was asked."""
    columns = Columns()
    columns.evidence.own_ends = owning(clients=[CONNECTED])
    forged = [replace(segment(ACK, back=True), sport=52000)]

    assert [each.rung for each in columns.take_in([segment(ACK)]).values()] == [Rung.OWN_SOCKET]
    assert [each.rung.is_proof for each in columns.take_in(forged).values()] == [False]
    assert [seen.end.port for seen in columns.evidence.services.all(BEGIN)] == [THERE_PORT]


@pytest.mark.parametrize("sockets", ["services", "clients"])
def test_what_a_socket_proves_is_known_of_other_flows(sockets: str) -> None:
    """A service of ours, or the one that our client is connected to; told of as a service with its evidence."""
    columns, ours = Columns(), sockets == "services"
    service = CONNECTED.local if ours else CONNECTED.remote
    columns.evidence.own_ends = owning(services=[CONNECTED.local]) if ours else owning(clients=[CONNECTED])
    columns.take_in([segment(ACK)])
    columns.evidence.own_ends = None
    # With another port of the other end.
    other = replace(segment(ACK, at=1), dport=1) if ours else segment(ACK, at=1, port=1)

    ((flow, verdict),) = columns.take_in([other]).items()

    assert (flow.ends[verdict.service or 0], verdict.rung) == (service, Rung.KNOWN)
    assert [(seen.end, seen.rung) for seen in columns.evidence.news(other.time)] == [(service, Rung.OWN_SOCKET)]


def test_a_service_by_a_socket_is_used_as_long_as_its_flow_has_payload() -> None:
    """Its last use is noted by the minute, with every client's address."""
    columns = Columns()
    columns.evidence.own_ends = owning(services=[CONNECTED.local])
    for at in range(0, 180, 5):
        columns.take_in([segment(ACK, back=True, at=at)])
    columns.take_in([replace(segment(ACK, back=True, at=180), src=IPv4Address("10.0.0.9"))])

    (seen,) = columns.evidence.services.all(BEGIN + 180 * SECOND)
    assert (seen.first, seen.last, seen.clients) == (BEGIN, BEGIN + 180 * SECOND, 2)


def test_groups_are_no_services_by_sockets() -> None:
    """A client that is connected to a group leaves nothing in memory."""
    group = End(IPv4Address("239.1.2.3"), UDP, 5000)
    columns = Columns()
    columns.evidence.own_ends = owning(clients=[SocketPair(End(HERE, UDP, HERE_PORT), group)])
    sent = Packet(BEGIN, HERE, HERE_PORT, group.address, group.port, UDP)

    assert [each.rung for each in columns.take_in([sent]).values()] == [Rung.OWN_SOCKET]
    assert columns.evidence.news(BEGIN) == []


def test_rules_are_graded_once_for_each_flow() -> None:
    """However many packets it has, settled or not; under the port of the service, which the rule took for a client."""
    columns = Columns()
    corrections_of(columns, GUESSED, PROOF, [segment(ACK, at=2)], [segment(ACK, at=2)])
    (grade,) = columns.grades.grades()

    assert (grade.graded, grade.disagreed, grade.worst_port) == (1, 1, THERE_PORT)


@pytest.mark.parametrize("settles_first", [False, True])
def test_a_flow_that_a_rule_records_against_evidence_is_counted_once(settles_first: bool) -> None:  # noqa: FBT001
    """By the rule that recorded it, whether the flow has been settled before or not."""
    columns = Columns()
    by_port, by_evidence = (None, None, LowerPort()), (None, None, Observed(LowerPort()))
    rules = CompiledRules(EVERYWHERE, FlowMapping(by_port, by_evidence))
    # Dropped, it is recorded by no rule, and not graded.
    dropping = CompiledRules(EVERYWHERE, FlowMapping((None, None, Assign(SRC, DST, drop=True))))
    columns.rules = dropping if settles_first else rules
    corrections_of(columns, [*PROOF, segment(ACK, back=True, at=1)])
    columns.rules = rules

    corrections_of(columns, [segment(ACK, at=2)] * 3, [segment(ACK, at=3)])

    assert columns.grades.contradicted == {0: 1}


def test_flows_that_no_rule_leaves_to_evidence_get_no_weak_verdict() -> None:
    """A rule that does may ask later, and gets what is seen by then."""
    columns = Columns()
    observing = columns.rules
    columns.rules = CompiledRules(EVERYWHERE, FlowMapping((None, None, LowerPort())))
    assert {verdict.rung for verdict in columns.take_in(GUESSED).values()} == {Rung.NONE}
    columns.rules = observing

    assert {verdict.rung for verdict in columns.take_in(GUESSED).values()} == {Rung.GUESSED}


def test_a_rule_that_stands_behind_others_is_graded_too() -> None:
    """Each rule about ports is asked what it would say; the word of an operator is not."""
    columns = Columns()
    columns.rules = CompiledRules(
        EVERYWHERE, FlowMapping((None, None, Observed()), (None, None, Assign(SRC, DST)), (None, None, LowerPort()))
    )
    corrections_of(columns, GUESSED, PROOF, [segment(ACK, at=2)])

    assert [(grade.rule, grade.graded, grade.disagreed) for grade in columns.grades.grades()] == [(0, 1, 1), (2, 1, 1)]
