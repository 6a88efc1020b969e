"""Services are told of as they were seen: their ends, their strongest evidence, their clients, their times."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import numpy as np
import pytest

from reference.ladder import SECOND, Packet, Saying
from shodohflo.attribution.evidence.hints import Hints, short
from shodohflo.attribution.evidence.known import DAY, FlowEnds
from shodohflo.attribution.evidence.services import TOLD_EVERY, Services
from shodohflo.model import MOST_CLIENTS, TCP, UDP, End, Rung, ServiceSeen
from support.segments import ACK, BEGIN, HERE, HERE_PORT, THERE, THERE_PORT, conversations, datagram, segment

SERVICE = End(THERE, TCP, THERE_PORT)


def services(capacity: int = 64) -> Services:
    """Return an empty memory of services."""
    return Services(capacity, capacity, Hints(capacity))


def remember(memory: Services, *packets: Packet) -> None:
    """Remember that THERE answered these packets."""
    talks, _, _ = conversations(packets)
    memory.remember(FlowEnds(talks, np.arange(len(talks)), 1))


def test_a_service_is_told_of_as_it_was_seen() -> None:
    """First and last payload, and one client however many flows it had."""
    memory = services()
    remember(memory, segment(ACK, at=1), segment(ACK, port=HERE_PORT + 1, at=1))
    remember(memory, segment(ACK, at=9))

    first, last = BEGIN + SECOND, BEGIN + 9 * SECOND
    assert memory.news(last) == [ServiceSeen(SERVICE, first, last, Rung.HANDSHAKE, 1)]


def test_datagrams_answer_by_their_bits() -> None:
    """The same address and port is another service in the other protocol."""
    memory = services()
    remember(memory, segment(ACK), datagram(Saying.RESPONSE))

    assert {(seen.end.protocol, seen.rung) for seen in memory.news(BEGIN)} == {(TCP, Rung.HANDSHAKE), (UDP, Rung.BITS)}


def test_other_evidence_may_be_given() -> None:
    """The strongest is kept."""
    memory = services()
    talks, _, _ = conversations([segment(ACK)])
    ends = FlowEnds(talks, np.arange(len(talks)), 1)
    for evidence in (Rung.NONE, Rung.OWN_SOCKET, Rung.NONE):
        memory.remember(ends, evidence)

    assert [seen.rung for seen in memory.news(BEGIN)] == [Rung.OWN_SOCKET]


def test_clients_are_counted_up_to_a_limit() -> None:
    """By address."""
    memory = services(4096)
    for number in range(300):
        client = ip_address(f"10.0.{number % 2}.{number // 2 % 100}")
        remember(memory, Packet(BEGIN, client, HERE_PORT, ip_address("203.0.113.1"), 80, TCP, ACK))
    (seen,) = memory.news(BEGIN)

    assert seen.clients == 200
    assert seen.clients <= MOST_CLIENTS


def test_news_are_told_once_and_again_after_a_minute_of_use() -> None:
    """A service that is not used any more is no news."""
    memory = services()
    remember(memory, segment(ACK))

    assert [seen.last for seen in memory.news(BEGIN)] == [BEGIN]
    assert memory.news(BEGIN + 2 * TOLD_EVERY) == []
    remember(memory, segment(ACK, at=10))
    assert memory.news(BEGIN + TOLD_EVERY) == []
    assert [seen.last for seen in memory.news(BEGIN + TOLD_EVERY + 1)] == [BEGIN + 10 * SECOND]


def flood(memory: Services, count: int, at: float = 0.0, first: int = 1024) -> None:
    """Remember so many services, all new, at consecutive ports of THERE."""
    remember(memory, *(Packet(BEGIN + round(at * SECOND), HERE, 1, THERE, first + n, TCP, ACK) for n in range(count)))


def test_of_a_flood_of_services_each_is_told_of_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that reporting takes bounded time, and those that come later wait no longer than all before them."""
    monkeypatch.setattr("shodohflo.attribution.evidence.services.MOST_NEWS", 10)
    memory = services(256)
    flood(memory, 35)

    told = [memory.news(BEGIN) for _ in range(5)]

    assert [len(news) for news in told] == [10, 10, 10, 5, 0]
    assert len({seen.end for news in told for seen in news}) == 35


def test_new_services_of_a_day_are_as_many_as_there_is_room_for() -> None:
    """Those of a flood that lasts would fill the store, which keeps each for a day; known ones are told of as ever."""
    memory = services(64)
    told: set[End] = set()
    for second in range(40):
        flood(memory, 50, at=second, first=1024 + 50 * second)
        told |= {seen.end for seen in memory.news(BEGIN + second * SECOND)}

    assert len(told) == 64
    last = memory.all(BEGIN)
    assert memory.news(BEGIN + 40 * SECOND) == []
    assert len(memory.news(BEGIN + 40 * SECOND + DAY // 8)) == 8
    assert len(last) <= 64


def test_what_is_recalled_takes_no_place_of_what_was_seen() -> None:
    """A store may hold any number of services, and anybody's."""
    memory = services(64)
    flood(memory, 30)
    seen = {each.end for each in memory.all(BEGIN)}

    strangers = [End(ip_address(f"203.0.113.{number}"), TCP, 443) for number in range(250)]
    memory.recall([ServiceSeen(end, BEGIN, BEGIN + SECOND, Rung.HANDSHAKE, 1) for end in strangers])

    remembered = {each.end for each in memory.all(BEGIN + SECOND)}
    assert seen <= remembered
    assert len(remembered) > len(seen)


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7"])
def test_what_another_run_saw_is_recalled(address: str) -> None:
    """With what is known of it, in either family, and with a hint; it is no news until it is used again."""
    hints = Hints(64)
    memory = Services(64, 64, hints)
    seen = ServiceSeen(End(ip_address(address), TCP, 443), BEGIN, BEGIN + SECOND, Rung.HANDSHAKE, 5)

    client, later = ip_address("10.0.0.1" if seen.end.address.version == 4 else "2001:db8::1"), BEGIN + 2 * TOLD_EVERY

    memory.recall([seen])

    assert memory.news(later) == []
    assert hints.find(short(memory.keys)).all()
    remember(memory, Packet(later, client, HERE_PORT, seen.end.address, 443, TCP, ACK))
    assert memory.news(later) == [replace(seen, last=later, clients=6)]


def test_whoever_remembers_a_service_leaves_a_hint() -> None:
    """Or nobody would look for it."""
    hints = Hints(64)
    memory = Services(64, 64, hints)

    remember(memory, segment(ACK))

    assert len(memory.keys) == 1
    assert hints.find(short(memory.keys)).all()
