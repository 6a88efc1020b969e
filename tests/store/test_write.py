"""One write, on real stores: atomic, exactly once, and with a lifetime for every key."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import ResponseError

from shodohflo.keys import counts
from shodohflo.model import UDP, Kind, Rung
from shodohflo.store.portion import Doubt
from shodohflo.store.write import Applied, Written, send
from support.observing import SECOND, Seen, Swapped, corrected, flow, observed
from support.scribing import LIFETIME, Scribe
from support.serving import Server, programs
from support.swapping import Conversations, corrected_totals, totals

if TYPE_CHECKING:
    from pathlib import Path

    from valkey import Valkey

CLIENT, SERVICE = ip_address("10.0.0.1"), ip_address("2001:db8::53")
EVERYTHING = [
    Seen(
        CLIENT,
        SERVICE,
        53,
        protocol=UDP,
        packets=3,
        octets=200,
        first=1 * SECOND,
        last=9 * SECOND,
        rule=1,
        rung=Rung.BITS,
    ),
    Seen(CLIENT, SERVICE, 53, packets=2, octets=150, first=2 * SECOND, last=4 * SECOND),
    Seen(CLIENT, SERVICE, 99, kind=Kind.FLOW_IGNORED),
    Seen(CLIENT, SERVICE, 443, kind=Kind.RESET, client_port=4711),
    Seen(CLIENT, SERVICE, 443, kind=Kind.UNREACHABLE, client_port=4711, code=3),
]
DETAIL = "detail;10.0.0.1;2001:db8::53;53"
DETAIL_OF_FLOW = "detail;10.0.0.1;8.8.8.8;53"


def written_rows(client: Valkey, *rows: Seen, number: int = 1, rule_texts: tuple[str, ...] = ()) -> Written:
    """Send `rows` as one write of an agent that has counted nothing before, and return the answer."""
    scribe = Scribe()
    scribe.number = number - 1
    return scribe.send(client, observed(*rows), rule_texts=rule_texts)


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
    assert written == Written(Applied.NOW)
    assert keys == sorted([*expected, DETAIL, "writer;0123"])
    assert {key: client.get(key) for key in expected} == expected
    assert {key for key in keys if not 0 < ttl(client, key) <= 900} == {"writer;0123"}
    assert 0 < ttl(client, "writer;0123") <= 24 * 3600


def test_a_write_that_is_sent_again_is_recognised(client: Valkey) -> None:
    """A write with the last number adds nothing, and one with the next number is added."""
    first = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=1)
    again = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=1)
    following = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=2)

    assert (first.now, again.now, following.now) == (True, False, True)
    assert client.get("10.0.0.1;8.8.8.8;53;flow") == "2"
    assert client.hget("detail;10.0.0.1;8.8.8.8;53", "packets.tcp") == "2"


def test_a_write_that_arrives_after_later_ones_adds_nothing(client: Valkey) -> None:
    """A number is applied only if it is the next one, also where more digits come into play."""
    scribe = Scribe()
    scribe.number = 7
    writes = {number: scribe.write(observed(flow("10.0.0.1", "8.8.8.8", 53)), before=0) for number in (8,)}
    writes |= {number: scribe.write(observed(flow("10.0.0.1", "8.8.8.8", 53))) for number in (9, 10, 11)}

    answers = [send(client, writes[number]).now for number in (8, 9, 8, 10, 9, 8, 10, 11)]

    assert answers == [True, True, False, True, False, False, False, True]
    assert client.get("client;10.0.0.1") == "4"
    assert client.get("writer;0123") == "11"


@pytest.mark.parametrize("held", [0, 3])
def test_a_store_that_has_lost_writes_says_so_and_changes_nothing(client: Valkey, held: int) -> None:
    """A write that expects another number is not applied, and the answer has the number that the store has."""
    if held:
        client.set("writer;0123", held)

    written = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53), number=7)

    assert written == Written(Applied.LOST, held=held, evicted=0)
    assert client.keys() == ["writer;0123"]


def test_after_a_loss_no_older_write_is_applied_any_more(client: Valkey) -> None:
    """A late copy of a write that was lost would be counted twice, since the agent writes it again."""
    scribe = Scribe()
    writes = [scribe.write(observed(flow("10.0.0.1", "8.8.8.8", 53))) for _ in range(4)]
    answers = [send(client, write) for write in (writes[0], writes[3], writes[3], writes[1])]

    assert [answer.outcome for answer in answers] == [Applied.NOW, Applied.LOST, Applied.LOST, Applied.BEFORE]
    assert [answer.held for answer in answers[1:3]] == [1, 1]
    assert client.get("client;10.0.0.1") == "1"
    assert send(client, scribe.write(observed(flow("10.0.0.1", "8.8.8.8", 53)))).now


def test_a_key_that_went_missing_is_written_with_all_that_the_agent_counted(client: Valkey) -> None:
    """Whatever removed a key, the next write has its total; what is there is added to."""
    scribe = Scribe()
    scribe.send(client, observed(flow("10.0.0.1", "8.8.8.8", 53, packets=5)))
    client.delete("client;10.0.0.1", "10.0.0.1;8.8.8.8;53;flow", DETAIL_OF_FLOW)
    client.incrby("8.8.8.8;10.0.0.1;peer", 100)  # another agent

    written = scribe.send(client, observed(flow("10.0.0.1", "8.8.8.8", 53, packets=2)))

    assert written.rewritten == 10
    assert client.get("client;10.0.0.1") == client.get("10.0.0.1;8.8.8.8;53;flow") == "7"
    assert client.hmget(DETAIL_OF_FLOW, ["packets.tcp", "octets.tcp"]) == ["7", "420"]
    assert client.get("8.8.8.8;10.0.0.1;peer") == "107"


def test_a_hash_of_huge_counts_that_went_missing_is_written_in_full(client: Valkey) -> None:
    """What has too many digits for the script itself is written again by the store, in full as well."""
    scribe, huge = Scribe(), 10**15 + 1
    scribe.send(client, observed(Seen(CLIENT, SERVICE, 53, packets=huge, octets=huge)))
    client.delete(DETAIL)

    scribe.send(client, observed(Seen(CLIENT, SERVICE, 53, packets=2, octets=150)))

    assert client.hmget(DETAIL, ["packets.tcp", "octets.tcp"]) == [str(huge + 2), str(huge + 150)]


@pytest.mark.parametrize(
    ("there", "then", "rewritten", "unsure"), [("5", "7", 0, 0), ("3", "7", 2, 0), ("50", "52", 0, 5)]
)
def test_a_key_in_doubt_has_at_least_what_the_agent_wrote(
    client: Valkey, there: str, then: str, rewritten: int, unsure: int
) -> None:
    """With less than the agent wrote, a key has lost some of it; with more, another agent wrote it and nobody knows."""
    scribe = Scribe()
    scribe.send(client, observed(Seen(CLIENT, SERVICE, 443, kind=Kind.RESET, packets=5)))
    client.set("client;10.0.0.1", there)
    scribe.outbox.check(None, Doubt.EXPIRED)

    written = scribe.send(client, observed(Seen(CLIENT, SERVICE, 443, kind=Kind.RESET, packets=2)))

    assert client.get("client;10.0.0.1") == then
    assert (written.rewritten, written.unsure) == (rewritten, unsure)


@pytest.mark.parametrize(
    ("there", "then", "rewritten", "unsure"), [("5", "7", 0, 0), ("3", "7", 2, 0), ("7", "7", 0, 0), ("50", "50", 0, 7)]
)
def test_a_key_of_a_store_that_lost_writes_has_at_least_what_the_agent_counted(
    client: Valkey, there: str, then: str, rewritten: int, unsure: int
) -> None:
    """It may have what is added already, from a late copy: so it gets the total of this agent if it has less."""
    scribe = Scribe()
    scribe.send(client, observed(Seen(CLIENT, SERVICE, 443, kind=Kind.RESET, packets=5)))
    client.set("client;10.0.0.1", there)
    scribe.outbox.check(None, Doubt.LOST)

    written = scribe.send(client, observed(Seen(CLIENT, SERVICE, 443, kind=Kind.RESET, packets=2)))

    assert client.get("client;10.0.0.1") == then
    assert (written.rewritten, written.unsure) == (rewritten, unsure)


def test_what_is_written_late_has_the_rest_of_its_lifetime(client: Valkey) -> None:
    """A key that waited lives as long as if it had not; one that another agent refreshed meanwhile lives longer."""
    scribe = Scribe()
    client.set("8.8.8.8;10.0.0.1;peer", 1, ex=800)
    scribe.outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53)), (), scribe.now)
    scribe.now += 600 * SECOND

    scribe.send(client)

    assert 290 < ttl(client, "client;10.0.0.1") <= 300
    assert 290 < ttl(client, DETAIL_OF_FLOW) <= 300
    assert 790 < ttl(client, "8.8.8.8;10.0.0.1;peer") <= 800


@pytest.mark.parametrize(
    "answer",
    [None, b"OK", [], [1, 0, 0, 0, 0, -1], [4, 0, 0, 0, 0, -1, 0], [1, -1, 0, 0, 0, 0, 0], [1, 0, 9, 0, 0, 0, 0]],
)
def test_an_odd_answer_is_none(answer: object) -> None:
    """What the script does not answer is an error, whatever it is."""
    with pytest.raises(ValueError, match="no answer to a write"):
        Written.from_answer(answer, keys=5)


def test_a_store_that_hung_does_not_apply_what_is_too_old(client: Valkey) -> None:
    """Its clock says so; the same write, made anew, is applied."""
    scribe = Scribe()
    seconds = int(time.time())  # the store runs on this machine
    scribe.until = seconds - 1
    write = scribe.write(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3)))

    late = send(client, write)
    keys = client.keys()
    arguments = [*write.arguments[:4], seconds + 60, *write.arguments[5:]]
    in_time = send(client, replace(write, arguments=arguments))

    assert (late, keys) == (Written(Applied.LATE), [])
    assert (late.time, in_time.time) == pytest.approx((seconds, seconds), abs=30)
    assert in_time == Written(Applied.NOW)
    assert client.get("client;10.0.0.1") == "3"


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
        "evidence": "bits",
        "agent.bert": "9.000000",
    }


def test_older_news_of_a_flow_leaves_its_end_and_its_rule(client: Valkey) -> None:
    """Older observations, as from a replayed capture, move `first` back but change neither `last` nor the rule.

    Nor do they change when the agent saw the flow last.
    """
    written_rows(client, Seen(CLIENT, ip_address("8.8.8.8"), 53, first=7 * SECOND, last=9 * SECOND), number=1)
    written_rows(client, Seen(CLIENT, ip_address("8.8.8.8"), 53, first=3 * SECOND, last=5 * SECOND, rule=4), number=2)

    detail = client.hmget("detail;10.0.0.1;8.8.8.8;53", ["first", "last", "rule", "packets.tcp", "agent.bert"])
    assert detail == ["3.000000", "9.000000", "FLOW_MAPPING[0]", "2", "9.000000"]


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

    assert written == Written(Applied.NOW, refused=3)
    assert client.lrange("client;10.0.0.1", 0, -1) == ["theirs"]
    assert client.get("10.0.0.1;8.8.8.8;peer") == "theirs"
    assert ttl(client, "client;10.0.0.1") == -1
    assert client.get("8.8.8.8;10.0.0.1;peer") == "1"


def test_a_detail_with_rubbish_in_it_does_not_stop_the_write(client: Valkey) -> None:
    """Times that are not numbers are replaced, and the rest of the write is applied."""
    client.hset("detail;10.0.0.1;8.8.8.8;53", mapping={"first": "soon", "last": "late", "octets.tcp": "many"})

    written = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53, last=SECOND), flow("10.0.0.1", "9.9.9.9", 53))

    assert written == Written(Applied.NOW)
    assert client.hmget("detail;10.0.0.1;8.8.8.8;53", ["first", "last"]) == ["0.000000", "1.000000"]
    assert client.hget("detail;10.0.0.1;9.9.9.9;53", "packets.tcp") == "1"


@pytest.mark.parametrize("held", ["999999999999999", "1000000000000000", "9007199254740993", "9223372036854775806"])
def test_a_count_of_any_size_is_exact(client: Valkey, held: str) -> None:
    """Counts are exact beyond the 15 digits that the script adds itself, up to the largest that INCRBY can add to."""
    client.set("client;10.0.0.1", held)
    client.hset("detail;10.0.0.1;8.8.8.8;53", mapping={"packets.tcp": held})

    written = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53))

    assert written == Written(Applied.NOW)
    assert client.get("client;10.0.0.1") == str(int(held) + 1)
    assert client.hget("detail;10.0.0.1;8.8.8.8;53", "packets.tcp") == str(int(held) + 1)
    assert 0 < ttl(client, "client;10.0.0.1") <= 900


@pytest.mark.parametrize("held", ["9223372036854775807", "007", "1e3", "12 ", "0x10", "1.5", ""])
def test_a_value_that_the_store_cannot_add_to_is_left_alone_and_counted(client: Valkey, held: str) -> None:
    """A value that INCRBY cannot increment is left unchanged and counted, even if Lua could convert it to a number."""
    client.set("client;10.0.0.1", held)
    client.hset("detail;10.0.0.1;8.8.8.8;53", mapping={"packets.tcp": held})

    written = written_rows(client, flow("10.0.0.1", "8.8.8.8", 53))

    assert written == Written(Applied.NOW, refused=2)
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
    return next(path for pattern in ("appendonlydir/*.incr.aof", "*.aof") for path in directory.glob(pattern))


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


SWAPPED = Swapped(
    ip_address("10.0.0.5"),
    ip_address("10.0.0.9"),
    port=54321,
    wrong_port=40000,
    packets=12,
    octets=700,
    first=2 * SECOND,
    last=8 * SECOND,
    rule=1,
)
RIGHT_DETAIL = "detail;10.0.0.5;10.0.0.9;54321"


def held(client: Valkey) -> dict[str, int]:
    """Return every count, and the packets and bytes in every detail; each key must have a lifetime."""
    found: dict[str, int] = {}
    for key in client.scan_iter(count=1000):
        assert 0 < ttl(client, key) <= (86_400 if key.startswith("writer;") else LIFETIME)
        if key.startswith("detail;"):
            fields = client.hgetall(key)
            assert isinstance(fields, dict)
            counted = {name: int(count) for name, count in fields.items() if name[:3] in {"pac", "oct"}}
            found |= {f"{key} {name}": count for name, count in counted.items()}
        elif not key.startswith("writer;"):
            found[key] = int(str(client.get(key)))
    return found


@pytest.mark.parametrize("kind", [Kind.FLOW, Kind.FLOW_IGNORED])
def test_what_was_written_wrong_is_as_if_it_had_been_right(client: Valkey, kind: Kind) -> None:
    """Every key has what it would have had, and those that were wrong are gone; the detail says when it was moved."""
    swapped, scribe = replace(SWAPPED, kind=kind), Scribe()
    scribe.send(client, observed(swapped.as_written()))

    scribe.send(client, None, corrected(swapped), ("a", "the evidence decides"))

    assert held(client) == totals(observed(swapped.as_it_is()))
    if kind is Kind.FLOW:
        fields = ["rule", "sentence", "evidence", "first", "last", "corrected"]
        expected = ["FLOW_MAPPING[1]", "the evidence decides", "handshake", "2.000000", "8.000000", "1000000.000000"]
        assert client.hmget(RIGHT_DETAIL, fields) == expected


def test_what_others_counted_under_the_wrong_keys_stays(client: Valkey) -> None:
    """Only what this agent counted is moved."""
    scribe = Scribe()
    scribe.send(client, observed(SWAPPED.as_written()))
    client.incrby("10.0.0.9;10.0.0.5;40000;flow", 30)

    scribe.send(client, None, corrected(replace(SWAPPED, packets=40)))

    assert client.get("10.0.0.9;10.0.0.5;40000;flow") == "30"
    assert client.get("10.0.0.5;10.0.0.9;54321;flow") == "12"


@pytest.mark.parametrize("key", ["10.0.0.9;10.0.0.5;40000;flow", "client;10.0.0.9", "detail;10.0.0.9;10.0.0.5;40000"])
def test_a_wrong_key_that_is_missing_is_not_made_again(client: Valkey, key: str) -> None:
    """What is taken from a key that the store does not have any more makes no key."""
    scribe = Scribe()
    scribe.send(client, observed(SWAPPED.as_written()))
    client.delete(key)

    scribe.send(client, None, corrected(SWAPPED))

    assert held(client) == totals(observed(SWAPPED.as_it_is()))


@pytest.mark.parametrize("value", ["theirs", "-5", "007", "1e3", "0", "9" * 30])
def test_nothing_is_taken_from_a_value_of_another_program(client: Valkey, value: str) -> None:
    """A wrong key that holds something else by now is left alone and counted."""
    scribe = Scribe()
    scribe.send(client, observed(SWAPPED.as_written()))
    client.set("client;10.0.0.9", value)

    written = scribe.send(client, None, corrected(SWAPPED))

    assert client.get("client;10.0.0.9") == value
    assert written.refused == 1


@pytest.mark.parametrize("extra", [0, 1, 999_999_999_999_999, 10**15, 2**53 + 1, 10**18, 9_223_372_036_854_775_795])
def test_a_large_count_is_corrected_exactly(client: Valkey, extra: int) -> None:
    """Counts beyond 15 digits are taken from exactly."""
    scribe = Scribe()
    scribe.send(client, observed(SWAPPED.as_written()))
    client.incrby("client;10.0.0.9", extra)

    scribe.send(client, None, corrected(SWAPPED))

    assert client.get("client;10.0.0.9") == (str(extra) if extra else None)


FOREIGN = ["10.0.0.9;10.0.0.5;40000;flow", "client;10.0.0.9", "detail;10.0.0.9;10.0.0.5;40000"]
FOREIGN += ["10.0.0.5;10.0.0.9;54321;flow", "client;10.0.0.5", RIGHT_DETAIL]


@pytest.mark.parametrize("key", FOREIGN)
@pytest.mark.parametrize("value", ["theirs", "007", "1e3", "9" * 30, ["a", "list"], {"packets.tcp": "many"}])
def test_a_correction_leaves_a_value_of_another_program_alone(
    client: Valkey, key: str, value: str | list[str] | dict[str, str]
) -> None:
    """It stays as it is and is counted as refused, in the place of a wrong key and of a right one."""
    scribe = Scribe()
    scribe.send(client, observed(SWAPPED.as_written()))
    client.delete(key)
    if isinstance(value, str):
        client.set(key, value)
    elif isinstance(value, list):
        client.rpush(key, *value)
    else:
        client.hset(key, mapping=value)
    theirs = client.dump(key)

    written = scribe.send(client, None, corrected(SWAPPED))

    assert written.refused == 1
    assert client.dump(key) == theirs
    assert ttl(client, key) == -1


def test_a_correction_that_is_sent_again_is_recognised(client: Valkey) -> None:
    """It moves nothing the second time, though the wrong keys count again."""
    scribe = Scribe()
    scribe.send(client, observed(SWAPPED.as_written()))
    correction = scribe.write(None, corrected(SWAPPED))
    assert send(client, correction).now
    scribe.send(client, observed(SWAPPED.as_written()))
    before = held(client)

    assert send(client, correction) == Written(Applied.BEFORE, held=3)
    assert held(client) == before


def test_rows_of_a_write_come_before_its_corrections(client: Valkey) -> None:
    """A correction moves what the same write counts; the wrong keys never get into the store."""
    Scribe().send(client, observed(SWAPPED.as_written()), corrected(SWAPPED))

    assert held(client) == totals(observed(SWAPPED.as_it_is()))


@pytest.mark.parametrize("packets", [None, 0])
def test_a_correction_of_nothing_makes_no_key(client: Valkey, packets: int | None) -> None:
    """Neither an empty table nor a correction of no packets changes anything."""
    corrections = corrected() if packets is None else corrected(replace(SWAPPED, packets=packets))

    assert Scribe().send(client, None, corrections).now
    assert held(client) == {}


@pytest.mark.parametrize("left", [1, 5, 11])
def test_no_more_is_moved_than_there_is(client: Valkey, left: int) -> None:
    """Of a wrong key that began again, only what it has counted since is moved, with its part of the bytes."""
    scribe = Scribe()
    scribe.send(client, observed(replace(SWAPPED, packets=left, octets=700).as_written()))

    scribe.send(client, None, corrected(SWAPPED))

    moved = replace(SWAPPED, packets=left, octets=700 * left // 12)
    kept = {key: count for key, count in held(client).items() if not key.startswith("detail;10.0.0.9")}
    assert kept == totals(observed(moved.as_it_is()))


def test_a_protocol_without_packets_is_no_longer_in_the_detail(client: Valkey) -> None:
    """Of a detail with packets of the other protocol, only the fields of this one are removed."""
    other, scribe = replace(SWAPPED, protocol=UDP, packets=5), Scribe()
    scribe.send(client, observed(SWAPPED.as_written(), other.as_written()))

    scribe.send(client, None, corrected(SWAPPED))
    assert not client.hexists("detail;10.0.0.9;10.0.0.5;40000", "packets.tcp")
    assert held(client) == totals(observed(other.as_written(), SWAPPED.as_it_is()))

    scribe.send(client, None, corrected(other))
    assert held(client) == totals(observed(other.as_it_is(), SWAPPED.as_it_is()))


@pytest.mark.parametrize(("port", "wrong_port"), [(80, 40000), (40000, 80), (80, 80)])
def test_a_host_that_talks_to_itself_is_corrected(client: Valkey, port: int, wrong_port: int) -> None:
    """Client and service are the same address, so the count of the client stays as it is."""
    swapped, scribe = replace(SWAPPED, service=SWAPPED.client, port=port, wrong_port=wrong_port), Scribe()
    scribe.send(client, observed(swapped.as_written()))

    scribe.send(client, None, corrected(swapped))

    assert held(client) == totals(observed(swapped.as_it_is()))


def test_an_address_that_is_client_and_service_is_corrected(client: Valkey) -> None:
    """What an address counts as a client of other services is not touched by a correction of its own service."""
    outgoing, scribe = Seen(SWAPPED.service, ip_address("8.8.8.8"), 53, packets=7), Scribe()
    scribe.send(client, observed(SWAPPED.as_written(), outgoing))

    scribe.send(client, None, corrected(SWAPPED))

    assert held(client) == totals(observed(SWAPPED.as_it_is(), outgoing))


def test_older_packets_that_are_moved_leave_the_end_and_its_rule(client: Valkey) -> None:
    """The right flow has later packets already: these have decided its rule, its evidence and when it was seen."""
    later = replace(SWAPPED, first=20 * SECOND, last=30 * SECOND, packets=1, octets=40, rung=Rung.KNOWN)
    scribe = Scribe()
    scribe.send(client, observed(SWAPPED.as_written(), later.as_it_is()), rule_texts=("a", "b"))

    scribe.send(client, None, corrected(SWAPPED), ("a", "c"))

    names = ["first", "last", "sentence", "evidence", "agent.bert", "packets.tcp"]
    assert client.hmget(RIGHT_DETAIL, names) == ["2.000000", "30.000000", "b", "known", "30.000000", "13"]
    assert client.hget(RIGHT_DETAIL, "corrected")


def test_a_full_store_refuses_a_correction_as_a_whole(client: Valkey) -> None:
    """A store without free memory moves nothing, and moves it once when there is room again."""
    scribe = Scribe()
    scribe.send(client, observed(SWAPPED.as_written()))
    correction, before = scribe.write(None, corrected(SWAPPED)), held(client)
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(ResponseError):
            send(client, correction)
        assert held(client) == before
    finally:
        client.config_set("maxmemory", "0")

    assert send(client, correction).now
    assert held(client) == totals(observed(SWAPPED.as_it_is()))


@pytest.mark.parametrize("make", programs())
def test_a_correction_whose_journal_was_cut_is_made_once(make: str, tmp_path: Path) -> None:
    """A correction that was cut in the journal is made once, though Redis 7.0 replays it at the second restart."""
    rest, scribe = replace(SWAPPED, packets=5), Scribe()
    server = Server(programs()[make](), tmp_path, ("--appendonly", "yes", "--appendfsync", "always")).start()
    with server.client() as client:
        scribe.send(client, observed(SWAPPED.as_written(), rest.as_written()))
        before = _journal(tmp_path).stat().st_size
        correction = scribe.write(None, corrected(SWAPPED))
        assert send(client, correction).now
    server.kill()
    journal = _journal(tmp_path).read_bytes()
    _journal(tmp_path).write_bytes(journal[: (before + len(journal)) // 2])

    with server.start().client() as client:
        assert send(client, correction).now
    server.kill()

    with server.start().client() as client:
        assert held(client) == totals(observed(SWAPPED.as_it_is(), rest.as_written()))
    server.kill()


def test_any_story_ends_as_if_it_had_been_told_right(client: Valkey) -> None:
    """Rows and corrections of some conversations in any order: the store has what the last attribution says."""
    for seed in range(150):
        client.flushall()
        conversations, scribe = Conversations(random.Random(seed)), Scribe()
        plain: dict[str, int] = {}
        for _ in range(11):
            happening = conversations.happen()
            written = scribe.send(client, happening.observations, happening.corrections)
            for key, count in totals(happening.observations).items():
                plain[key] = plain.get(key, 0) + count
            for swapped in happening.swapped:
                plain = corrected_totals(plain, swapped)

            assert held(client) == plain == conversations.in_the_end()
            assert (written.refused, scribe.outbox.vanished) == (0, 0)


def test_any_story_with_keys_that_vanish_ends_right(client: Valkey) -> None:
    """Whichever keys vanish in between, those that are written again have all that was counted."""
    for seed in range(100):
        chance = random.Random(seed)
        client.flushall()
        conversations, scribe = Conversations(chance), Scribe()
        for _ in range(11):
            happening = conversations.happen()
            scribe.outbox.check(None, Doubt.NONE)
            assert scribe.send(client, happening.observations, happening.corrections).refused == 0
            assert held(client) == conversations.in_the_end()
            for key in client.scan_iter(count=1000):
                if chance.random() < 0.2 and not key.startswith("writer;"):
                    client.delete(key)
