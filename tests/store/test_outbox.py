"""The outbox: what is added is taken once, newest first, with what the key has counted in all."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys import counts
from shodohflo.model import UDP, Address
from shodohflo.store.outbox import Outbox
from shodohflo.store.portion import DETAIL, Doubt, Portion
from support.observing import SECOND, SEEN, Seen, flow, observed
from support.scribing import START

OCTETS = 50_000_000


def taken(portions: list[Portion]) -> dict[str, int]:
    """Return what portions add to each key that counts."""
    return {
        name: delta
        for portion in portions
        if portion.view.kind
        for name, delta in zip(portion.names, portion.deltas[:, 0].tolist(), strict=True)
    }


@given(st.lists(st.lists(SEEN, max_size=8), max_size=5), st.integers(1, 20))
def test_what_is_added_is_taken_once(added: list[list[Seen]], most: int) -> None:
    """However it is divided, every key gets what `counts` says."""
    outbox = Outbox(OCTETS, 900)
    expected: Counter[str] = Counter()
    for rows in added:
        outbox.add(observed(*rows), (), START)
        expected.update(counts(observed(*rows)))

    summed: Counter[str] = Counter()
    while portions := outbox.take(most, START):
        assert sum(map(len, portions)) <= 2 * most
        summed.update(taken(portions))

    assert summed == expected
    assert outbox.is_empty
    assert len(outbox) == 0


def test_what_was_refreshed_last_is_taken_first() -> None:
    """After an outage, what people look at is right at once."""
    outbox = Outbox(OCTETS, 900)
    for second in range(50):
        outbox.add(observed(flow(f"10.0.0.{second}", "8.8.8.8", 53)), (), START + second * SECOND)

    names = [name for name in taken(outbox.take(9, START + 50 * SECOND)) if name.endswith(";flow")]

    assert set(names) == {f"10.0.0.{second};8.8.8.8;53;flow" for second in (47, 48, 49)}


def test_a_portion_has_what_the_key_counted_in_all() -> None:
    """The totals include what was taken before, by protocol."""
    outbox = Outbox(OCTETS, 900)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=5)), (), START)
    outbox.take(100, START)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=2)), (), START)

    portions = outbox.take(100, START)

    assert all((portion.deltas[:, 0] == 2).all() for portion in portions)
    assert all((portion.totals[:, 0] == 7).all() for portion in portions)


def test_a_detail_has_the_facts_of_the_latest_row() -> None:
    """The earliest first, and last, rule and rung of the row that was received last."""
    outbox = Outbox(OCTETS, 900)
    late = Seen(*_ends(), 53, protocol=UDP, rule=1, first=5, last=9)
    early = Seen(*_ends(), 53, rule=0, first=2, last=4)

    outbox.add(observed(late, early), ("the first", "the second"), START)
    [detail] = [portion for portion in outbox.take(100, START) if portion.view is DETAIL]

    assert detail.facts is not None
    assert (detail.facts.first, detail.facts.last, detail.facts.rules) == ([2], [9], [(1, "the second")])
    assert detail.deltas.tolist() == [[1, 60, 1, 60]]


def test_what_is_put_back_waits_again_unless_its_key_has_ended() -> None:
    """The life of a key is told apart by its generation."""
    outbox = Outbox(OCTETS, 900)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=5)), (), START)
    [client] = [portion for portion in outbox.take(100, START) if portion.view.kind == "client"]

    lives = outbox.put_back(client)
    outbox.books.sweep(START + 901 * SECOND)
    later = outbox.put_back(client)

    assert (lives.tolist(), later.tolist()) == ([True], [False])
    assert outbox.books.expired["client"] == 5


def test_a_key_whose_store_may_have_let_it_expire_is_doubted() -> None:
    """If the store could not be written to until the key expired there, it may have begun another count."""
    outbox = Outbox(OCTETS, 900)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53)), (), START)
    for portion in outbox.take(100, START):
        outbox.settle(portion)
    for second in (600, 1200):
        outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53)), (), START + second * SECOND)

    portions = outbox.take(100, START + 1200 * SECOND)

    assert all((portion.doubts == Doubt.EXPIRED).all() for portion in portions)


def test_everything_waits_again_when_a_store_was_emptied() -> None:
    """All totals are to be written, and it is said how many they are."""
    outbox = Outbox(OCTETS, 900)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=5)), (), START)
    outbox.take(100, START)

    restored = outbox.restore(np.ones(2, np.bool_))

    assert restored == {"flow": 5, "peer": 10, "client": 5, "rst": 0, "icmp": 0}
    assert set(taken(outbox.take(100, START)).values()) == {5}


def test_what_is_in_some_lanes_is_left_where_it_waits() -> None:
    """Of a flow whose hash is in one of these lanes, the count is taken, and the hash later."""
    outbox = Outbox(OCTETS, 900, lanes=2)
    for _ in range(2):
        outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=5)), (), START)
        portions = outbox.take(100, START, np.array([False, False, True]))
        for portion in portions:
            outbox.note_lanes(portion, np.full(len(portion), portion.view is DETAIL, np.uint16))

    assert [portion.view.kind for portion in portions] == ["flow", "peer", "peer", "client"]
    [detail] = outbox.take(100, START)
    assert (detail.view, detail.deltas[:, 0].tolist()) == (DETAIL, [5])


def test_giving_up_counts_all_that_waits() -> None:
    """By kind of key, and nothing waits then."""
    outbox = Outbox(OCTETS, 900)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=5)), (), START)

    outbox.give_up()

    assert +outbox.given_up == {"flow": 5, "peer": 10, "client": 5}
    assert outbox.is_empty


def _ends() -> tuple[Address, Address]:
    row = flow("10.0.0.1", "8.8.8.8", 53)
    return row.client, row.remote
