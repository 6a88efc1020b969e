"""What packets show is remembered within a fixed room, and a flood pushes out nothing that is in use."""

from __future__ import annotations

from ipaddress import IPv4Address

import numpy as np
import pytest

from reference.ladder import Packet, Saying
from shodohflo.attribution.evidence.evidence import EVIDENCE_MEMORY, Evidence
from shodohflo.columns.batch import Batch
from shodohflo.model import TCP, UDP, Rung
from support.judging import Columns, batch_of
from support.segments import ACK, BEGIN, HERE, HERE_PORT, SYN, SYN_ACK, datagram, segment

SECOND = 10**9


def services_of(port: int, at: int) -> list[Packet]:
    """Return a handshake and payload of one client with each of 200 services."""
    return [
        Packet(BEGIN + at * SECOND + step, *ends, TCP, flags, 7)
        for last in range(200)
        for step, (flags, back) in enumerate([(SYN, False), (SYN_ACK, True), (ACK, False), (ACK, True)])
        for client, service in [((IPv4Address("10.0.0.1"), port), (IPv4Address(f"10.9.0.{last}"), 50000))]
        for ends in [(*service, *client) if back else (*client, *service)]
    ]


def flood(count: int, at: int, seed: int) -> Batch:
    """Return matched handshakes and payload of `count` flows of new ends, which anybody can forge."""
    random = np.random.default_rng(seed)
    once = np.ones(count, np.int64)
    src, dst = (random.integers(2**31, 2**32, count, np.uint32) for _ in range(2))
    ports = [random.integers(1024, 65536, count).astype(np.uint16) for _ in range(2)]
    rows = [(SYN, False), (SYN_ACK, True), (ACK, False), (ACK, True)]
    parts = [
        Batch(
            family=4,
            src_addr=dst if back else src,
            dst_addr=src if back else dst,
            src_port=ports[back],
            dst_port=ports[not back],
            protocol=np.full(count, TCP, np.uint8),
            tcp_flags=np.full(count, flags, np.uint8),
            number=np.full(count, 9 if flags & SYN else 0, np.uint32),
            says=np.zeros(count, np.uint8),
            packets=once,
            octets=once,
            first=once * (BEGIN + at * SECOND + step),
            last=once * (BEGIN + at * SECOND + step),
        )
        for step, (flags, back) in enumerate(rows)
    ]
    return Batch.concatenate(parts)


@pytest.mark.parametrize("megabytes", [4, 5, 64, 500])
def test_evidence_takes_the_room_it_is_given(megabytes: int) -> None:
    """Whatever the setting, at most so much, and nearly all of it, is taken from the start."""
    octets = megabytes * 2**20

    assert 0.94 * octets < Evidence(octets).octets <= octets


def test_a_flood_of_a_million_ends_pushes_out_no_service_in_use() -> None:
    """200 services, each with two flows, are known after half a million forged flows; the room stays the same."""
    columns = Columns()
    octets = columns.evidence.octets
    for port, at in ((40001, 0), (40002, 1)):
        columns.take_in(services_of(port, at))
    for turn in range(50):
        columns.take_in_batch(flood(10_000, 2 + turn, turn))
    asked = [packet for packet in services_of(40003, 60) if packet.flags == ACK]

    verdicts = columns.take_in([packet for packet in asked if packet.sport == 50000])

    assert columns.evidence.octets == octets <= EVIDENCE_MEMORY
    assert len(verdicts) == 200
    assert {verdict.rung for verdict in verdicts.values()} == {Rung.KNOWN}
    assert all(flow.ends[verdict.service or 0].port == 50000 for flow, verdict in verdicts.items())


def test_hints_are_renewed_when_they_are_full() -> None:
    """In a small room, a flood does not make every end seem known for ever."""
    columns = Columns(evidence=Evidence(octets=200_000))
    for turn in range(20):
        columns.take_in_batch(flood(1000, turn, turn))
    columns.take_in([segment(ACK, at=30)])

    assert not columns.evidence.hints.is_full


def test_group_flows_leave_nothing_in_memory() -> None:
    """Nor do their requests, of TFTP either."""
    group = IPv4Address("224.0.0.251")
    columns = Columns()

    columns.take_in(
        [Packet(BEGIN, HERE, HERE_PORT, group, port, UDP, says=says) for port in (69, 5353) for says in Saying]
    )

    evidence = columns.evidence
    tables = (evidence.services, evidence.claims, evidence.clients, evidence.claimed_clients, evidence.roles)
    assert [len(table.keys) for table in tables] == [0] * 5


def test_scans_leave_only_openings() -> None:
    """SYNs without an answer, and answers without a question, are no evidence for others."""
    columns = Columns()
    columns.take_in([segment(SYN, 7, port=port) for port in range(1, 100)])
    columns.take_in([segment(SYN_ACK, 7, back=True, port=port) for port in range(200, 300)])

    evidence = columns.evidence
    tables = (evidence.services, evidence.claims, evidence.clients, evidence.claimed_clients, evidence.roles)
    assert [len(table.keys) for table in tables] == [0] * 5
    assert len(evidence.flows.memory.keys()) == 0
    assert len(evidence.openings.memory.keys()) == 199


def test_a_transfer_by_tftp_is_understood_from_its_request() -> None:
    """The answer comes from another port (RFC 1350)."""
    columns = Columns()
    columns.take_in([datagram(Saying.REQUEST, to=69)])

    verdicts = columns.take_in([datagram(back=True, to=3000, at=1)])

    assert [(verdict.service, verdict.rung) for verdict in verdicts.values()] == [(1, Rung.CLAIMED)]


def test_all_evidence_of_a_batch_counts_for_all_its_flows() -> None:
    """A flow is decided by what another one of the same batch shows, in either order."""
    proof = [segment(SYN, 7), segment(SYN_ACK, 7, back=True), segment(ACK)]
    other = segment(ACK, port=2)
    for packets in ([*proof, other], [other, *proof]):
        rungs = [verdict.rung for verdict in Columns().take_in(packets).values()]
        assert sorted(rungs) == [Rung.HANDSHAKE, Rung.KNOWN]


def test_an_empty_batch_shows_nothing() -> None:
    """And is no error."""
    evidence = Evidence(octets=2**20)
    batch = batch_of(4, [])

    assert evidence.take_in(batch, batch, np.empty(0, np.int32)).parts[0].rows.tolist() == []
