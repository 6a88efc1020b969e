"""Reading records and heartbeats from real stores, whatever else the stores contain."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from valkey.exceptions import ResponseError

from shodohflo.keys import AGENT, FlowDetail, detail_key, to_key
from shodohflo.model import ClientKey, FlowKey
from shodohflo.store.dialogue import Dialogue
from shodohflo.store.reading import Heartbeat, KeyRecords, read_heartbeats, read_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from valkey import Valkey

FLOW = FlowKey(ip_address("10.0.0.1"), ip_address("2001:db8::53"), 53)
CLIENT = ClientKey(ip_address("10.0.0.1"))
EMPTY = FlowDetail(first=None, last=None, protocols=(), rule="", sentence="", agents=())


def read(
    client: Valkey, pattern: str = "*;flow", wanted: type[Any] = FlowKey, takes: Callable[[Any], bool] = lambda _: True
) -> KeyRecords[Any]:
    """Return all keys that a dialogue with the store finds."""
    steps = list(read_records(Dialogue(client), pattern, wanted, takes))
    return KeyRecords([record for step in steps for record in step.records], sum(step.foreign for step in steps))


def test_a_key_is_read_with_its_count_lifetime_and_detail(client: Valkey) -> None:
    """A record has the name, parsed key, count, remaining lifetime and detail of a key."""
    client.set(to_key(FLOW), 7, px=90_000)
    client.hset(detail_key(FLOW), mapping={"first": "1.5"})

    [record] = read(client).records

    assert (record.name, record.key, record.packets) == (to_key(FLOW), FLOW, 7)
    assert record.detail == EMPTY._replace(first=1.5)
    assert record.expires_in is not None
    assert 80 < record.expires_in <= 90


def test_a_key_without_lifetime_expires_never(client: Valkey) -> None:
    """`expires_in` is `None` for a key without lifetime."""
    client.set(to_key(FLOW), 7)

    [record] = read(client).records

    assert record.expires_in is None
    assert record.detail == EMPTY


@pytest.mark.parametrize("kind", ["text", "empty", "long", "above", "list", "name"])
def test_a_foreign_key_is_counted_and_left_out(client: Valkey, kind: str) -> None:
    """A key with a foreign name or value is counted as foreign and returned as no record."""
    values = {"text": "seven", "empty": "", "long": "7" * 5_000, "above": str(2**63)}
    if kind == "list":
        client.rpush(to_key(FLOW), "1")
    elif kind == "name":
        client.set("bert;ernie;1;flow", 1)
    else:
        client.set(to_key(FLOW), values[kind])

    found = read(client)

    assert (found.records, found.foreign) == ([], 1)


def test_the_largest_count_of_a_store_is_a_count(client: Valkey) -> None:
    """A count may be as large as INCRBY allows."""
    client.set(to_key(FLOW), 2**63 - 1)

    assert [record.packets for record in read(client).records] == [2**63 - 1]


def test_a_detail_of_another_type_is_no_detail(client: Valkey) -> None:
    """A flow whose detail is not a hash has a count and an empty detail, which is marked as malformed."""
    client.set(to_key(FLOW), 7, ex=90)
    client.set(detail_key(FLOW), "not a hash")

    [record] = read(client).records

    assert (record.packets, record.detail) == (7, EMPTY._replace(malformed=1))


def test_a_huge_detail_costs_its_own_flow_only(client: Valkey) -> None:
    """Details of megabytes are left out and marked, and all other flows are read as ever."""
    ports = range(1, 3_001)
    flows = [replace(FLOW, port=port) for port in ports]
    with client.pipeline(transaction=False) as pipeline:
        for flow in flows:
            pipeline.set(to_key(flow), flow.port, ex=90)
            pipeline.hset(detail_key(flow), mapping={"first": "1.5"})
        for flow in flows[100:2_900:400]:
            pipeline.hset(detail_key(flow), mapping={"sentence": "x" * 3 * 2**20})
        pipeline.execute()  # type: ignore[no-untyped-call] # the library is typed in part

    found = {record.key.port: record for record in read(client).records}

    assert {port: found[port].packets for port in ports} == {port: port for port in ports}
    damaged = [port for port in ports if found[port].detail.malformed]
    assert damaged == list(ports[100:2_900:400])
    assert {found[port].detail.first for port in ports if port not in damaged} == {1.5}


def test_only_keys_that_are_taken_are_read(client: Valkey) -> None:
    """A key that is not wanted is neither a record nor foreign, whatever its value."""
    client.set(to_key(FLOW), 1)
    client.set(to_key(replace(FLOW, port=54)), "junk")

    found = read(client, takes=lambda key: key.port == 53)

    assert ([record.key for record in found.records], found.foreign) == ([FLOW], 0)


def test_only_keys_of_the_wanted_kind_are_records(client: Valkey) -> None:
    """Keys of another kind that match the pattern are not returned as records."""
    client.set(to_key(CLIENT), 1, ex=90)
    client.set(to_key(FLOW), 1, ex=90)

    found = read(client, "*", ClientKey)

    assert [record.key for record in found.records] == [CLIENT]


def test_one_key_is_looked_up_without_a_scan(client: Valkey) -> None:
    """A pattern without a star is a name: it is read if it is there, and is neither found nor foreign if it is not."""
    client.set(to_key(CLIENT), 3)

    assert [record.packets for record in read(client, to_key(CLIENT), ClientKey).records] == [3]
    assert read(client, to_key(FLOW)) == KeyRecords([], 0)


def test_a_store_that_forbids_to_read_is_an_error(client: Valkey) -> None:
    """Keys whose values may not be read are not reported as foreign."""
    client.set(to_key(FLOW), 1)
    client.acl_setuser("default", enabled=True, nopass=True, commands=["-getrange"])
    try:
        with pytest.raises(ResponseError, match="getrange"):
            read(client)
    finally:
        client.acl_setuser("default", enabled=True, nopass=True, commands=["+getrange"])


def test_heartbeats_are_read_with_their_age(client: Valkey) -> None:
    """The heartbeat of every agent is returned, sorted by name, and values of other types are left out."""
    client.hset(AGENT + "ernie", mapping={"received": "1"})
    client.hset(AGENT + "bert", mapping={"lifetime": "900"})
    client.expire(AGENT + "bert", 10)
    client.set(AGENT + "zoe", "no hash")

    bert, ernie = read_heartbeats(Dialogue(client))

    assert (bert.agent, bert.lifetime) == ("bert", 900)
    assert (ernie.agent, ernie.fields, ernie.lifetime) == ("ernie", {"received": "1"}, None)
    assert bert.age > 0


def test_a_lifetime_that_is_no_number_is_unknown() -> None:
    """A lifetime that is not a decimal number is `None`."""
    assert Heartbeat("bert", {"lifetime": "-3"}, 0.0).lifetime is None
    assert Heartbeat("bert", {"lifetime": "\u0663"}, 0.0).lifetime is None
    assert Heartbeat("bert", {"lifetime": "9" * 5_000}, 0.0).lifetime is None


def test_an_empty_store_has_nothing(client: Valkey) -> None:
    """A store without keys gives no records and no heartbeats."""
    assert read(client) == KeyRecords([], 0)
    assert read_heartbeats(Dialogue(client)) == []
