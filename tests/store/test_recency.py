"""When rows are written; the tests set the clock."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.observations import Observations
from shodohflo.keys import counts
from shodohflo.model import UDP, Rung
from shodohflo.store.recency import Recency, interval_for
from support.observing import SECOND, SEEN, Seen, Swapped, corrected, flow, observed

A = flow("10.0.0.1", "8.8.8.8", 53)
B = flow("10.0.0.1", "8.8.8.8", 443)
NOTHING = observed()


def ports(observations: Observations) -> list[int]:
    """Return the ports of the rows, sorted."""
    return sorted(observations.port.tolist())


def test_what_is_new_is_due_at_once() -> None:
    """New rows are due at once."""
    recency = Recency(5 * SECOND)

    assert ports(recency.due(observed(A, B), now=0)) == [53, 443]
    assert len(recency) == 0


def test_what_was_written_lately_is_added_up_until_its_interval_is_over() -> None:
    """Packets of a row that was written recently are merged and due after the interval."""
    recency = Recency(5 * SECOND)
    recency.due(observed(A), now=0)

    waits = [recency.due(observed(A), now=now * SECOND) for now in range(1, 5)]
    due = recency.due(observed(A), now=5 * SECOND)

    assert [len(rows) for rows in waits] == [0, 0, 0, 0]
    assert due.packets.tolist() == [5]


def test_what_waits_is_due_even_when_nothing_more_comes() -> None:
    """Waiting rows become due even if no further packets arrive."""
    recency = Recency(5 * SECOND)
    recency.due(observed(A), now=0)
    recency.due(observed(A), now=1)

    assert recency.due(NOTHING, now=5 * SECOND).packets.tolist() == [1]
    assert len(recency.due(NOTHING, now=20 * SECOND)) == 0


def test_a_flow_that_was_quiet_for_a_while_is_due_at_once() -> None:
    """A row whose last write is older than the interval is due at once, because its keys may be about to expire."""
    recency = Recency(5 * SECOND)
    recency.due(observed(A), now=0)

    assert ports(recency.due(observed(A), now=6 * SECOND)) == [53]


@pytest.mark.parametrize(("lifetime", "interval"), [(900, 5 * SECOND), (15, 5 * SECOND), (3, SECOND), (1, SECOND // 3)])
def test_the_interval_is_five_seconds_or_a_third_of_the_lifetime(lifetime: int, interval: int) -> None:
    """The interval is five seconds or a third of the lifetime, whichever is shorter."""
    assert interval_for(lifetime) == interval


@given(st.integers(1, 60), st.lists(st.integers(0, 90), min_size=1, max_size=50))
def test_the_keys_of_a_live_flow_never_expire(lifetime: int, gaps: list[int]) -> None:
    """A flow that is never silent for 90 % of the lifetime is always refreshed before its keys expire."""
    recency = Recency(interval_for(lifetime))
    tick = lifetime * SECOND // 100
    refreshed = now = 0
    recency.due(observed(A), now)

    for gap in gaps:
        for ticks in range(1, gap + 1):
            seen = observed(A) if ticks == gap else NOTHING
            now += tick
            if len(recency.due(seen, now)):
                assert now - refreshed < lifetime * SECOND
                refreshed = now
        assert now - refreshed < lifetime * SECOND


@given(st.lists(st.tuples(st.lists(SEEN, max_size=5), st.integers(-3, 8))), st.integers(1, 4))
def test_every_packet_comes_out_once(steps: list[tuple[list[Seen], int]], capacity: int) -> None:
    """No packet is lost or counted twice, for any clock and any capacity."""
    recency = Recency(5 * SECOND, capacity=capacity)
    now = 0
    out = []

    for seen, seconds in steps:
        now += seconds * SECOND
        out.append(recency.due(observed(*seen), now))
    out.append(recency.rest())

    everything = observed(*(row for seen, _ in steps for row in seen))
    assert counts(Observations.concatenate(out)) == counts(everything)
    assert len(recency.rest()) == 0


@given(st.lists(st.lists(st.sampled_from([A, B]), max_size=3), min_size=1))
def test_no_row_is_written_twice_in_an_interval_nor_waits_longer(steps: list[list[Seen]]) -> None:
    """With a call each second, a row is written at most every five seconds and at most five seconds late."""
    recency = Recency(5 * SECOND)
    written = dict.fromkeys((53, 443), -100)
    seen_at: dict[int, int] = {}

    for second, seen in enumerate([*steps, *[[]] * 6]):
        for row in seen:
            seen_at.setdefault(row.port, second)
        for port in ports(recency.due(observed(*seen), second * SECOND)):
            assert second - written[port] >= 5
            assert second - seen_at.pop(port) <= 5
            written[port] = second

    assert not seen_at


def test_a_clock_that_is_set_back_makes_nothing_wait() -> None:
    """After the clock is set back an hour, a waiting row is due at once."""
    recency = Recency(5 * SECOND)
    recency.due(observed(A), now=3600 * SECOND)
    recency.due(observed(A), now=3601 * SECOND)

    assert recency.due(NOTHING, now=0).packets.tolist() == [1]


def test_what_is_forgotten_for_want_of_room_counts_as_new_again() -> None:
    """The row written longest ago is forgotten first, and is then due again."""
    recency = Recency(5 * SECOND, capacity=1)
    recency.due(observed(A), now=0)
    recency.due(observed(B), now=1)

    assert ports(recency.due(observed(A, B), now=2)) == [53]
    assert len(recency) == 1


def test_the_same_flow_by_another_rule_is_another_row() -> None:
    """The same flow decided by another rule is a row of its own."""
    recency = Recency(5 * SECOND)
    recency.due(observed(A), now=0)

    other = Seen(A.client, A.remote, A.port, rule=1)
    assert recency.due(observed(A, other), now=1).rule.tolist() == [1]


def test_a_hundred_thousand_live_flows_are_decided_in_well_under_a_second() -> None:
    """Three calls of `due` with 100,000 flows take less than 3 seconds, as the ring must not overflow meanwhile."""
    number = 100_000
    one = observed(A)[np.zeros(number, np.int64)]
    rows = replace(one, client=_many(number))
    recency = Recency(5 * SECOND)

    begun = time.process_time()
    due = [len(recency.due(rows, now)) for now in (0, SECOND, 5 * SECOND)]
    taken = time.process_time() - begun

    assert due == [number, 0, number]
    assert taken < 3


def _many(number: int) -> Addresses:
    one = observed(A).client[np.zeros(number, np.int64)]
    return Addresses(one.version, one.high, one.low + np.arange(number).astype(np.uint64))


def test_the_rows_that_a_correction_takes_back_are_released() -> None:
    """Of the rows that wait, those with client, service and port as they were written wrong, by whatever rule."""
    wrong = Swapped(ip_address("10.0.0.5"), ip_address("10.0.0.9"), port=54321, wrong_port=40000)
    rows = [
        wrong.as_written(),
        replace(wrong.as_written(), rule=3, rung=Rung.LISTED),
        replace(wrong.as_written(), protocol=UDP),
    ]
    others = [
        wrong.as_it_is(),
        replace(wrong.as_written(), port=54321),
        replace(wrong.as_written(), client=ip_address("10.0.0.8")),
        replace(wrong.as_written(), remote=ip_address("2001:db8::1")),
    ]
    recency = Recency(5 * SECOND)
    recency.due(observed(*rows, *others), now=0)
    recency.due(observed(*others, *rows), now=1)

    released = recency.release(corrected(wrong))

    assert counts(released) == counts(observed(*rows))
    assert counts(recency.rest()) == counts(observed(*others))


def test_nothing_is_released_where_nothing_waits() -> None:
    """Without rows that wait, or without corrections, no rows are released."""
    recency = Recency(5 * SECOND)
    wrong = Swapped(ip_address("10.0.0.5"), ip_address("10.0.0.9"), port=54321, wrong_port=40000)

    assert len(recency.release(corrected(wrong))) == 0
    recency.due(observed(A), now=0)
    recency.due(observed(A), now=1)
    assert len(recency.release(corrected())) == 0
    assert len(recency) == 1


def test_releasing_from_a_hundred_thousand_rows_takes_less_than_a_tenth_of_a_second() -> None:
    """Corrections come several times a second, and most rows that wait have nothing to do with them."""
    number = 100_000
    rows = observed(A)[np.zeros(number, np.int64)]
    rows = replace(
        rows, port=(np.arange(number) % 60_000).astype(np.uint16), rule=(np.arange(number) // 60_000).astype(np.uint16)
    )
    recency = Recency(5 * SECOND)
    recency.due(rows, now=0)
    recency.due(rows, now=1)
    wrong = [Swapped(A.remote, A.client, port=1, wrong_port=port) for port in range(0, 60_000, 300)]
    corrections = corrected(*wrong)

    begun = time.process_time()
    released = recency.release(corrections)
    taken = time.process_time() - begun

    assert len(released) >= len(wrong)
    assert taken < 0.1
