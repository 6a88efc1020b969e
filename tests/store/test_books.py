"""The bound of the books: who finds room, who ends, who is forgotten."""

from __future__ import annotations

from ipaddress import IPv4Address

import numpy as np
import pytest

from shodohflo.columns.labels import key_bytes
from shodohflo.keys.key_columns import flow_keys
from shodohflo.store.books import SECOND, Books
from shodohflo.store.outbox import Outbox
from support.observing import Seen, observed
from support.scribing import START


def some(first: int, number: int, packets: int = 1) -> list[Seen]:
    """Return flows of so many clients."""
    service = IPv4Address("8.8.8.8")
    return [Seen(IPv4Address(first + place), service, 53, packets=packets) for place in range(number)]


def sent(outbox: Outbox) -> None:
    """Take all that waits, as if it was written."""
    while portions := outbox.take(1000, START):
        for portion in portions:
            outbox.settle(portion)


def test_a_flood_while_the_store_is_away_leaves_established_flows_exact() -> None:
    """Keys that wait keep their room; new ones are refused and counted, and none is counted in part."""
    outbox = Outbox(400_000, 900)
    established = some(0x0A000000, 100)
    for second in range(20):
        outbox.add(observed(*established), (), START + second * SECOND)
        outbox.add(observed(*some(0x0B000000 + 1000 * second, 1000)), (), START + second * SECOND)

    totals = outbox.books.flows.total[outbox.books.flows.living(), 0]

    assert outbox.books.octets <= 400_000
    assert sorted(totals.tolist())[-100:] == [20] * 100
    assert outbox.books.no_room["flow"] > 10_000
    assert outbox.offered["flow"] == outbox.books.no_room["flow"] + outbox.books.waiting["flow"]


def test_a_refused_key_stays_refused_until_it_was_silent_for_a_lifetime() -> None:
    """A count that lacks its first packets would look like any other."""
    outbox = Outbox(100_000, 900)
    outbox.add(observed(*some(0, 1000)), (), START)
    late = some(999, 1)
    before = outbox.books.no_room["flow"]

    for later in (100, 900, 1700):  # there is room again from 900 seconds on
        outbox.add(observed(*late), (), START + later * SECOND)
    refused = outbox.books.no_room["flow"] - before
    outbox.add(observed(*late), (), START + 3600 * SECOND)

    assert refused == 3
    assert outbox.books.waiting["flow"] == 1


def test_quiet_keys_make_room_for_new_ones_and_are_named_if_the_store_loses_them() -> None:
    """What the store has is forgotten, the oldest first, down to half of the room."""
    outbox = Outbox(200_000, 900)
    outbox.add(observed(*some(0, 180, packets=5)), (), START)
    sent(outbox)

    outbox.add(observed(*some(1000, 100)), (), START + SECOND)
    everywhere = np.ones(2, np.bool_)
    forgotten = outbox.books.forgotten(everywhere)

    assert not outbox.books.no_room["flow"]
    assert forgotten.total() > 0
    assert all(counted % 5 == 0 for counted in forgotten.values())
    assert not outbox.books.forgotten(everywhere).total()


def test_a_quiet_key_that_counts_again_is_not_forgotten_for_a_new_one_beside_it() -> None:
    """Known and new keys come together: those that are known have their own slots, with what they counted before."""
    outbox = Outbox(200_000, 900)
    known = some(0, 180, packets=5)
    outbox.add(observed(*known), (), START)
    sent(outbox)

    outbox.add(observed(*some(1000, 100), *known[:20]), (), START + SECOND)
    flows = outbox.books.flows
    totals = flows.total[flows.find(key_bytes(flow_keys(observed(*known[:20])))), 0]

    assert totals.tolist() == [10] * 20
    assert len(outbox.books.flows.living()) == len(outbox.books.flows)


@pytest.mark.parametrize("later", [899, 900, 901])
def test_a_key_ends_when_nothing_refreshed_it_for_its_lifetime(later: int) -> None:
    """What waits of it then is expired, and a packet that comes begins another life."""
    outbox = Outbox(1_000_000, 900)
    outbox.add(observed(*some(0, 1, packets=5)), (), START)

    outbox.add(observed(*some(0, 1, packets=2)), (), START + later * SECOND)

    lives_on = later < 900
    assert outbox.books.waiting["flow"] == (7 if lives_on else 2)
    assert outbox.books.expired["flow"] == (0 if lives_on else 5)


def test_a_day_without_a_store_needs_no_more_than_a_lifetime() -> None:
    """Memory is that of the keys of one lifetime, and everything else is expired."""
    outbox = Outbox(10_000_000, 900)
    for minute in range(0, 24 * 60, 5):
        outbox.add(observed(*some(minute * 100, 100)), (), START + minute * 60 * SECOND)

    assert outbox.books.keys <= 4 * 300
    assert outbox.books.expired["flow"] + outbox.books.waiting["flow"] == outbox.offered["flow"]
    assert isinstance(outbox.books, Books)
