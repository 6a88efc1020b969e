"""The hashes of services and knocks: the queue, and what becomes of them in real stores."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import ResponseError

from shodohflo.keys import StoredKnock, StoredService, knock_fields, service_fields
from shodohflo.keys.knocks import MOST_TARGETS
from shodohflo.model import MOST_CLIENTS, TCP, UDP, End, Knock, Rung, ServiceSeen
from shodohflo.store.hashes import MOST_AT_ONCE, HashQueue, to_hash, write_hashes
from shodohflo.store.write import Writing
from support.observing import SECOND

if TYPE_CHECKING:
    from valkey import Valkey

NAME, ORIGIN = "service;10.0.0.9;tcp;54321", "knock;203.0.113.9"
SERVICE = ServiceSeen(End(ip_address("10.0.0.9"), TCP, 54321), 10 * SECOND, 20 * SECOND, Rung.HANDSHAKE, clients=3)
KNOCK = Knock(
    ip_network("203.0.113.9"),
    10 * SECOND,
    20 * SECOND,
    refused=1,
    silent=15,
    hosts=1,
    ports=2,
    targets=(End(ip_address("10.0.0.5"), TCP, 22), End(ip_address("10.0.0.5"), TCP, 23)),
)


def service(port: int, clients: int = 0) -> ServiceSeen:
    """Return a service that its port names."""
    return replace(SERVICE, end=replace(SERVICE.end, port=port), clients=clients)


def written(client: Valkey, *news: ServiceSeen | Knock, agent: str = "bert") -> int:
    """Write hashes as `agent`, and return how many keys were left unchanged."""
    return write_hashes(client, [to_hash(each, Writing("4f1c9a", agent, 900)) for each in news])


def fields_of(client: Valkey, key: str) -> dict[str, str]:
    """Return the fields of a hash."""
    fields = client.hgetall(key)
    assert isinstance(fields, dict)
    return fields


def test_a_hash_has_its_fields_and_its_lifetime(client: Valkey) -> None:
    """A service is remembered for a day, a knock as long as other keys."""
    assert written(client, SERVICE, KNOCK) == 0

    assert fields_of(client, NAME) == service_fields(SERVICE, "bert")
    assert fields_of(client, ORIGIN) == knock_fields(KNOCK, "bert", "4f1c9a")
    for key, lifetime in ((NAME, 86_400), (ORIGIN, 900)):
        left = client.ttl(key)
        assert isinstance(left, int)
        assert lifetime - 5 < left <= lifetime


def test_a_write_that_is_repeated_changes_nothing_but_the_lifetime(client: Valkey) -> None:
    """It needs no number, and it renews the lifetime."""
    written(client, SERVICE, KNOCK)
    before = fields_of(client, NAME), fields_of(client, ORIGIN)
    client.expire(NAME, 5)

    assert written(client, SERVICE, KNOCK) == 0
    assert (fields_of(client, NAME), fields_of(client, ORIGIN)) == before
    left = client.ttl(NAME)
    assert isinstance(left, int)
    assert left > 1000


def test_the_news_of_several_agents_are_merged(client: Valkey) -> None:
    """The earliest, the latest, the strongest and the largest is kept, whoever comes first."""
    weaker = replace(SERVICE, first=5 * SECOND, last=15 * SECOND, rung=Rung.KNOWN, clients=7)
    busier = replace(KNOCK, first=30 * SECOND, last=40 * SECOND, refused=0, silent=2, hosts=4, ports=1, targets=())
    written(client, SERVICE, KNOCK)
    written(client, weaker, busier, agent="ernie")

    stored = StoredService.from_fields(NAME, fields_of(client, NAME))
    assert stored is not None
    assert (stored.rung, stored.clients, stored.seen.first, stored.seen.last) == (Rung.HANDSHAKE, 7, 5.0, 20.0)
    assert stored.seen.agents == {"bert": 20.0, "ernie": 15.0}
    knock = StoredKnock.from_fields(ORIGIN, fields_of(client, ORIGIN))
    assert knock is not None
    assert (knock.refused, knock.silent, knock.hosts, knock.ports) == (1, 17, 4, 2)
    assert (knock.seen.first, knock.seen.last, len(knock.targets)) == (10.0, 40.0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_news_does_not_matter(client: Valkey, seed: int) -> None:
    """All orders of the same news lead to the same hash."""
    chance = random.Random(seed)
    news = [
        ServiceSeen(SERVICE.end, chance.randrange(1, 50) * SECOND, chance.randrange(50, 99) * SECOND, rung, clients)
        for rung, clients in ((Rung.OWN_SOCKET, 30), (Rung.KNOWN, 10), (Rung.BITS, 50))
    ]
    found = []
    for _ in range(2):
        client.flushall()
        for each in news:
            written(client, each, agent=f"agent{each.clients}")
        found.append(fields_of(client, NAME))
        news.reverse()

    assert found[0] == found[1]


def test_a_hash_has_so_many_targets_and_no_more(client: Valkey) -> None:
    """The first ones stay, with the time at which they came."""
    ends = [End(ip_address("10.0.0.5"), UDP, port) for port in range(1, 2 * MOST_TARGETS)]
    for number, port in enumerate(range(0, len(ends), 20), 1):
        written(client, replace(KNOCK, last=number * 100 * SECOND, targets=tuple(ends[max(port - 5, 0) : port + 20])))

    knock = StoredKnock.from_fields(ORIGIN, fields_of(client, ORIGIN))
    assert knock is not None
    assert [end.port for end in knock.targets] == list(range(1, MOST_TARGETS + 1))
    assert set(knock.targets.values()) == {100.0, 200.0}
    assert len([field for field in fields_of(client, ORIGIN) if field.startswith("target.")]) == MOST_TARGETS


@pytest.mark.parametrize("key", [NAME, ORIGIN])
def test_a_value_of_another_program_is_left_alone_and_counted(client: Valkey, key: str) -> None:
    """A value that is no hash, or a hash larger than any of ours, stays; all other keys are written."""
    client.set(key, "theirs")
    assert written(client, SERVICE, KNOCK, service(80)) == 1
    assert client.get(key) == "theirs"
    assert client.ttl(key) == -1

    client.delete(key)
    client.hset(key, mapping={f"field{number}": "theirs" for number in range(2000)})
    assert written(client, SERVICE, KNOCK) == 1
    assert client.hlen(key) == 2000
    assert client.exists("service;10.0.0.9;tcp;80")


@pytest.mark.parametrize("value", ["soon", "", "-1", "nan", "inf", "1e308", "0x10", "1.2.3", "9" * 400, "4102444800.0"])
@pytest.mark.parametrize("field", ["first", "last", "evidence", "clients", "agent.bert"])
def test_a_field_that_cannot_be_does_not_stick(client: Valkey, field: str, value: str) -> None:
    """A malformed value, or a time beyond the store's clock, gives way."""
    client.hset(NAME, mapping={field: value})

    assert written(client, SERVICE) == 0
    assert fields_of(client, NAME)[field] == service_fields(SERVICE, "bert")[field]


@pytest.mark.parametrize("forbidden", [["expire"], ["expire", "del"], ["hset"]], ids=" ".join)
def test_what_cannot_be_given_a_lifetime_is_not_written(client: Valkey, forbidden: list[str]) -> None:
    """A user that may not call one of the commands leaves no key behind, and is told why."""
    user = ("ACL", "SETUSER", "default")
    client.execute_command(*user, *(f"-{name}" for name in forbidden))  # type: ignore[no-untyped-call] # typed in part
    try:
        with pytest.raises(ResponseError, match="script"):
            written(client, SERVICE, KNOCK)
        assert -1 not in {client.ttl(key) for key in (NAME, ORIGIN)}
    finally:
        client.execute_command(*user, *(f"+{name}" for name in forbidden))  # type: ignore[no-untyped-call] # typed in part


def test_a_full_store_refuses_hashes(client: Valkey) -> None:
    """It is an answer of the store, so the connection is as good as before."""
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(ResponseError):
            written(client, SERVICE)
    finally:
        client.config_set("maxmemory", "0")


def test_the_most_hashes_of_one_round_trip_occupy_the_store_for_a_moment(client: Valkey) -> None:
    """Neither many services nor many origins with all their targets keep the store from others for long."""
    targets = tuple(End(ip_address("10.0.0.5"), TCP, port) for port in range(1, MOST_TARGETS + 1))
    networks = [ip_network(f"203.0.{number // 256}.{number % 256}") for number in range(MOST_AT_ONCE)]
    for news in (
        [service(port) for port in range(MOST_AT_ONCE)],
        [replace(KNOCK, origin=n, targets=targets) for n in networks],
    ):
        queue = HashQueue()
        queue.offer(news)
        taken = queue.take()
        durations = []
        for _ in range(5):
            begun = time.monotonic()
            assert written(client, *taken) == 0
            durations.append(time.monotonic() - begun)
        assert min(durations) < 0.25


def test_the_latest_news_wait_in_the_place_of_the_first() -> None:
    """What is offered again about the same replaces what waits, and the oldest are taken first."""
    queue = HashQueue()
    queue.offer([service(1, clients=1), service(2, clients=1), KNOCK])
    queue.offer([service(1, clients=2)])

    assert len(queue) == 3
    assert queue.take() == [service(1, clients=2), service(2, clients=1), KNOCK]
    assert (len(queue), queue.take(), queue.given_up) == (0, [], 0)


def test_so_many_are_taken_at_once() -> None:
    """A round trip has a bounded number of hashes, and of fields."""
    queue = HashQueue()
    targets = tuple(End(ip_address("10.0.0.5"), TCP, port) for port in range(1000))
    queue.offer(service(port) for port in range(MOST_AT_ONCE + 1))
    assert [len(queue.take()), len(queue.take())] == [MOST_AT_ONCE, 1]

    queue.offer(replace(KNOCK, origin=ip_network(number), targets=targets) for number in range(1000))
    assert 100 < len(queue.take()) < 150


def test_what_does_not_fit_is_given_up_and_counted() -> None:
    """The oldest go first; what is put back goes before newer news, and not in the place of newer of the same."""
    queue = HashQueue(most=3)
    queue.offer(service(port) for port in range(5))
    assert queue.given_up == 2

    taken = queue.take()
    queue.offer([service(3, clients=9), service(7)])
    queue.put_back(taken)

    assert (len(queue), queue.given_up) == (3, 3)
    assert queue.take() == [service(3, clients=9), service(4), service(7)]
    queue.put_back([SERVICE])
    queue.give_up()
    assert (len(queue), queue.given_up) == (0, 4)


def test_what_is_postponed_waits_behind_all_else() -> None:
    """What is for a node that is away is in nobody's way, and news of the same take its place."""
    queue = HashQueue(5)
    queue.offer([service(1), service(2), service(3)])
    taken = queue.take()
    queue.offer([service(2, clients=9), service(4)])

    queue.postpone(taken)

    assert queue.take() == [service(2, clients=9), service(4), service(1), service(3)]


def test_what_is_written_is_bounded() -> None:
    """However many clients a service has, or targets an origin: the fields have their bounds."""
    targets = tuple(End(ip_address("10.0.0.5"), TCP, port) for port in range(1000))

    assert to_hash(service(1, clients=10**9), Writing("4f1c9a", "bert", 900)).fields["clients"] == str(MOST_CLIENTS)
    assert len(to_hash(replace(KNOCK, targets=targets), Writing("4f1c9a", "bert", 900)).fields) == 7 + MOST_TARGETS
