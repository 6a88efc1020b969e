"""One write, on real stores: atomic, exactly once, and with a lifetime for every key."""

from __future__ import annotations

import time
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import ResponseError

from shodohflo.keys import counts
from shodohflo.model import UDP, Kind
from shodohflo.store.outbox import WithRules
from shodohflo.store.write import Writing, Written, send, to_write
from support.observing import SECOND, Seen, flow, observed
from support.serving import Server, programs

if TYPE_CHECKING:
    from pathlib import Path

    from valkey import Valkey

WRITING = Writing(session="0123", agent="bert", lifetime=900)

CLIENT, SERVICE = ip_address("10.0.0.1"), ip_address("2001:db8::53")
EVERYTHING = [
    Seen(CLIENT, SERVICE, 53, protocol=UDP, packets=3, octets=200, first=1 * SECOND, last=9 * SECOND, rule=1),
    Seen(CLIENT, SERVICE, 53, packets=2, octets=150, first=2 * SECOND, last=4 * SECOND),
    Seen(CLIENT, SERVICE, 99, kind=Kind.FLOW_IGNORED),
    Seen(CLIENT, SERVICE, 443, kind=Kind.RESET, client_port=4711),
    Seen(CLIENT, SERVICE, 443, kind=Kind.UNREACHABLE, client_port=4711, code=3),
]
DETAIL = "detail;10.0.0.1;2001:db8::53;53"


def written_rows(client: Valkey, *rows: Seen, number: int = 1, rule_texts: tuple[str, ...] = ()) -> Written:
    """Send `rows` as one write, and return the answer."""
    return send(client, to_write(WithRules(observed(*rows), rule_texts), number, WRITING))


def ttl(client: Valkey, key: str) -> int:
    """Return the remaining lifetime of `key` in seconds; -1 if it has none."""
    left = client.ttl(key)
    assert isinstance(left, int)
    return left


def test_every_count_is_added_and_every_key_has_a_lifetime(client: Valkey) -> None:
    """A write adds the counts of all five kinds and the details, and every key has a lifetime, the number included."""
    written = written_rows(client, *EVERYTHING)

    expected = {key: str(count) for key, count in counts(observed(*EVERYTHING)).items()}
    keys = sorted(client.scan_iter(count=1000))
    assert written == Written(now=True, refused=0)
    assert keys == sorted([*expected, DETAIL, "writer;0123"])
    assert {key: client.get(key) for key in expected} == expected
    assert {key for key in keys if not 0 < ttl(client, key) <= 900} == {"writer;0123"}
    assert 0 < ttl(client, "writer;0123") <= 24 * 3600


def test_a_write_that_is_sent_again_is_recognised(client: Valkey) -> None:
    """A write with the last number adds nothing, and one with the next number is added."""
    first = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=7)
    again = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=7)
    following = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=8)

    assert (first.now, again.now, following.now) == (True, False, True)
    assert client.get("10.0.0.1;8.8.8.8;53;flow") == "2"
    assert client.hget("detail;10.0.0.1;8.8.8.8;53", "packets.tcp") == "2"


def test_a_write_that_arrives_after_later_ones_adds_nothing(client: Valkey) -> None:
    """A number is applied only if it is above every number before it, also where more digits come into play."""
    answers = [written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=n).now for n in (8, 9, 8, 10, 9, 8, 10, 11)]

    assert answers == [True, True, False, True, False, False, False, True]
    assert client.get("client;10.0.0.1") == "4"
    assert client.get("writer;0123") == "11"


def test_a_key_that_expired_comes_back_with_a_lifetime(client: Valkey) -> None:
    """A missing key starts from zero with a full lifetime, and an existing key's lifetime is renewed."""
    written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=1)
    client.delete("client;10.0.0.1")
    client.pexpire("10.0.0.1;8.8.8.8;53;flow", 1000)

    written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=2)

    assert client.get("client;10.0.0.1") == "1"
    assert ttl(client, "client;10.0.0.1") > 800
    assert ttl(client, "10.0.0.1;8.8.8.8;53;flow") > 800


def test_a_detail_remembers_both_protocols_the_rule_and_the_times(client: Valkey) -> None:
    """A detail sums packets and bytes by protocol, and has the rule and text of the row with the latest packet."""
    written_rows(client, *EVERYTHING, rule_texts=("the lower port is the service", "port 53 is the service"))

    assert client.hgetall(DETAIL) == {
        "packets.udp": "3",
        "octets.udp": "200",
        "packets.tcp": "2",
        "octets.tcp": "150",
        "first": "1.000000",
        "last": "9.000000",
        "rule": "FLOW_MAPPING[1]",
        "sentence": "port 53 is the service",
        "agent.bert": "4.000000",
    }


def test_older_news_of_a_flow_leaves_its_end_and_its_rule(client: Valkey) -> None:
    """Older observations, as from a replayed capture, move `first` back but change neither `last` nor the rule."""
    written_rows(client, Seen(CLIENT, ip_address("8.8.8.8"), 53, first=7 * SECOND, last=9 * SECOND), number=1)
    written_rows(client, Seen(CLIENT, ip_address("8.8.8.8"), 53, first=3 * SECOND, last=5 * SECOND, rule=4), number=2)

    detail = client.hmget("detail;10.0.0.1;8.8.8.8;53", ["first", "last", "rule", "packets.tcp"])
    assert detail == ["3.000000", "9.000000", "FLOW_MAPPING[0]", "2"]


@pytest.mark.parametrize("last", ["4102444800.000000", "1e308", "inf", "nan", "-1", "soon", ""])
def test_a_last_that_cannot_be_does_not_stick(client: Valkey, last: str) -> None:
    """A time beyond the store's clock, or none at all, gives way to that of the next packets, with their rule."""
    client.hset(DETAIL, mapping={"last": last, "rule": "FLOW_MAPPING[7]", "sentence": "old"})

    written_rows(client, *EVERYTHING, rule_texts=("the lower port is the service", "port 53 is the service"))

    assert client.hmget(DETAIL, ["last", "rule", "sentence"]) == [
        "9.000000",
        "FLOW_MAPPING[1]",
        "port 53 is the service",
    ]


def test_an_agent_whose_clock_is_a_little_ahead_is_believed(client: Valkey) -> None:
    """A `last` within an hour of the store's clock is that of the latest packet."""
    seconds = int(time.time())  # the store runs on this machine
    client.hset(DETAIL, mapping={"last": f"{seconds + 1800}.000000", "rule": "FLOW_MAPPING[7]"})

    written_rows(client, *EVERYTHING)

    assert client.hmget(DETAIL, ["last", "rule"]) == [f"{seconds + 1800}.000000", "FLOW_MAPPING[7]"]


def test_a_key_that_holds_something_else_is_left_alone_and_counted(client: Valkey) -> None:
    """Keys with values of other programs stay unchanged and are counted as refused; all other keys are written."""
    client.rpush("client;10.0.0.1", "theirs")
    client.set("10.0.0.1;8.8.8.8;peer", "theirs")
    client.set("detail;10.0.0.1;8.8.8.8;53", "theirs")

    written = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53))

    assert written == Written(now=True, refused=3)
    assert client.lrange("client;10.0.0.1", 0, -1) == ["theirs"]
    assert client.get("10.0.0.1;8.8.8.8;peer") == "theirs"
    assert ttl(client, "client;10.0.0.1") == -1
    assert client.get("8.8.8.8;10.0.0.1;peer") == "1"


def test_a_detail_with_rubbish_in_it_does_not_stop_the_write(client: Valkey) -> None:
    """Times that are not numbers are replaced, and the rest of the write is applied."""
    client.hset("detail;10.0.0.1;8.8.8.8;53", mapping={"first": "soon", "last": "late", "octets.tcp": "many"})

    written = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53, last=SECOND), flow("10.0.0.1", "9.9.9.9", 53))

    assert written == Written(now=True, refused=0)
    assert client.hmget("detail;10.0.0.1;8.8.8.8;53", ["first", "last"]) == ["0.000000", "1.000000"]
    assert client.hget("detail;10.0.0.1;9.9.9.9;53", "packets.tcp") == "1"


@pytest.mark.parametrize("held", ["999999999999999", "1000000000000000", "9007199254740993", "9223372036854775806"])
def test_a_count_of_any_size_is_exact(client: Valkey, held: str) -> None:
    """Counts are exact beyond the 15 digits that the script adds itself, up to the largest that INCRBY can add to."""
    client.set("client;10.0.0.1", held)
    client.hset("detail;10.0.0.1;8.8.8.8;53", mapping={"packets.tcp": held})

    written = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53))

    assert written == Written(now=True, refused=0)
    assert client.get("client;10.0.0.1") == str(int(held) + 1)
    assert client.hget("detail;10.0.0.1;8.8.8.8;53", "packets.tcp") == str(int(held) + 1)
    assert 0 < ttl(client, "client;10.0.0.1") <= 900


@pytest.mark.parametrize("held", ["9223372036854775807", "007", "1e3", "12 ", "0x10", "1.5", ""])
def test_a_value_that_the_store_cannot_add_to_is_left_alone_and_counted(client: Valkey, held: str) -> None:
    """A value that INCRBY cannot increment is left unchanged and counted, even if Lua could convert it to a number."""
    client.set("client;10.0.0.1", held)
    client.hset("detail;10.0.0.1;8.8.8.8;53", mapping={"packets.tcp": held})

    written = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53))

    assert written == Written(now=True, refused=2)
    assert client.get("client;10.0.0.1") == held
    assert client.hgetall("detail;10.0.0.1;8.8.8.8;53") == {"packets.tcp": held}


def test_totals_that_cannot_be_read_are_added_by_the_store(client: Valkey) -> None:
    """Without the right to read a hash, its counts are still added, not overwritten."""
    client.execute_command("ACL", "SETUSER", "default", "-hmget")  # type: ignore[no-untyped-call] # typed in part
    try:
        for number in (1, 2):
            assert written_rows(client, *EVERYTHING, number=number).refused == 0
    finally:
        client.execute_command("ACL", "SETUSER", "default", "+hmget")  # type: ignore[no-untyped-call] # typed in part

    assert client.hmget(DETAIL, ["packets.udp", "octets.udp", "packets.tcp"]) == ["6", "400", "4"]


@pytest.mark.parametrize("make", programs())
def test_a_write_whose_journal_was_cut_is_written_once(make: str, tmp_path: Path) -> None:
    """A write that was truncated in the journal is counted once, though Redis 7.0 replays it at the second restart."""
    server = Server(programs()[make](), tmp_path, ("--appendonly", "yes", "--appendfsync", "always")).start()
    with server.client() as client:
        written_rows(client, *EVERYTHING, number=1)
        before = _journal(tmp_path).stat().st_size
        written_rows(client, *EVERYTHING, number=2)
    server.kill()
    journal = _journal(tmp_path).read_bytes()
    _journal(tmp_path).write_bytes(journal[: (before + len(journal)) // 2])

    with server.start().client() as client:
        assert written_rows(client, *EVERYTHING, number=2).now
    server.kill()

    with server.start().client() as client:
        twice = {key: str(2 * count) for key, count in counts(observed(*EVERYTHING)).items()}
        assert {key: client.get(key) for key in twice} == twice
        assert client.hmget(DETAIL, ["packets.udp", "octets.udp", "packets.tcp"]) == ["6", "400", "4"]
    server.kill()


def _journal(directory: Path) -> Path:
    """Return the append-only file that the server writes at present."""
    return next(directory.glob("appendonlydir/*.incr.aof"))


def test_a_full_store_refuses_the_write_as_a_whole(client: Valkey) -> None:
    """A store without free memory applies nothing of a write, and applies it once when there is room again."""
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(ResponseError):
            written_rows(client, *EVERYTHING)
        assert client.dbsize() == 0
    finally:
        client.config_set("maxmemory", "0")

    assert written_rows(client, *EVERYTHING).now
    assert client.get("client;10.0.0.1") == "8"


def test_a_forbidden_command_refuses_the_write_as_a_whole(client: Valkey) -> None:
    """If EXPIRE is forbidden, nothing of the write is counted, and it is applied once when EXPIRE is permitted.

    The number of the write before it stays, so that a late copy of that adds nothing either.
    """
    first = flow("10.0.0.1", "8.8.8.8", 53)
    assert written_rows(client, first).now
    held = {key: client.get(key) for key in counts(observed(first))}
    client.execute_command("ACL", "SETUSER", "default", "-expire")  # type: ignore[no-untyped-call] # typed in part
    try:
        with pytest.raises(ResponseError):
            written_rows(client, *EVERYTHING, number=2)
        assert client.get("writer;0123") == "1"
        assert {key: client.get(key) for key in held} == held
        assert client.dbsize() == len(held) + 2
    finally:
        client.execute_command("ACL", "SETUSER", "default", "+expire")  # type: ignore[no-untyped-call] # typed in part

    assert not written_rows(client, first).now
    assert written_rows(client, *EVERYTHING, number=2).now
    assert client.get("client;10.0.0.1") == "9"
