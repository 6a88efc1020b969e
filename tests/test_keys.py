"""The grammar of the keys, both ways, and what is counted under each of them."""

from __future__ import annotations

import time
from collections import Counter
from ipaddress import IPv4Address, ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.observations import Observations
from shodohflo.keys import Detail, counts, detail_key, details, from_key, to_key
from shodohflo.model import UDP, ClientKey, FlowKey, Key, Kind, PeerKey, ResetKey, UnreachableKey
from support.observing import KEYS, SEEN, Seen, flow, observed

LONGEST = IPv4Address("255.255.255.255")


def keys_of(row: Seen) -> set[Key]:
    """Return the keys of a row as the contract has them: the specification of `counts`."""
    client = ClientKey(row.client)
    peers = {PeerKey(row.client, row.remote), PeerKey(row.remote, row.client)}
    match row.kind:
        case Kind.FLOW:
            return {FlowKey(row.client, row.remote, row.port), *peers, client}
        case Kind.FLOW_IGNORED:
            return {*peers, client}
        case Kind.RESET:
            return {ResetKey(row.client, row.remote, row.client_port, row.port), client}
        case Kind.UNREACHABLE:
            return {UnreachableKey(row.client, row.remote, row.client_port, row.port, row.code), client}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (FlowKey(ip_address("10.0.0.1"), ip_address("8.8.8.8"), 53), "10.0.0.1;8.8.8.8;53;flow"),
        (ResetKey(ip_address("10.0.0.1"), ip_address("8.8.8.8"), 4711, 53), "10.0.0.1;8.8.8.8;4711:53;rst"),
        (UnreachableKey(ip_address("10.0.0.1"), ip_address("8.8.8.8"), 4711, 53, 3), "10.0.0.1;8.8.8.8;4711:53;3;icmp"),
        (PeerKey(ip_address("2001:db8::1"), ip_address("::1")), "2001:db8::1;::1;peer"),
        (ClientKey(ip_address("::ffff:1.2.3.4")), "client;::ffff:1.2.3.4"),
    ],
)
def test_each_kind_is_written_as_other_programs_read_it(key: Key, text: str) -> None:
    """The five forms, letter by letter."""
    assert to_key(key) == text
    assert from_key(text) == key


@given(KEYS)
def test_reading_a_key_gives_back_what_was_written(key: Key) -> None:
    """Both ways round, for every key."""
    assert from_key(to_key(key)) == key


@given(KEYS, st.data())
def test_a_damaged_key_is_nobodys_or_another_key_in_its_own_right(key: Key, data: st.DataObject) -> None:
    """Cut short anywhere or with rubbish put in, a text is only read as the key that it spells."""
    text = to_key(key)
    place = data.draw(st.integers(0, len(text)))
    damaged = text[:place] + data.draw(st.sampled_from(["", ";", "0", " ", "x", "\n", "\u0663"]))

    for candidate in (damaged, damaged + text[place:]):
        found = from_key(candidate)
        assert found is None or to_key(found) == candidate


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "client",
        "client;",
        "client;somebody",
        "client;10.0.0.1;",
        "CLIENT;10.0.0.1",
        "10.0.0.1;8.8.8.8;53;FLOW",
        "10.0.0.1;8.8.8.8;053;flow",
        "10.0.0.1;8.8.8.8;+53;flow",
        "10.0.0.1;8.8.8.8;5_3;flow",
        "10.0.0.1;8.8.8.8; 53;flow",
        "10.0.0.1;8.8.8.8;65536;flow",
        "10.0.0.1;8.8.8.8;-1;flow",
        "10.0.0.1;8.8.8.8;\u0665\u0663;flow",
        "10.0.0.1;8.8.8.8;1:2:3;rst",
        "10.0.0.1;8.8.8.8;12;rst",
        "10.0.0.1;8.8.8.8;1:2;256;icmp",
        "010.0.0.1;8.8.8.8;peer",
        "2001:DB8::1;::1;peer",
        "2001:db8:0::1;::1;peer",
        "fe80::1%eth0;::1;peer",
        "::ffff:102:304;::1;peer",
        "detail;10.0.0.1;8.8.8.8;53",
        "agent;bert",
    ],
)
def test_other_peoples_keys_are_nobodys(text: str) -> None:
    """A key with another spelling is not ours, and reading it is no error."""
    assert from_key(text) is None


@pytest.mark.parametrize(
    "key",
    [
        FlowKey(LONGEST, LONGEST, 65535),
        PeerKey(LONGEST, LONGEST),
        ResetKey(LONGEST, LONGEST, 65535, 65535),
        UnreachableKey(LONGEST, LONGEST, 65535, 65535, 255),
        ClientKey(LONGEST),
    ],
)
def test_every_ipv4_key_fits_a_dns_label(key: Key) -> None:
    """63 bytes (RFC 1035 section 2.3.4): RKVDNS reads keys as labels."""
    assert len(to_key(key).encode()) <= 63


@given(st.lists(SEEN))
def test_counts_agree_with_the_contract_row_by_row(rows: list[Seen]) -> None:
    """The column-wise sums are what adding up each row's keys gives."""
    expected: Counter[str] = Counter()
    for row in rows:
        expected.update({to_key(key): row.packets for key in keys_of(row)})

    assert counts(observed(*rows)) == dict(expected)


def test_an_address_that_talks_with_itself_has_its_peer_counted_once() -> None:
    """The peer key both ways round is one key then."""
    counted = counts(observed(flow("127.0.0.1", "127.0.0.1", 53, packets=7)))

    assert counted == {"127.0.0.1;127.0.0.1;53;flow": 7, "127.0.0.1;127.0.0.1;peer": 7, "client;127.0.0.1": 7}


def test_nothing_observed_counts_nothing() -> None:
    """No rows, no keys."""
    assert counts(observed()) == {}
    assert details(observed()) == []


def test_details_tell_of_flows_only_with_the_rule_as_it_was() -> None:
    """A row of a flow becomes one detail; ignored flows leave none, and a rule without words is left without."""
    client, service = ip_address("10.0.0.1"), ip_address("8.8.8.8")
    rows = observed(
        Seen(client, service, 53, protocol=UDP, rule=1, packets=2, octets=120, first=5, last=9),
        Seen(client, service, 53, kind=Kind.FLOW_IGNORED),
        Seen(client, service, 53, kind=Kind.RESET),
        Seen(client, service, 53, rule=2),
    )

    told = details(rows, ("the first", "the second"))

    key = "detail;10.0.0.1;8.8.8.8;53"
    assert told == [
        Detail(key, "udp", packets=2, octets=120, first=5, last=9, rule=1, sentence="the second"),
        Detail(key, "tcp", packets=1, octets=60, first=0, last=0, rule=2, sentence=""),
    ]
    assert detail_key(FlowKey(client, service, 53)) == key


def test_a_hundred_thousand_flows_are_counted_in_well_under_a_second() -> None:
    """The writer's part of a burst stays small beside what the store itself takes for it."""
    number = 100_000
    random = np.random.default_rng(1)
    pool = Addresses.from_column(4, random.integers(2**32, size=5000, dtype=np.uint32))
    one = observed(flow("10.0.0.1", "10.0.0.2", 1))[np.zeros(number, np.int64)]
    rows = Observations(
        **{name: getattr(one, name) for name in one.__slots__}
        | {
            "client": pool[random.integers(5000, size=number)],
            "remote": pool[random.integers(5000, size=number)],
            "port": random.integers(0x10000, size=number).astype(np.uint16),
        }
    )

    begun = time.process_time()
    counted = counts(rows)
    taken = time.process_time() - begun

    alone = int(np.sum(rows.client.low == rows.remote.low))
    assert sum(counted.values()) == 4 * number - alone
    assert taken < 1
