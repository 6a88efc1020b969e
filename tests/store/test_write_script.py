"""The script itself: its names, and what it does with values and permissions that `test_write` has no need of."""

from __future__ import annotations

import time
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from shodohflo.keys import detail
from shodohflo.model import PROTOCOL_NAMES, TCP, UDP
from shodohflo.store.portion import Doubt
from shodohflo.store.write import Applied, Written, send
from shodohflo.store.write_script import AHEAD, SCRIPT
from support.observing import SECOND, Seen, Swapped, corrected, flow, observed
from support.scribing import Scribe
from support.swapping import totals

if TYPE_CHECKING:
    from valkey import Valkey

FLOW, DETAIL = "10.0.0.1;8.8.8.8;53;flow", "detail;10.0.0.1;8.8.8.8;53"
SWAPPED = Swapped(ip_address("8.8.8.8"), ip_address("10.0.0.1"), 4711, 53, packets=7, octets=420)
"""A correction of seven packets of that flow."""


@pytest.mark.parametrize(
    "name",
    [
        *("FIRST", "LAST", "RULE", "SENTENCE", "EVIDENCE", "CORRECTED"),
        *("PACKETS", "OCTETS", "SEEN_BY"),
    ],
)
def test_names_of_fields_are_those_of_keys_detail(name: str) -> None:
    """The script has each name once, where it is taken over, and never writes one itself."""
    value = getattr(detail, name)

    assert SCRIPT.count(f"'{value}'") == 1
    assert f"local {name}" in SCRIPT or f", {name}" in SCRIPT


def test_names_of_protocols_are_those_of_the_model() -> None:
    """A hash without packets of either protocol is removed."""
    assert f"local TCP, UDP = '{PROTOCOL_NAMES[TCP]}', '{PROTOCOL_NAMES[UDP]}'" in SCRIPT


@pytest.mark.parametrize(("ahead", "is_believed"), [(AHEAD - 60, True), (AHEAD + 60, False)])
def test_the_clock_of_an_agent_may_be_ahead_by_so_much(client: Valkey, ahead: int, *, is_believed: bool) -> None:
    """A `last` further ahead of the store's clock gives way to the next packets."""
    last = f"{int(time.time()) + ahead}.000000"  # the store runs on this machine
    client.hset(DETAIL, mapping={"last": last, "agent.bert": last})

    Scribe().send(client, observed(flow("10.0.0.1", "8.8.8.8", 53, last=9 * SECOND)))

    expected = last if is_believed else "9.000000"
    assert client.hmget(DETAIL, ["last", "agent.bert"]) == [expected, expected]


def test_the_number_of_a_store_without_writes_may_be_of_any_kind(client: Valkey) -> None:
    """What is no number counts as none, so that the session can begin."""
    client.set("writer;0123", "theirs")

    assert Scribe().send(client, observed(flow("10.0.0.1", "8.8.8.8", 53))).now
    assert client.get("writer;0123") == "1"


def test_a_store_that_lost_writes_says_how_many_keys_it_evicted(client: Valkey) -> None:
    """So that the operator learns whether that is the cause; without permission, it is unknown."""
    scribe = Scribe()
    scribe.number = 6

    write = scribe.write(observed(flow("10.0.0.1", "8.8.8.8", 53)), before=5)
    known = send(client, write)
    forbid(client, "info")
    try:
        unknown = send(client, write)
    finally:
        permit(client, "info")

    assert known == Written(Applied.LOST, held=0, evicted=0)
    assert unknown == Written(Applied.LOST, held=0, evicted=None)


def test_keys_of_different_ages_have_their_own_lifetimes(client: Valkey) -> None:
    """A write has runs of keys with the same lifetime, of counts and of details."""
    scribe = Scribe()
    scribe.outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53)), (), scribe.now)
    scribe.now += 300 * SECOND
    scribe.outbox.add(observed(flow("10.0.0.1", "9.9.9.9", 53)), (), scribe.now)
    scribe.now += 300 * SECOND

    scribe.send(client, observed(flow("10.0.0.2", "9.9.9.9", 53)))

    full = ["10.0.0.2;9.9.9.9;53;flow", "client;10.0.0.2", "detail;10.0.0.2;9.9.9.9;53"]
    later = ["10.0.0.1;9.9.9.9;53;flow", "client;10.0.0.1", "detail;10.0.0.1;9.9.9.9;53", "9.9.9.9;10.0.0.1;peer"]
    early = [FLOW, DETAIL, "8.8.8.8;10.0.0.1;peer"]
    for keys, lifetime in ((full, 900), (later, 600), (early, 300)):
        assert all(lifetime - 10 < seconds(client, key) <= lifetime for key in keys)


def test_a_late_detail_lives_as_long_as_another_agent_wants(client: Valkey) -> None:
    """What is written late does not shorten the lifetime of a hash either."""
    client.hset(DETAIL, mapping={"packets.tcp": "1", "octets.tcp": "60"})
    client.expire(DETAIL, 800)
    scribe = Scribe()
    scribe.outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53)), (), scribe.now)
    scribe.now += 600 * SECOND

    scribe.send(client)

    assert 790 < seconds(client, DETAIL) <= 800


@pytest.mark.parametrize(
    ("there", "then", "rewritten", "unsure"),
    [(("5", "300"), ("7", "420"), 0, 0), (("2", "90"), ("7", "420"), 0, 0), (("9", "500"), ("11", "620"), 0, 0)],
    ids=["equal", "less", "more"],
)
def test_a_detail_in_doubt_is_mended_but_not_counted_again(
    client: Valkey, there: tuple[str, str], then: tuple[str, str], rewritten: int, unsure: int
) -> None:
    """A hash has the same packets as its flow, of which the answer tells already."""
    scribe = Scribe()
    scribe.send(client, observed(flow("10.0.0.1", "8.8.8.8", 53, packets=5)))
    client.hset(DETAIL, mapping={"packets.tcp": there[0], "octets.tcp": there[1]})
    scribe.outbox.check(None, Doubt.EXPIRED)

    written = scribe.send(client, observed(flow("10.0.0.1", "8.8.8.8", 53, packets=2)))

    assert client.hmget(DETAIL, ["packets.tcp", "octets.tcp"]) == list(then)
    # The five packets of each of the four counts are there and nobody else's, so none of them is unsure.
    assert (written.rewritten, written.unsure) == (rewritten, unsure)


def test_a_key_in_doubt_that_is_missing_is_written_in_full(client: Valkey) -> None:
    """There is no doubt about a key that is not there."""
    scribe = Scribe()
    scribe.send(client, observed(flow("10.0.0.1", "8.8.8.8", 53, packets=5)))
    client.delete("client;10.0.0.1", DETAIL)
    scribe.outbox.check(None, Doubt.EXPIRED)

    written = scribe.send(client)

    assert (written.rewritten, written.unsure, written.refused) == (5, 0, 0)
    assert client.get("client;10.0.0.1") == "5"
    assert client.hget(DETAIL, "packets.tcp") == "5"


@pytest.mark.parametrize("command", ["mget", "pttl", "time", "hmget", "info"])
def test_a_command_that_may_only_read_is_not_needed_to_count(client: Valkey, command: str) -> None:
    """Without it, what is new is still added exactly, to counts and to details."""
    scribe, row = Scribe(), flow("10.0.0.1", "8.8.8.8", 53, packets=5)
    scribe.send(client, observed(row))
    forbid(client, command)
    try:
        scribe.now += 60 * SECOND
        written = scribe.send(client, observed(row))
    finally:
        permit(client, command)

    assert written.refused == 0
    assert {key: client.get(key) for key in (FLOW, "client;10.0.0.1")} == {FLOW: "10", "client;10.0.0.1": "10"}
    assert client.hmget(DETAIL, ["packets.tcp", "octets.tcp"]) == ["10", "600"]
    assert 800 < seconds(client, FLOW) <= 900


@pytest.mark.parametrize("command", ["del", "hdel", "mget", "incrby", "hincrby"])
def test_what_may_not_be_taken_away_stays(client: Valkey, command: str) -> None:
    """A correction without a permission leaves no negative count and no key without a lifetime."""
    scribe = Scribe()
    scribe.send(client, observed(SWAPPED.as_written(), flow("10.0.0.1", "9.9.9.9", 53)))
    forbid(client, command)
    try:
        refused = scribe.send(client, None, corrected(SWAPPED)).refused
    finally:
        permit(client, command)

    assert (refused > 0) == (command in {"del", "hdel", "mget"})
    for key in client.scan_iter(count=1000):
        assert seconds(client, key) > 0
        value = client.hget(key, "packets.tcp") if key.startswith("detail;") else client.get(key)
        assert value is None or int(str(value)) >= 0


def test_a_key_of_two_agents_has_the_sum(client: Valkey) -> None:
    """Each agent adds what it has counted, and the hash says of each when it last saw the flow."""
    Scribe().send(client, observed(flow("10.0.0.1", "8.8.8.8", 53, packets=5, last=8 * SECOND)))
    client.hset(DETAIL, "agent.ernie", "7.000000")
    client.delete("writer;0123")  # as another session begins

    other = Scribe().send(client, observed(flow("10.0.0.1", "8.8.8.8", 53, packets=2, last=9 * SECOND)))

    assert other == Written(Applied.NOW)
    assert client.get(FLOW) == "7"
    assert client.hmget(DETAIL, ["packets.tcp", "agent.bert", "agent.ernie"]) == ["7", "9.000000", "7.000000"]


def test_a_row_of_any_protocol_is_in_its_detail(client: Valkey) -> None:
    """TCP and UDP of one flow are in one hash, and each is changed alone."""
    ends = ip_address("10.0.0.1"), ip_address("8.8.8.8")
    scribe = Scribe()
    rows = [Seen(*ends, 53, protocol=protocol, packets=2, octets=90) for protocol in (TCP, UDP, UDP)]

    for row in rows:
        scribe.send(client, observed(row))

    expected = totals(observed(*rows))
    names = ["packets.tcp", "octets.tcp", "packets.udp", "octets.udp"]
    assert client.hmget(DETAIL, names) == [str(expected[f"{DETAIL} {name}"]) for name in names]


def forbid(client: Valkey, command: str) -> None:
    """Take away the permission for a command."""
    client.execute_command("ACL", "SETUSER", "default", f"-{command}")  # type: ignore[no-untyped-call] # typed in part


def permit(client: Valkey, command: str) -> None:
    """Give it back."""
    client.execute_command("ACL", "SETUSER", "default", f"+{command}")  # type: ignore[no-untyped-call] # typed in part


def seconds(client: Valkey, key: str) -> int:
    """Return the remaining lifetime of `key` in seconds; -1 if it has none."""
    left = client.ttl(key)
    assert isinstance(left, int)
    return left
