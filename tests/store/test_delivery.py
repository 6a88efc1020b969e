"""Exactly-once delivery as a property: any order of additions, lost requests and lost answers leaves exact counts."""

from __future__ import annotations

import random
from collections import Counter
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys import counts
from shodohflo.store.delivery import REMEMBERED, Delivery
from shodohflo.store.outbox import Outbox, packets_by_kind
from shodohflo.store.write import Write, Writing, Written
from support.observing import SEEN, Seen, Swapped, corrected, flow, observed, swapped_rows
from support.swapping import Conversations, corrected_totals, totals

WRITING = Writing(session="0123", agent="bert", lifetime=900)

SWAPPED = Swapped(ip_address("10.0.0.5"), ip_address("10.0.0.9"), 54321, 40000, packets=12)

EVENTS = st.one_of(st.lists(SEEN, max_size=5), st.sampled_from(["request lost", "answer lost", "answered"]))
"""Rows that are added, or the result of an attempt to send."""


class Store:
    """A model of `store.write`: a write with the number of the last one adds nothing."""

    def __init__(self) -> None:
        """Start with no counts and no write."""
        self.number = 0
        self.packets = 0
        self.counts: Counter[str] = Counter()
        self.totals: dict[str, int] = {}

    def apply(self, write: Write) -> Written:
        """Apply `write`, unless its number is the last one."""
        if write.number == self.number:
            return Written(now=False, refused=0)
        before, self.number = self.number, write.number
        self.packets += int(write.decided.observations.packets.sum())
        self.counts.update(counts(write.decided.observations))
        for key, count in totals(write.decided.observations).items():
            self.totals[key] = self.totals.get(key, 0) + count
        for swapped in swapped_rows(write.decided.corrections):
            self.totals = corrected_totals(self.totals, swapped)
        return Written(now=True, refused=0, before=before)


@given(st.lists(EVENTS, max_size=30))
def test_counts_are_exact_whatever_gets_lost(events: list[list[Seen] | str]) -> None:
    """Whichever requests and answers are lost, each packet is counted exactly once."""
    outbox, store = Outbox(10_000), Store()
    delivery = Delivery(outbox, WRITING)
    added: Counter[str] = Counter()
    lost_answers = 0

    for event in [*events, *["answered"] * 31]:
        if isinstance(event, list):
            outbox.add(observed(*event), ())
            added.update(counts(observed(*event)))
        elif event != "request lost" and (write := delivery.next_write()) is not None:
            was_applied = store.number == write.number
            written = store.apply(write)
            lost_answers += event == "answer lost" and not was_applied
            if event == "answered":
                delivery.confirm(write, written)

    assert store.counts == added
    assert delivery.is_idle
    assert (delivery.writes, delivery.repeated) == (store.number, lost_answers)


@given(st.lists(st.sampled_from(["written", "answer lost", "saved", "restored", "emptied"]), max_size=40))
def test_what_a_store_loses_is_counted(events: list[str]) -> None:
    """Confirmed packets are in the store or counted as lost, however often it goes back to what it had saved.

    The answer to the first write after a loss, which shows it, must not be lost as well.
    """
    outbox, store, saved, is_hidden = Outbox(10_000), Store(), (0, 0), False
    delivery = Delivery(outbox, WRITING)

    for number, event in enumerate([*events, "written"], 1):
        if event == "saved":
            saved = store.number, store.packets
        elif event in {"restored", "emptied"}:
            store.number, store.packets = saved if event == "restored" else (0, 0)
            is_hidden = True
        else:
            outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=number)), ())
            write = delivery.next_write()
            assert write is not None
            written = store.apply(write)
            if event == "written" or is_hidden:
                delivery.confirm(write, written)
                is_hidden = False

    while (write := delivery.next_write()) is not None:
        delivery.confirm(write, store.apply(write))
    assert delivery.packets == store.packets + delivery.lost


@given(st.integers(0, 10**6), st.lists(st.sampled_from(["request lost", "answer lost", "answered"]), max_size=60))
def test_corrections_are_applied_once_and_in_their_place(seed: int, events: list[str]) -> None:
    """Whichever requests and answers are lost, the store has what the last attribution of each conversation says."""
    conversations = Conversations(random.Random(seed))
    outbox, store = Outbox(10_000), Store()
    delivery = Delivery(outbox, WRITING)
    corrections = packets = 0

    for number, event in enumerate([*events, *["answered"] * 40]):
        if number < 12:
            happening = conversations.happen()
            outbox.add(happening.observations, ("old",) if number < 6 else ("new",))
            outbox.correct(happening.corrections, ("old",) if number < 6 else ("new",))
            corrections += len(happening.corrections)
            packets += int(happening.observations.packets.sum())
        if event != "request lost" and (write := delivery.next_write()) is not None:
            if number % 3:
                delivery.prepare()
            written = store.apply(write)
            if event == "answered":
                delivery.confirm(write, written)

    assert store.totals == conversations.in_the_end()
    assert delivery.is_idle
    assert (delivery.corrections, delivery.packets, delivery.lost) == (corrections, packets, 0)


def test_what_corrections_did_is_added_up() -> None:
    """Packets that were moved and corrections that found nothing, of all confirmed writes; packets are not counted."""
    outbox = Outbox(100)
    delivery = Delivery(outbox, WRITING)

    for moved, vanished in ((12, 0), (0, 1), (5, 0)):
        outbox.correct(corrected(SWAPPED), ())
        write = delivery.next_write()
        assert write is not None
        delivery.confirm(write, Written(now=True, refused=0, before=write.number - 1, moved=moved, vanished=vanished))

    assert (delivery.corrections, delivery.moved, delivery.vanished) == (3, 17, 1)
    assert (delivery.packets, delivery.lost) == (0, 0)


def test_corrections_that_wait_or_are_in_flight_are_given_up() -> None:
    """They are rows that wait, without packets of their own, and are counted apart from packets."""
    outbox = Outbox(1000)
    delivery = Delivery(outbox, WRITING)
    for _ in range(3):
        outbox.correct(corrected(SWAPPED), ())
    delivery.next_write()
    delivery.prepare()
    assert (delivery.waiting, delivery.is_idle) == ((3, 0), False)

    delivery.give_up()

    assert (outbox.corrections_given_up, outbox.given_up.total()) == (3 * SWAPPED.packets, 0)
    assert (delivery.waiting, delivery.is_idle) == ((0, 0), True)


def test_what_is_lost_is_known_for_a_number_of_writes() -> None:
    """A store that goes back further than is remembered has lost at least the remembered packets, or all."""
    outbox = Outbox(10)
    delivery = Delivery(outbox, WRITING)
    for number in range(1, REMEMBERED + 11):
        outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53)), ())
        write = delivery.next_write()
        assert write is not None
        before = {REMEMBERED + 9: 1, REMEMBERED + 10: 0}.get(number, number - 1)
        delivery.confirm(write, Written(now=True, refused=0, before=before))
        if number == REMEMBERED + 9:
            assert delivery.lost == REMEMBERED - 1

    assert delivery.lost == REMEMBERED + 9


@given(st.lists(st.lists(SEEN, min_size=1, max_size=5), min_size=1, max_size=5), st.integers(0, 5))
def test_packets_are_confirmed_or_given_up(added: list[list[Seen]], confirmed: int) -> None:
    """After closing at any point, confirmed and given-up packets add up to those added."""
    outbox = Outbox(10_000)
    delivery = Delivery(outbox, WRITING)
    for rows in added:
        outbox.add(observed(*rows), ())
        if confirmed > 0 and (write := delivery.next_write()) is not None:
            delivery.confirm(write, Written(now=True, refused=0))
            confirmed -= 1
    delivery.next_write()

    delivery.give_up()

    total = sum((packets_by_kind(observed(*rows)) for rows in added), Counter()).total()
    assert delivery.packets + outbox.given_up.total() == total
    assert delivery.is_idle
    assert delivery.next_write() is None


def test_the_write_in_flight_does_not_change() -> None:
    """New rows and a new lifetime go into the next write, and the write in flight stays the same."""
    outbox = Outbox(100)
    delivery = Delivery(outbox, WRITING)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53)), ())
    first = delivery.next_write()
    assert first is not None
    keys, arguments = list(first.keys), list(first.arguments)

    outbox.add(observed(flow("10.0.0.2", "8.8.8.8", 53)), ())
    delivery.writing = Writing(session="0123", agent="bert", lifetime=60)

    assert delivery.next_write() is first
    assert (first.keys, first.arguments) == (keys, arguments)
    delivery.confirm(first, Written(now=True, refused=0))
    second = delivery.next_write()
    assert second is not None
    assert (first.number, second.number) == (1, 2)
    assert 60 in second.arguments


def test_refused_keys_are_added_up() -> None:
    """The refused keys of all confirmed writes are summed."""
    outbox = Outbox(100)
    delivery = Delivery(outbox, WRITING)

    for refused in (1, 2):
        outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53)), ())
        write = delivery.next_write()
        assert write is not None
        delivery.confirm(write, Written(now=True, refused=refused))

    assert delivery.refused == 3


def test_an_answer_that_comes_after_giving_up_is_not_counted() -> None:
    """An answer to a write that was given up is ignored, so that its packets are not counted twice."""
    outbox = Outbox(100)
    delivery = Delivery(outbox, WRITING)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3)), ())
    write = delivery.next_write()
    assert write is not None

    delivery.give_up()
    delivery.confirm(write, Written(now=True, refused=0))

    assert (delivery.packets, dict(outbox.given_up)) == (0, {"flow": 3})


def test_the_next_write_can_be_made_ready_while_one_is_in_flight() -> None:
    """A write that was made ready is the next one, with the next number, and waits for the one in flight."""
    outbox = Outbox(10_000)
    delivery = Delivery(outbox, WRITING)
    outbox.add(observed(*(flow("10.0.0.1", "8.8.8.8", port, packets=2) for port in range(1, 402))), ())
    first = delivery.next_write()
    assert first is not None

    delivery.prepare()
    delivery.prepare()

    assert delivery.next_write() is first
    assert delivery.waiting == (401, 802)
    delivery.confirm(first, Written(now=True, refused=0))
    second = delivery.next_write()
    assert second is not None
    assert (second.number, len(second.decided.observations), delivery.waiting) == (2, 1, (1, 2))
    delivery.prepare()
    assert not delivery.is_idle


def test_a_write_that_was_made_ready_is_given_up_with_the_rest() -> None:
    """Giving up counts the write in flight, the one that is ready, and what waits."""
    outbox = Outbox(10_000)
    delivery = Delivery(outbox, WRITING)
    outbox.add(observed(*(flow("10.0.0.1", "8.8.8.8", port) for port in range(1, 1000))), ())
    delivery.next_write()
    delivery.prepare()

    delivery.give_up()

    assert outbox.given_up == {"flow": 999}
    assert (delivery.is_idle, delivery.waiting) == (True, (0, 0))
