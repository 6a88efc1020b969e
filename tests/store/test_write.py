"""One write, on real stores: atomic, exactly once, and with a lifetime for every key."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import ResponseError

from shodohflo.columns.corrections import Corrections
from shodohflo.keys import counts
from shodohflo.model import UDP, Kind, Rung
from shodohflo.store.outbox import WithRules
from shodohflo.store.write import Writing, Written, send, to_write
from support.observing import SECOND, Seen, Swapped, corrected, flow, observed
from support.serving import Server, programs
from support.swapping import Conversations, corrected_totals, totals

if TYPE_CHECKING:
    from pathlib import Path

    from valkey import Valkey

WRITING = Writing(session="0123", agent="bert", lifetime=900)

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
WRONG = {
    "10.0.0.9;10.0.0.5;40000;flow": "12",
    "client;10.0.0.9": "12",
    "detail;10.0.0.9;10.0.0.5;40000": {"packets.tcp": "12", "octets.tcp": "700"},
}
"""The keys that are wrong, and what they count."""
PEERS = {"10.0.0.5;10.0.0.9;peer": 12, "10.0.0.9;10.0.0.5;peer": 12}
RIGHT_DETAIL = "detail;10.0.0.5;10.0.0.9;54321"


def corrected_by(client: Valkey, *swapped: Swapped, number: int = 2) -> Written:
    """Send corrections as one write, and return the answer."""
    decided = WithRules(observed(), ("a", "the evidence decides"), corrected(*swapped))
    return send(client, to_write(decided, number, WRITING))


def fields_of(client: Valkey, key: str) -> dict[str, str]:
    """Return the fields of a hash, none if there is none."""
    fields = client.hgetall(key)
    assert isinstance(fields, dict)
    return fields


def held(client: Valkey) -> dict[str, int]:
    """Return every count, and the packets and bytes in every detail; each key must have a lifetime."""
    found: dict[str, int] = {}
    for key in client.scan_iter(count=1000):
        assert 0 < ttl(client, key) <= (86_400 if key.startswith("writer;") else 900)
        if key.startswith("detail;"):
            counted = {name: int(count) for name, count in fields_of(client, key).items() if name[:3] in {"pac", "oct"}}
            found |= {f"{key} {name}": count for name, count in counted.items()}
        elif not key.startswith("writer;"):
            found[key] = int(str(client.get(key)))
    return found


@pytest.mark.parametrize("kind", [Kind.FLOW, Kind.FLOW_IGNORED])
def test_what_was_written_wrong_is_as_if_it_had_been_right(client: Valkey, kind: Kind) -> None:
    """Every key has what it would have had, and those that were wrong are gone; the detail says so."""
    swapped = replace(SWAPPED, kind=kind)
    written_rows(client, swapped.as_written())

    written = corrected_by(client, swapped)

    assert written == Written(now=True, refused=0, before=1, moved=12, vanished=0)
    assert held(client) == totals(observed(swapped.as_it_is()))
    detail = fields_of(client, RIGHT_DETAIL)
    if kind is Kind.FLOW_IGNORED:
        assert detail == {}
        return
    assert abs(float(detail.pop("corrected")) - time.time()) < 60
    assert detail == {
        "packets.tcp": "12",
        "octets.tcp": "700",
        "first": "2.000000",
        "last": "8.000000",
        "rule": "FLOW_MAPPING[1]",
        "sentence": "the evidence decides",
        "evidence": "handshake",
        "agent.bert": "8.000000",
    }


def test_a_correction_that_is_sent_again_is_recognised(client: Valkey) -> None:
    """It moves nothing the second time, though the wrong keys count again."""
    written_rows(client, SWAPPED.as_written(), number=1)
    corrected_by(client, SWAPPED, number=2)
    written_rows(client, SWAPPED.as_written(), number=3)
    before = held(client)

    again = [corrected_by(client, SWAPPED, number=number) for number in (2, 3)]

    assert again == [Written(now=False, refused=0)] * 2
    assert held(client) == before


def test_nothing_is_moved_if_the_wrong_key_has_expired(client: Valkey) -> None:
    """No key is made or changed, and the answer says so."""
    written_rows(client, SWAPPED.as_written())
    client.delete("10.0.0.9;10.0.0.5;40000;flow")
    before = held(client)

    assert corrected_by(client, SWAPPED) == Written(now=True, refused=0, before=1, moved=0, vanished=1)
    assert held(client) == before


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_key_that_expired_alone_is_not_made_again(client: Valkey, key: str) -> None:
    """Without the count of the client, or the detail, the rest is moved all the same."""
    written_rows(client, SWAPPED.as_written())
    client.delete(key)

    moved = corrected_by(client, SWAPPED).moved

    assert moved == (0 if key.endswith(";flow") else 12)
    assert not client.exists(key)
    if moved:
        assert held(client) == totals(observed(SWAPPED.as_it_is()))


@pytest.mark.parametrize("left", [1, 5, 11])
def test_no_more_is_moved_than_there_is(client: Valkey, left: int) -> None:
    """Of a wrong key that expired and began again, only what it has is moved, with its part of the bytes."""
    written_rows(client, replace(SWAPPED, packets=left, octets=10 * left).as_written())

    assert corrected_by(client, SWAPPED).moved == left
    right = replace(SWAPPED, packets=left, octets=700 * left // 12)
    assert held(client) == totals(observed(right.as_it_is()))


def test_what_others_counted_under_the_wrong_keys_stays(client: Valkey) -> None:
    """Packets of another agent, of another protocol and of other flows of the client remain, with a lifetime."""
    others = [
        replace(SWAPPED, packets=3, octets=400).as_written(),
        replace(SWAPPED, packets=2, octets=300, protocol=UDP).as_written(),
        replace(SWAPPED, packets=1, octets=60, wrong_port=99).as_written(),
    ]
    written_rows(client, *others)
    written_rows(client, SWAPPED.as_written(), number=2)

    assert corrected_by(client, SWAPPED, number=3).moved == 12
    assert held(client) == totals(observed(*others, SWAPPED.as_it_is()))


def test_a_protocol_without_packets_is_no_longer_in_the_detail(client: Valkey) -> None:
    """Of a detail with packets of the other protocol, only the fields of this one are removed."""
    other = replace(SWAPPED, protocol=UDP, packets=5)
    written_rows(client, SWAPPED.as_written(), other.as_written())

    corrected_by(client, SWAPPED)
    assert "packets.tcp" not in fields_of(client, "detail;10.0.0.9;10.0.0.5;40000")
    assert held(client) == totals(observed(other.as_written(), SWAPPED.as_it_is()))

    corrected_by(client, other, number=3)
    assert held(client) == totals(observed(other.as_it_is(), SWAPPED.as_it_is()))


@pytest.mark.parametrize(("port", "wrong_port"), [(80, 40000), (40000, 80), (80, 80)])
def test_a_host_that_talks_to_itself_is_corrected(client: Valkey, port: int, wrong_port: int) -> None:
    """Client and service are the same address, so the count of the client stays as it is."""
    swapped = replace(SWAPPED, service=SWAPPED.client, port=port, wrong_port=wrong_port)
    written_rows(client, swapped.as_written())

    assert corrected_by(client, swapped).moved == 12
    assert held(client) == totals(observed(swapped.as_it_is()))


def test_an_address_that_is_client_and_service_is_corrected(client: Valkey) -> None:
    """What an address counts as a client of other services is not touched by a correction of its own service."""
    outgoing = Seen(SWAPPED.service, ip_address("8.8.8.8"), 53, packets=7)
    written_rows(client, SWAPPED.as_written(), outgoing)

    corrected_by(client, SWAPPED)

    assert held(client) == totals(observed(SWAPPED.as_it_is(), outgoing))


FOREIGN = [
    *("10.0.0.9;10.0.0.5;40000;flow", "client;10.0.0.9", "detail;10.0.0.9;10.0.0.5;40000"),
    *("10.0.0.5;10.0.0.9;54321;flow", "client;10.0.0.5", RIGHT_DETAIL),
]


@pytest.mark.parametrize("key", FOREIGN)
@pytest.mark.parametrize("value", ["theirs", "-5", "007", "1e3", "0", "9" * 30, ["a", "list"], {"packets.tcp": "many"}])
def test_a_value_of_another_program_is_left_alone(
    client: Valkey, key: str, value: str | list[str] | dict[str, str]
) -> None:
    """It stays as it is and is counted as refused; in the place of the wrong count, it keeps everything where it is."""
    written_rows(client, SWAPPED.as_written())
    client.delete(key)
    if isinstance(value, str):
        client.set(key, value)
    elif isinstance(value, list):
        client.rpush(key, *value)
    else:
        client.hset(key, mapping=value)
    theirs = client.dump(key)

    written = corrected_by(client, SWAPPED)

    is_added_to = key == FOREIGN[3] and value in {"0", "-5"} if isinstance(value, str) else False
    is_added_to |= key == FOREIGN[4] and value in {"0", "-5"} if isinstance(value, str) else False
    assert written.moved == (0 if key == FOREIGN[0] else 12)
    assert written.vanished == 0
    if is_added_to:  # a number that INCRBY adds to, as rows do
        assert client.get(key) == str(int(str(value)) + 12)
        return
    assert written.refused == 1
    assert client.dump(key) == theirs
    assert client.ttl(key) == -1


@pytest.mark.parametrize("extra", [0, 1, 999_999_999_999_999, 10**15, 2**53 + 1, 10**18, 9_223_372_036_854_775_795])
def test_a_large_count_is_corrected_exactly(client: Valkey, extra: int) -> None:
    """The script subtracts exactly beyond the 15 digits of its numbers, and across them."""
    for key in ("10.0.0.9;10.0.0.5;40000;flow", "client;10.0.0.9"):
        client.set(key, extra + 12)
    client.hset("detail;10.0.0.9;10.0.0.5;40000", mapping={"packets.tcp": extra + 12, "octets.tcp": extra + 700})
    client.expire("detail;10.0.0.9;10.0.0.5;40000", 900)

    assert corrected_by(client, SWAPPED).moved == 12

    wrong = totals(observed(SWAPPED.as_written()))
    expected = {key: extra for key in wrong if extra and not key.endswith(";peer")}
    right = totals(observed(SWAPPED.as_it_is()))
    assert held(client) == expected | {key: count for key, count in right.items() if not key.endswith(";peer")}


def test_rows_of_a_write_come_before_its_corrections(client: Valkey) -> None:
    """A correction moves what the same write has counted."""
    decided = WithRules(observed(SWAPPED.as_written()), (), corrected(SWAPPED))

    assert send(client, to_write(decided, 1, WRITING)).moved == 12
    assert held(client) == totals(observed(SWAPPED.as_it_is()))


def test_a_correction_of_nothing_makes_no_key(client: Valkey) -> None:
    """Neither an empty table nor a correction of no packets changes anything."""
    assert send(client, to_write(WithRules(observed(), (), Corrections.empty()), 1, WRITING)).now
    assert corrected_by(client, replace(SWAPPED, packets=0)).moved == 0
    assert held(client) == {}


def test_older_packets_that_are_moved_leave_the_end_and_its_rule(client: Valkey) -> None:
    """The right flow has later packets already: these have decided its rule, its evidence and when it was seen."""
    later = replace(SWAPPED, first=20 * SECOND, last=30 * SECOND, packets=1, octets=40, rung=Rung.KNOWN)
    written_rows(client, SWAPPED.as_written(), later.as_it_is(), rule_texts=("a", "b"))

    corrected_by(client, SWAPPED)

    names = ["first", "last", "sentence", "evidence", "agent.bert", "packets.tcp"]
    assert client.hmget(RIGHT_DETAIL, names) == ["2.000000", "30.000000", "b", "known", "30.000000", "13"]
    assert client.hget(RIGHT_DETAIL, "corrected")


def test_a_full_store_refuses_a_correction_as_a_whole(client: Valkey) -> None:
    """A store without free memory moves nothing, and moves it once when there is room again."""
    written_rows(client, SWAPPED.as_written())
    before = held(client)
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(ResponseError):
            corrected_by(client, SWAPPED)
        assert held(client) == before
    finally:
        client.config_set("maxmemory", "0")

    assert corrected_by(client, SWAPPED).moved == 12
    assert held(client) == totals(observed(SWAPPED.as_it_is()))


@pytest.mark.parametrize("forbidden", ["time", "hdel", "del", "get", "hmget"])
def test_a_missing_permission_never_makes_a_count_wrong_by_more_than_it_was(client: Valkey, forbidden: str) -> None:
    """What may not be taken away stays and is counted as refused; no count is negative or without a lifetime."""
    other = replace(SWAPPED, protocol=UDP, packets=5)
    written_rows(client, SWAPPED.as_written(), other.as_written())
    client.execute_command("ACL", "SETUSER", "default", f"-{forbidden}")  # type: ignore[no-untyped-call] # typed in part
    try:
        if forbidden == "get":  # the number of the write cannot be read, so nothing is applied
            with pytest.raises(ResponseError):
                corrected_by(client, SWAPPED)
            refused = 0
        else:
            refused = corrected_by(client, SWAPPED).refused
    finally:
        client.execute_command("ACL", "SETUSER", "default", f"+{forbidden}")  # type: ignore[no-untyped-call] # typed in part

    assert all(count >= 0 for count in held(client).values())
    assert (refused > 0) == (forbidden in {"hdel", "hmget"})


def test_any_story_ends_as_if_it_had_been_told_right(client: Valkey) -> None:
    """Rows and corrections of some conversations in any order: the store has what the last attribution says.

    After each write, it has what the plain form of a correction gives.
    """
    for seed in range(150):
        client.flushall()
        conversations = Conversations(random.Random(seed))
        plain: dict[str, int] = {}
        for number in range(1, 12):
            happening = conversations.happen()
            written = send(
                client, to_write(WithRules(happening.observations, (), happening.corrections), number, WRITING)
            )
            for key, count in totals(happening.observations).items():
                plain[key] = plain.get(key, 0) + count
            for swapped in happening.swapped:
                plain = corrected_totals(plain, swapped)

            assert held(client) == plain == conversations.in_the_end()
            assert (written.refused, written.vanished) == (0, 0)
            assert written.moved == int(happening.corrections.packets.sum())


def test_any_story_with_keys_that_expire_has_no_impossible_count(client: Valkey) -> None:
    """Whichever keys vanish in between, no count is negative, and every key has a lifetime."""
    for seed in range(100):
        chance = random.Random(seed)
        client.flushall()
        conversations = Conversations(chance)
        for number in range(1, 12):
            happening = conversations.happen()
            decided = WithRules(happening.observations, (), happening.corrections)
            assert send(client, to_write(decided, number, WRITING)).refused == 0
            assert all(count >= 0 if " octets." in key else count > 0 for key, count in held(client).items())
            for key in client.scan_iter(count=1000):
                if chance.random() < 0.2 and not key.startswith("writer;"):
                    client.delete(key)


@pytest.mark.parametrize("make", programs())
def test_a_correction_whose_journal_was_cut_is_made_once(make: str, tmp_path: Path) -> None:
    """A correction that was cut in the journal is made once, though Redis 7.0 replays it at the second restart."""
    server = Server(programs()[make](), tmp_path, ("--appendonly", "yes", "--appendfsync", "always")).start()
    with server.client() as client:
        written_rows(client, SWAPPED.as_written(), replace(SWAPPED, packets=5).as_written(), number=1)
        before = _journal(tmp_path).stat().st_size
        corrected_by(client, SWAPPED, number=2)
    server.kill()
    journal = _journal(tmp_path).read_bytes()
    _journal(tmp_path).write_bytes(journal[: (before + len(journal)) // 2])

    with server.start().client() as client:
        assert corrected_by(client, SWAPPED, number=2).moved == 12
    server.kill()

    with server.start().client() as client:
        expected = totals(observed(SWAPPED.as_it_is(), replace(SWAPPED, packets=5).as_written()))
        assert held(client) == expected
    server.kill()
