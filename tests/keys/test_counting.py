"""Which keys count a row of observations, and how many packets each key gets."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.addresses import Addresses
from shodohflo.keys.counting import AddressIndex, counts
from shodohflo.keys.grammar import to_key
from shodohflo.model import ClientKey, FlowKey, Key, Kind, PeerKey, ResetKey, UnreachableKey, address_text
from support.observing import SEEN, Seen, flow, observed


def keys_of(row: Seen) -> set[Key]:
    """Return the keys that count a row: the specification of `counts`."""
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


def test_the_example_of_the_module_is_true() -> None:
    """Seven packets of one flow add seven to each of four keys."""
    assert counts(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=7))) == {
        "10.0.0.1;8.8.8.8;53;flow": 7,
        "10.0.0.1;8.8.8.8;peer": 7,
        "8.8.8.8;10.0.0.1;peer": 7,
        "client;10.0.0.1": 7,
    }


@given(st.lists(SEEN))
def test_counts_agree_with_the_keys_of_each_row(rows: list[Seen]) -> None:
    """Counting by columns has the same result as adding up the keys row by row."""
    expected: Counter[str] = Counter()
    for row in rows:
        expected.update({to_key(key): row.packets for key in keys_of(row)})

    assert counts(observed(*rows)) == dict(expected)


def test_a_host_that_talks_to_itself_has_one_peer_key() -> None:
    """Both directions of the peer key are the same key, which is counted once."""
    counted = counts(observed(flow("127.0.0.1", "127.0.0.1", 53, packets=7)))

    assert counted == {"127.0.0.1;127.0.0.1;53;flow": 7, "127.0.0.1;127.0.0.1;peer": 7, "client;127.0.0.1": 7}


def test_no_observations_have_no_keys() -> None:
    """An empty table of observations has no counts."""
    assert counts(observed()) == {}


@given(st.lists(SEEN))
def test_ends_index_the_text_of_each_address(rows: list[Seen]) -> None:
    """Each distinct address has one text, and the columns of both ends hold its index."""
    ends = AddressIndex.of(observed(*rows))

    assert [ends.texts[index] for index in ends.client.tolist()] == [address_text(row.client) for row in rows]
    assert [ends.texts[index] for index in ends.remote.tolist()] == [address_text(row.remote) for row in rows]
    assert len(set(ends.texts)) == len(ends.texts)


def test_a_hundred_thousand_flows_are_counted_in_less_than_a_second() -> None:
    """Counting a burst takes the writer less time than the store needs to apply it."""
    number = 100_000
    random = np.random.default_rng(1)
    pool = Addresses.from_column(4, random.integers(2**32, size=5000, dtype=np.uint32))
    one = observed(flow("10.0.0.1", "10.0.0.2", 1))[np.zeros(number, np.int64)]
    rows = replace(
        one,
        client=pool[random.integers(5000, size=number)],
        remote=pool[random.integers(5000, size=number)],
        port=random.integers(0x10000, size=number).astype(np.uint16),
    )

    begun = time.process_time()
    counted = counts(rows)
    taken = time.process_time() - begun

    alone = int(np.sum(rows.client.low == rows.remote.low))
    assert sum(counted.values()) == 4 * number - alone
    assert taken < 1
