"""The plain ladder gives the verdicts of all cases, however their packets are divided into batches."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.evidence_cases import ADDRESS_PLANS, Case, batches, cases
from reference.ladder import SECOND, Flow, Ladder, OwnSockets, Packet, Saying, Verdict, read_listed
from shodohflo.model import TCP, UDP, End, Rung

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTED = read_listed()
SIZES = pytest.mark.parametrize("size", [1, 2, 3, None], ids=lambda size: f"{size or 'all'} at once")
CASES = pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{how} {case}") for how in ADDRESS_PLANS for case in cases(how)]
)

HERE, THERE = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
SYN, SYN_ACK, ACK, RST = 0x02, 0x12, 0x10, 0x04


def test_there_are_thirty_three_cases() -> None:
    """Fifteen cases and eighteen more are read, each with something that must hold."""
    all_cases = cases()

    assert [case.name[:2] for case in all_cases] == [f"{number:02}" for number in range(1, 34)]
    assert all(moment.asks or moment.empty_but is not None for case in all_cases for moment in case.moments)


@CASES
@SIZES
def test_the_evidence_says_what_the_case_says(case: Case, size: int | None) -> None:
    """At every moment the evidence gives verdict and rung of the case, whatever the batches and whose side is 0."""
    ladder = Ladder(LISTED)
    for moment in case.moments:
        for batch in batches(moment.packets, size):
            ladder.take_in(batch)

        for ask in moment.asks:
            assert ladder.ask(ask.flow) == ask.expected, ask
        if moment.empty_but is not None:
            full = {name for name, entries in ladder.memories().items() if entries}
            assert full <= moment.empty_but


@CASES
def test_what_is_written_is_what_the_case_says(case: Case) -> None:
    """If a batch ends at each moment, what is written is the verdict of the case."""
    ladder = Ladder(LISTED)
    written: dict[Flow, Verdict] = {}
    for moment in case.moments:
        written |= ladder.take_in(moment.packets)

        for ask in moment.asks:
            assert written[ask.flow] == ask.expected, ask


@CASES
@SIZES
def test_proof_is_written_whatever_the_batches(case: Case, size: int | None) -> None:
    """Where the case says proof, what is written names the same client, and a rung that is proof."""
    ladder = Ladder(LISTED)
    written: dict[Flow, Verdict] = {}
    for moment in case.moments:
        for batch in batches(moment.packets, size):
            written |= ladder.take_in(batch)

        for ask in moment.asks:
            if ask.rung.is_proof:
                assert written[ask.flow].service == ask.expected.service, ask
                assert written[ask.flow].rung.is_proof


def _segment(flags: int, number: int = 0, *, back: bool = False, at: float = 0.0) -> Packet:
    ends = (THERE, 51000, HERE, 40000) if back else (HERE, 40000, THERE, 51000)
    return Packet(round(at * SECOND), *ends, TCP, flags, number)


HANDSHAKE = (_segment(SYN, 7), _segment(SYN_ACK, 7, back=True))
REQUEST, REPLY = _segment(ACK), _segment(ACK, back=True)
FLOW = Flow.between(End(HERE, TCP, 40000), End(THERE, TCP, 51000))
GUESS = Verdict(0, Rung.GUESSED)
SHOWN = Verdict(1, Rung.HANDSHAKE)


def test_evidence_of_the_same_batch_counts_before_its_flows_are_decided() -> None:
    """A handshake that was captured after the payload decides it, if both are in one batch."""
    assert Ladder(LISTED).take_in([REQUEST, *HANDSHAKE]) == {FLOW: SHOWN}


def test_evidence_is_taken_in_by_time() -> None:
    """The order within a batch does not matter where the times differ."""
    packets = [replace(packet, time=place) for place, packet in enumerate([*HANDSHAKE, REQUEST, REPLY])]

    verdicts = [Ladder(LISTED).take_in(order) for order in permutations(packets)]

    assert all(verdict == {FLOW: SHOWN} for verdict in verdicts)


def test_a_weaker_rung_does_not_change_what_is_written() -> None:
    """A list that names the other end after the first batch, or churn, leaves the guess as it was written."""
    ladder = Ladder(LISTED)
    ladder.take_in([REQUEST, REPLY])

    written = ladder.take_in([replace(each, sport=40001) for each in [REQUEST]] + [replace(REPLY, dport=40001), REPLY])

    assert ladder.ask(FLOW) == Verdict(1, Rung.CHURN)
    assert written[FLOW] == GUESS
    assert ladder.swaps == []


def test_proof_corrects_a_guess_once() -> None:
    """A SYN-ACK after a guess changes the verdict, which counts as one correction."""
    ladder = Ladder(LISTED)
    ladder.take_in([REQUEST, REPLY])

    healed = [ladder.take_in([*HANDSHAKE, REPLY]), ladder.take_in([REPLY])]

    assert healed == [{FLOW: SHOWN}] * 2
    assert [(swap.flow, swap.rung) for swap in ladder.swaps] == [(FLOW, Rung.HANDSHAKE)]


def test_a_stronger_rung_for_the_same_side_is_no_correction() -> None:
    """Evidence that agrees with what was written is shown from then on, and corrects nothing."""
    ladder = Ladder(LISTED, otherwise=lambda _: 1)
    ladder.take_in([REQUEST])

    assert ladder.take_in([*HANDSHAKE, REPLY]) == {FLOW: SHOWN}
    assert ladder.swaps == []


def test_ports_used_anew_begin_without_a_correction() -> None:
    """A handshake the other way round, after payload, is another conversation: nothing is taken back."""
    ladder = Ladder(LISTED)
    ladder.take_in([*HANDSHAKE, REQUEST, REPLY])
    anew = [_segment(SYN, 9, back=True, at=1), _segment(SYN_ACK, 9, at=1), _segment(ACK, at=1)]

    assert ladder.take_in(anew) == {FLOW: Verdict(0, Rung.HANDSHAKE)}
    assert ladder.swaps == []


@pytest.mark.parametrize(("rounds", "service"), [(32, 1), (33, None)])
def test_too_many_openings_in_one_batch_contradict_each_other(rounds: int, service: int | None) -> None:
    """Up to 64 openings of one flow in a batch are taken in; of more, none."""
    openings = [
        each for number in range(rounds) for each in (_segment(SYN, number), _segment(SYN_ACK, number, back=True))
    ]
    ladder = Ladder(LISTED, otherwise=lambda _: None)

    verdict = ladder.take_in([*openings, REQUEST])[FLOW]

    assert verdict.service == service
    assert len(ladder.openings) == (service is not None)


def test_repeated_openings_count_once() -> None:
    """A thousand repetitions of one SYN are one opening, and a run of SYNs with different numbers as well."""
    many = [_segment(SYN, 7)] * 1000 + [_segment(SYN, number) for number in range(1000)] + [_segment(SYN, 7)]

    assert Ladder(LISTED).take_in([*many, HANDSHAKE[1], REQUEST]) == {FLOW: SHOWN}


@pytest.mark.parametrize(("pause", "rung"), [(300.0, Rung.HANDSHAKE), (300.1, Rung.GUESSED)])
def test_openings_expire(pause: float, rung: Rung) -> None:
    """Openings count for payload within 300 s."""
    assert Ladder(LISTED).take_in([*HANDSHAKE, replace(REQUEST, time=round(pause * SECOND))])[FLOW].rung == rung


@pytest.mark.parametrize(("pause", "rung"), [(86_400.0, Rung.KNOWN), (86_400.1, Rung.GUESSED)])
def test_memory_expires(pause: float, rung: Rung) -> None:
    """A service is known for a day after the last payload of a flow that showed it."""
    ladder = Ladder(LISTED)
    ladder.take_in([*HANDSHAKE, REQUEST])
    later = replace(REPLY, dport=40001, time=round(pause * SECOND))

    (verdict,) = ladder.take_in([later]).values()

    assert verdict.rung == rung


@pytest.mark.parametrize(("silence", "rung"), [(60.0, Rung.GUESSED), (60.1, Rung.HANDSHAKE)])
def test_a_bare_syn_counts_after_a_minute_without_payload(silence: float, rung: Rung) -> None:
    """A SYN alone says who the client is if no payload of the flow was seen for more than 60 s before."""
    ladder = Ladder(LISTED)
    ladder.take_in([REQUEST])
    now = round(silence * SECOND)

    ladder.take_in([_segment(SYN, 7, at=silence), replace(REQUEST, time=now)])

    assert ladder.ask(FLOW).rung == rung


def _datagram(sport: int, dport: int, says: int = Saying.NOTHING, dst: IPv4Address = THERE) -> Packet:
    return Packet(0, HERE, sport, dst, dport, UDP, says=says)


def test_a_broadcast_of_our_networks_is_a_group() -> None:
    """The broadcast address of a network of ours is the service, that of an unknown one is an address as any other."""
    packet = _datagram(137, 137, dst=IPv4Address("192.0.2.255"))

    known, unknown = Ladder(LISTED, [ip_network("192.0.2.0/24")]), Ladder(LISTED)

    assert [*known.take_in([packet]).values()] == [Verdict(1, Rung.GROUP)]
    assert [*unknown.take_in([packet]).values()] == [Verdict(None, Rung.GUESSED)]
    assert sum(known.memories().values()) == 1


def test_an_answer_to_tftp_from_a_new_port_finds_its_client() -> None:
    """The request makes its sender a claimed client, so that data from any port of the server are understood."""
    ladder = Ladder(LISTED)

    ladder.take_in([_datagram(2000, 69, Saying.REQUEST)])
    verdicts = ladder.take_in([Packet(1, THERE, 1900, HERE, 2000, UDP), Packet(1, THERE, 3000, HERE, 2000, UDP)])

    assert [*verdicts.values()] == [Verdict(1, Rung.CLAIMED)] * 2


def test_roles_of_addresses_help_where_nothing_else_does() -> None:
    """An address seen only as a client, in either protocol, is the client of a conversation seen both ways."""
    ladder = Ladder(LISTED)
    ladder.take_in([*HANDSHAKE, REQUEST, REPLY])

    there_and_back = [_datagram(2000, 3000), Packet(0, THERE, 3000, HERE, 2000, UDP)]

    assert [*ladder.take_in(there_and_back).values()] == [Verdict(1, Rung.ROLES)]


@pytest.mark.parametrize(
    "sockets",
    [OwnSockets(services=frozenset({FLOW.ends[0]})), OwnSockets(clients=frozenset({(FLOW.ends[1], FLOW.ends[0])}))],
    ids=["listening", "client"],
)
def test_the_sockets_of_this_host_are_the_strongest_evidence(sockets: OwnSockets) -> None:
    """A listening socket, or a client's, outweighs a handshake."""
    ladder = Ladder(LISTED, own_sockets=sockets)

    assert ladder.take_in([*HANDSHAKE, REQUEST]) == {FLOW: Verdict(0, Rung.OWN_SOCKET)}


PACKETS = st.lists(
    st.builds(
        Packet,
        st.integers(0, 500).map(lambda seconds: seconds * SECOND),
        st.sampled_from([HERE, THERE]),
        st.sampled_from([443, 40000, 51000]),
        st.sampled_from([HERE, THERE]),
        st.sampled_from([443, 40000, 51000]),
        st.just(TCP),
        st.sampled_from([SYN, SYN_ACK, ACK, ACK, ACK, RST]),
        st.integers(0, 2),
    ),
    max_size=60,
)


@given(PACKETS, st.integers(1, 60))
def test_memory_does_not_depend_on_the_batches(packets: Sequence[Packet], size: int) -> None:
    """After the same packets, in the order of time, the evidence is the same however they came."""
    packets = sorted(packets, key=lambda packet: packet.time)
    whole, divided = Ladder(LISTED), Ladder(LISTED)

    flows = whole.take_in(packets)
    for batch in batches(packets, size):
        divided.take_in(batch)

    assert divided.memories() == whole.memories()
    assert {flow: divided.ask(flow) for flow in flows} == {flow: whole.ask(flow) for flow in flows}


@given(PACKETS)
def test_a_flow_is_corrected_once_for_a_rung(packets: Sequence[Packet]) -> None:
    """However the evidence comes, a verdict changes sides only to stronger proof, unless the ports are used anew."""
    ladder = Ladder(LISTED)
    for packet in sorted(packets, key=lambda packet: packet.time):
        ladder.take_in([packet])

    assert all(swap.rung.is_proof for swap in ladder.swaps)
