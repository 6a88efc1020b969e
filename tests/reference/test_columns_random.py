"""The columns of evidence and the plain ladder agree on random conversations, however these are cut into batches."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from reference.ladder import SECOND, Ladder, OwnSockets, Packet, Saying, Verdict, lower_port, read_listed
from shodohflo.columns.corrections import Corrections
from shodohflo.columns.own_ends import OwnEnds, OwnEndsTable, OwnSpace
from shodohflo.columns.socket_ends import SocketPair
from shodohflo.model import TCP, UDP, End, Rung
from support.judging import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LISTED = read_listed()

EXAMPLES = int(os.environ.get("LADDER_EXAMPLES", "100"))
"""Random captures that are tried; some thousands after a change of the columns."""

ADDRESSES = [IPv4Address(f"10.0.0.{last}") for last in (1, 2, 3)]
GROUP = IPv4Address("224.0.0.251")

PAUSES = st.sampled_from([0, 0, 0, 1, 1, 2, 59, 60, 61, 299, 300, 301, 899, 900, 901, 2 * 86_400])
"""In s. That no evidence is just a day old is on purpose: columns note its use by the hour."""

SEGMENTS = st.builds(
    Packet,
    st.just(0),
    st.sampled_from(ADDRESSES),
    st.sampled_from([443, 40000, 51000]),
    st.sampled_from(ADDRESSES),
    st.sampled_from([443, 40000, 51000]),
    st.just(TCP),
    st.sampled_from([0x02, 0x12, 0x10, 0x10, 0x10, 0x10, 0x04, 0x11]),
    st.integers(0, 2),
)
DATAGRAMS = st.builds(
    Packet,
    st.just(0),
    st.sampled_from(ADDRESSES),
    st.sampled_from([69, 443, 40000]),
    st.sampled_from([*ADDRESSES, GROUP]),
    st.sampled_from([69, 443, 40000]),
    st.just(UDP),
    says=st.sampled_from(Saying),
)


LOCAL_ENDS = st.one_of(
    *(
        st.builds(End, st.sampled_from(ADDRESSES[:2]), st.just(protocol), st.sampled_from(ports))
        for protocol, ports in ((TCP, [443, 40000, 51000]), (UDP, [69, 443, 40000]))
    )
)
LOCAL_PAIRS = st.builds(
    lambda local, address, port: SocketPair(local, End(address, local.protocol, port)),
    LOCAL_ENDS,
    st.sampled_from([*ADDRESSES, GROUP]),
    st.sampled_from([69, 443, 40000, 51000]),
)


@st.composite
def captures(draw: st.DrawFn) -> list[Sequence[Packet]]:
    """Return batches of packets; those of one batch may be out of order."""
    packets = draw(st.lists(st.tuples(PAUSES, SEGMENTS | DATAGRAMS | SEGMENTS), min_size=1, max_size=60))
    return [*_batches(draw, list(_timed(packets)))]


def _timed(packets: Sequence[tuple[int, Packet]]) -> Iterator[Packet]:
    now = 1_700_000_000
    for pause, packet in packets:
        now += pause
        ends = (packet.src, packet.sport, packet.dst, packet.dport)
        number = packet.number if packet.opens else 0
        yield Packet(now * SECOND, *ends, packet.protocol, packet.flags, number, packet.says)


def _batches(draw: st.DrawFn, packets: list[Packet]) -> Iterator[Sequence[Packet]]:
    """Cut `packets` into batches of up to 5 minutes: what expires within a batch, only the plain ladder sees."""
    while packets:
        end = packets[0].time + 299 * SECOND
        size = sum(packet.time <= end for packet in packets[: draw(st.integers(1, 12))])
        batch, packets = packets[:size], packets[size:]
        yield draw(st.permutations(batch)) if draw(st.integers(0, 3)) == 0 else batch


@settings(max_examples=EXAMPLES)
@given(captures())
def test_random_conversations_get_the_verdicts_of_the_plain_ladder(batches: Sequence[Sequence[Packet]]) -> None:
    """After every batch the same flows have the same verdicts by the same rungs, and as many were corrected."""
    ladder, columns = Ladder(LISTED, otherwise=lower_port), Columns()
    for batch in batches:
        assert columns.take_in(batch) == {flow: _of_evidence(each) for flow, each in ladder.take_in(batch).items()}
    # Of a guess between equal ports, the plain ladder makes none.
    corrected = Corrections.concatenate(columns.corrections)
    swaps = [swap.flow.ends for swap in ladder.swaps]
    assert sum(corrected.port != corrected.wrong_port) == sum(one.port != other.port for one, other in swaps)


@settings(max_examples=EXAMPLES)
@given(captures(), st.lists(LOCAL_ENDS, max_size=3, unique=True), st.lists(LOCAL_PAIRS, max_size=3, unique=True))
def test_sockets_of_this_host_say_what_they_say_in_the_plain_ladder(
    batches: Sequence[Sequence[Packet]], services: Sequence[End], clients: Sequence[SocketPair]
) -> None:
    """In addition, two addresses are of this host, with some sockets."""
    pairs = frozenset((each.local, each.remote) for each in clients)
    ladder = Ladder(LISTED, otherwise=lower_port, own_sockets=OwnSockets(frozenset(services), pairs))
    columns = Columns()
    columns.evidence.own_ends = OwnEndsTable.compile(OwnEnds((OwnSpace.of(ADDRESSES[:2], services, clients),)))
    for batch in batches:
        assert columns.take_in(batch) == {flow: _of_evidence(each) for flow, each in ladder.take_in(batch).items()}


def _of_evidence(verdict: Verdict) -> Verdict:
    """Return what the evidence says: nothing, where the ports were asked."""
    return replace(verdict, service=None) if verdict.rung is Rung.GUESSED else verdict
