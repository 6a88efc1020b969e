"""Reading records and heartbeats from real stores, whatever else the stores contain."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from shodohflo.keys import AGENT, detail_key, to_key
from shodohflo.model import ClientKey, FlowKey
from shodohflo.store.reading import Heartbeat, read_heartbeats, read_records

if TYPE_CHECKING:
    from valkey import Valkey

FLOW = FlowKey(ip_address("10.0.0.1"), ip_address("2001:db8::53"), 53)
CLIENT = ClientKey(ip_address("10.0.0.1"))


def test_a_key_is_read_with_its_count_lifetime_and_detail(client: Valkey) -> None:
    """A record has the name, parsed key, count, remaining lifetime and detail of a key."""
    client.set(to_key(FLOW), 7, px=90_000)
    client.hset(detail_key(FLOW), mapping={"first": "1.5"})

    [record] = read_records(client, "*;flow", FlowKey).records

    assert (record.name, record.key, record.packets, record.detail) == (to_key(FLOW), FLOW, 7, {"first": "1.5"})
    assert record.expires_in is not None
    assert 80 < record.expires_in <= 90


def test_a_key_without_lifetime_expires_never(client: Valkey) -> None:
    """`expires_in` is `None` for a key without lifetime."""
    client.set(to_key(FLOW), 7)

    [record] = read_records(client, "*;flow", FlowKey).records

    assert record.expires_in is None
    assert record.detail == {}


@pytest.mark.parametrize("kind", ["text", "list", "name"])
def test_a_foreign_key_is_counted_and_left_out(client: Valkey, kind: str) -> None:
    """A key with a foreign name or value is counted as foreign and returned as no record."""
    if kind == "text":
        client.set(to_key(FLOW), "seven")
    elif kind == "list":
        client.rpush(to_key(FLOW), "1")
    else:
        client.set("bert;ernie;1;flow", 1)

    found = read_records(client, "*;flow", FlowKey)

    assert (found.records, found.foreign) == ([], 1)


def test_a_detail_of_another_type_is_no_detail(client: Valkey) -> None:
    """A flow whose detail is not a hash has a count and an empty detail."""
    client.set(to_key(FLOW), 7, ex=90)
    client.set(detail_key(FLOW), "not a hash")

    [record] = read_records(client, "*;flow", FlowKey).records

    assert (record.packets, record.detail) == (7, {})


def test_only_keys_of_the_wanted_kind_are_records(client: Valkey) -> None:
    """Keys of another kind that match the pattern are not returned as records."""
    client.set(to_key(CLIENT), 1, ex=90)
    client.set(to_key(FLOW), 1, ex=90)

    found = read_records(client, "*", ClientKey)

    assert [record.key for record in found.records] == [CLIENT]


def test_heartbeats_are_read_with_their_age(client: Valkey) -> None:
    """The heartbeat of every agent is returned, sorted by name, and values of other types are left out."""
    client.hset(AGENT + "ernie", mapping={"received": "1"})
    client.hset(AGENT + "bert", mapping={"lifetime": "900"})
    client.expire(AGENT + "bert", 10)
    client.set(AGENT + "zoe", "no hash")

    bert, ernie = read_heartbeats(client)

    assert (bert.agent, bert.lifetime) == ("bert", 900)
    assert (ernie.agent, ernie.fields, ernie.lifetime) == ("ernie", {"received": "1"}, None)
    assert bert.age > 0


def test_a_lifetime_that_is_no_number_is_unknown() -> None:
    """A lifetime that is not a decimal number is `None`."""
    assert Heartbeat("bert", {"lifetime": "-3"}, 0.0).lifetime is None
    assert Heartbeat("bert", {"lifetime": "\u0663"}, 0.0).lifetime is None


def test_an_empty_store_has_nothing(client: Valkey) -> None:
    """A store without keys gives no records and no heartbeats."""
    assert read_records(client, "*;flow", FlowKey).records == []
    assert read_heartbeats(client) == []
