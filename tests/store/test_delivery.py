"""Exactly-once delivery as a property: whatever gets lost, on the way or in the store, the counts are exact."""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shodohflo.store.delivery import Delivery
from shodohflo.store.lanes import OneLane
from shodohflo.store.outbox import Outbox
from shodohflo.store.portion import Doubt
from shodohflo.store.write import Applied, Write, Writing, Written
from support.history import Expectation, PlainStore
from support.observing import SECOND, SEEN, Seen, flow, observed
from support.swapping import Conversations
from support.twins import RealStore, Twins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.store.lanes import Lanes
    from support.serving import Server

WRITING = Writing(session="0123", agent="bert", lifetime=900)
START = 10**15
HISTORIES = int(os.environ.get("HISTORIES", "2000"))
"""`make model` sets it."""

ADDED = st.lists(
    SEEN.map(lambda seen: Seen(seen.client, seen.remote, seen.port % 3, kind=seen.kind, packets=seen.packets)),
    max_size=4,
)
EVENTS = st.one_of(
    ADDED,
    st.sampled_from(["request lost", "answer lost", "answered", "answered", "half answered", "a late copy"]),
    st.sampled_from(["saved", "restored", "emptied", "some evicted", "all evicted", "ahead", "heartbeat"]),
    st.sampled_from(["a lane is away", "all are there"]),
    st.sampled_from([1, 400, 950]),
)
"""Rows that are added, the result of an attempt to send, what happens to the store, or seconds that pass."""

KILL = "the agent is killed"
LOSSES = ("restored", "emptied", "some evicted", "all evicted", "ahead")
"""What a store does that loses counts."""


class FewLanes:
    """Divides keys among three lanes, as a cluster does among its slots."""

    number = 3

    def of(self, names: Sequence[str]) -> NDArray[np.uint16]:
        """Return the lane of each key."""
        return np.array([crc32(name.encode()) % 3 for name in names], np.uint16)

    def number_key(self, session: str, lane: int) -> str:
        """Return the key that has the number of the last write in a lane."""
        return f"writer;{session};{lane}"


class History:
    """An agent and its store, and what happens to them."""

    def __init__(
        self,
        octets: int = 50_000_000,
        tail: int = 10_000_000,
        lanes: Lanes | None = None,
        store: PlainStore | None = None,
    ) -> None:
        """Begin with nothing."""
        self.now = START
        self._octets, self._tail, self._lanes = octets, tail, lanes or OneLane()
        self.abandoned: Counter[str] = Counter()
        """Counts that waited, or were in flight, when an agent was killed."""
        self.outlived: Counter[str] = Counter()
        """What agents that were killed had written to keys that expired, although they were seen in time again."""
        self._inherited: dict[str, int] = {}
        self.begin(WRITING)
        self.store = store or PlainStore()
        self.expected = Expectation(900)
        self.late: list[Write] = []
        self.away = -1

    def begin(self, writing: Writing) -> None:
        """Begin as an agent that knows nothing."""
        self.outbox = Outbox(self._octets, 900, self._lanes.number)
        self.delivery = Delivery(self.outbox, writing, self._lanes, self._tail)

    def kill(self) -> None:
        """Kill the agent, and start another one; what was sent before may still arrive."""
        self.abandoned += self.outbox.books.waiting + self.delivery.in_flight
        self._inherited = {key: count for key, (count, end) in self.store.data.counts.items() if end > self.now}
        self.begin(replace(WRITING, session=self.delivery.writing.session + "+"))

    def add(self, rows: list[Seen]) -> None:
        """Count rows."""
        self.outbox.add(observed(*rows), (), self.now)
        self.expected.add(observed(*rows), self.now)

    def happen(self, event: list[Seen] | str | int) -> None:
        """Let one of `EVENTS` happen."""
        if isinstance(event, list):
            self.add(event)
        elif isinstance(event, int):
            self._pass_time(event * SECOND)
        elif event == KILL:
            self.kill()
        elif event in {"request lost", "answer lost", "answered", "half answered"}:
            is_answered = event in {"answered", "half answered"}
            self.send(is_received=event != "request lost", is_answered=is_answered, whole=event != "half answered")
        else:
            self._trouble(event)
        self.check_the_law()

    def _pass_time(self, duration: int) -> None:
        """Let time pass: nobody can write again what a killed agent had written, once that expires in the store."""
        self.now += duration
        living = self.expected.living(self.now)
        for key in self._inherited.keys() & living.keys():
            _, end = self.store.data.counts.get(key, (0, 0))
            if end <= self.now:
                self.outlived[key] += self._inherited.pop(key)

    def _trouble(self, event: str) -> None:
        if event == "a late copy" and self.late:
            self.store.apply(self.late[0], self.now)
        elif event == "saved":
            self.store.save()
        elif event == "restored":
            self.store.restore()
        elif event == "emptied":
            self.store.flush()
        elif event == "some evicted":
            self.store.evict(2)
        elif event == "all evicted":
            self.store.evict(1)
        elif event == "ahead":  # its clock jumps, and everything expires
            self.store.jump()
        elif event == "heartbeat":
            self.delivery.look_around(is_full=False)
        elif event in {"a lane is away", "all are there"}:
            self.away = 1 if event == "a lane is away" else -1

    def send(self, *, is_received: bool = True, is_answered: bool = True, whole: bool = True) -> None:
        """Try to send what is to be sent next; if not the whole of it, every other write."""
        for write in self.delivery.next_writes(self.now)[:: 1 if whole else 2]:
            self.delivery.prepare(self.now)
            if write.lane == self.away:
                continue
            self.late = [*self.late[-3:], write]
            if is_received:
                written = self.store.apply(write, self.now)
                if is_answered:
                    self.delivery.confirm(write, written)

    def settle(self) -> None:
        """Let the store take everything, and look for what it lost as the agent does with each heartbeat."""
        self.away = -1
        for _ in range(3):
            self.delivery.look_around(is_full=False)
            while not self.delivery.is_idle or self.delivery.is_probing:
                self.send()

    def settle_in_full(self) -> None:
        """Do the same, and write every key once more: nobody tells the agent which keys were evicted."""
        self.settle()
        self.outbox.check(None, Doubt.NONE)
        self.settle()

    def what_is_wrong(self) -> dict[str, tuple[int, int]]:
        """Return what each key that lives should count and what it counts in the store, where these differ."""
        living = self.expected.living(self.now)
        there = {key: count for key, (count, end) in self.store.data.counts.items() if end > self.now}
        both = {key: (living.get(key, 0), there.get(key, 0)) for key in living.keys() | there.keys()}
        return {key: (should, does) for key, (should, does) in both.items() if should != does}

    def check_the_law(self) -> None:
        """Every count that was offered is somewhere, once."""
        delivery, books = self.delivery, self.outbox.books
        parts = (delivery.written, delivery.in_flight, books.waiting, books.expired, books.no_room, delivery.lost)
        whole: Counter[str] = Counter()
        for part in (*parts, self.outbox.given_up):
            whole.update(part)
        assert +whole == +self.outbox.offered


@settings(max_examples=HISTORIES, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_counts_are_exact_whatever_happens(events: list[list[Seen] | str | int]) -> None:
    """In the end, each key that lives has exactly what was counted in its life, with its lifetime."""
    history = History()

    for event in events:
        history.happen(event)
    history.settle_in_full()

    assert history.what_is_wrong() == {}
    assert not history.delivery.unsure
    assert not +history.delivery.lost


@settings(max_examples=max(HISTORIES // 6, 50), deadline=None)
@given(st.lists(EVENTS, max_size=40), st.integers(0, 3_000))
def test_a_tail_of_any_size_serves(events: list[list[Seen] | str | int], tail: int) -> None:
    """What the tail does not reach back to is found by looking at what the store has."""
    history = History(tail=tail)

    for event in events:
        history.happen(event)
    history.settle_in_full()

    assert history.what_is_wrong() == {}


@settings(max_examples=max(HISTORIES // 3, 100), deadline=None)
@given(st.lists(EVENTS.filter(lambda event: event not in LOSSES[2:]), max_size=40))
def test_the_agent_finds_by_itself_what_a_store_lost(events: list[list[Seen] | str | int]) -> None:
    """A store that was emptied, restored or failed over is healed although nothing new is counted."""
    history = History()

    for event in events:
        history.happen(event)
    history.settle()

    assert history.what_is_wrong() == {}


@settings(max_examples=max(HISTORIES // 3, 100), deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_lanes_are_healed_each_for_itself(events: list[list[Seen] | str | int]) -> None:
    """With several lanes, whose writes arrive or get lost apart from each other, the counts are as exact."""
    history = History(lanes=FewLanes())

    for event in events:
        history.happen(event)
    history.settle_in_full()

    assert history.what_is_wrong() == {}


@settings(max_examples=max(HISTORIES // 6, 50), deadline=None)
@given(st.lists(EVENTS | st.just(KILL), max_size=40), st.booleans())
def test_an_agent_that_is_killed_doubles_nothing(events: list[list[Seen] | str | int], divided: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever happens, no key has more than was counted."""
    history = History(lanes=FewLanes() if divided else OneLane())

    for event in events:
        history.happen(event)
    history.settle_in_full()

    assert all(does <= should for should, does in history.what_is_wrong().values())


@settings(max_examples=max(HISTORIES // 6, 50), deadline=None)
@given(st.lists(EVENTS.filter(lambda event: event not in LOSSES) | st.just(KILL), max_size=40))
def test_an_agent_that_is_killed_loses_only_what_it_had_not_written(events: list[list[Seen] | str | int]) -> None:
    """What was confirmed stays, whoever writes after it, unless that one came too late: the store was away."""
    history = History()

    for event in events:
        history.happen(event)
    history.settle_in_full()

    wrong = history.what_is_wrong()
    assert all(does <= should for should, does in wrong.values())
    clients = [
        should - does - history.outlived[key] for key, (should, does) in wrong.items() if key.startswith("client;")
    ]
    assert sum(clients) <= history.abandoned["client"]


def test_what_a_killed_agent_wrote_expires_if_its_successor_cannot_write_in_time() -> None:
    """The new agent has counted the key again, but the store was away until the old count had expired."""
    history = History()
    history.add([flow("10.0.0.1", "8.8.8.8", 53, packets=3)])
    history.send()
    for event in (400, KILL, 400, [flow("10.0.0.1", "8.8.8.8", 53, packets=2)], 400):
        history.happen(event)

    history.settle_in_full()

    assert history.what_is_wrong()["client;10.0.0.1"] == (5, 2)
    assert (history.outlived["client;10.0.0.1"], history.abandoned["client"]) == (3, 0)


def test_a_lane_that_is_away_holds_up_no_other() -> None:
    """What is counted meanwhile arrives in all other lanes at once, and in that lane when it is back."""
    history = History(lanes=FewLanes())
    for number in range(30):
        history.add([flow(f"10.0.0.{number % 7}", "8.8.8.8", number % 5, packets=number)])
        history.send()
        if number == 3:
            history.away = 1
    lanes = FewLanes()
    wrong = history.what_is_wrong()
    assert wrong
    assert set(lanes.of(list(wrong)).tolist()) == {1}

    history.settle()

    assert history.what_is_wrong() == {}
    assert history.delivery.losses == 0


def test_only_what_was_forgotten_of_a_lane_is_lost_with_it() -> None:
    """Keys that were forgotten for lack of room are lost where their lane was emptied, and nowhere else."""
    history = History(octets=30_000, lanes=FewLanes())
    for number in range(200):
        history.add([flow(f"10.0.{number // 100}.{number % 100}", "8.8.8.8", 53, packets=5)])
        history.settle()
    store, lanes = history.store.data, FewLanes()
    store.numbers = {key: number for key, number in store.numbers.items() if not key.endswith(";2")}
    store.counts = {key: value for key, value in store.counts.items() if lanes.of([key])[0] != 2}

    history.settle()

    missing = {key: should for key, (should, _) in history.what_is_wrong().items()}
    assert sum(history.delivery.lost.values()) == sum(missing.values()) > 0
    assert set(lanes.of(list(missing)).tolist()) == {2}


def test_a_lane_that_lost_writes_raises_no_doubt_about_others() -> None:
    """Another agent counts the same keys: only what the lane has lost is unsure, and all other counts are exact."""
    history, names = History(lanes=FewLanes(), tail=0), [f"client;10.0.0.{number}" for number in range(60)]
    rows = [flow(f"10.0.0.{number}", "8.8.8.8", 53, packets=5) for number in range(60)]
    history.add(rows)
    history.send()
    data = history.store.data
    data.counts = {name: (count + 100, end) for name, (count, end) in data.counts.items()}
    [lost] = [key for key in data.numbers if key.endswith(";1")]
    history.store.data.numbers[lost] = 0, None
    data.evicted = 1
    history.add(rows)
    history.settle()

    lanes = dict(zip(names, FewLanes().of(names).tolist(), strict=True))
    assert {data.counts[name][0] for name in names if lanes[name] != 1} == {110}
    assert {data.counts[name][0] for name in names if lanes[name] == 1} == {105}
    assert history.delivery.unsure


@settings(max_examples=max(HISTORIES // 6, 50), deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_without_room_no_key_has_more_than_was_counted(events: list[list[Seen] | str | int]) -> None:
    """With room for a few keys, what lacks has a name, and nothing is counted twice."""
    history = History(octets=3_000, tail=1_000)

    for event in events:
        history.happen(event)
    history.settle_in_full()

    assert all(does <= should for should, does in history.what_is_wrong().values())


@settings(max_examples=max(HISTORIES // 40, 25), deadline=None)
@given(events=st.lists(EVENTS, max_size=25), divided=st.booleans())
def test_a_real_store_does_what_its_model_does(
    shared_server: Server, events: list[list[Seen] | str | int], *, divided: bool
) -> None:
    """Valkey and Redis go through the same, beside the model: same answers, same counts, same lifetimes."""
    real = RealStore(shared_server, START)
    twins = Twins(real)
    history = History(lanes=FewLanes() if divided else OneLane(), store=twins)

    for event in events:
        history.happen(event)
    history.settle_in_full()
    real.forget_evictions()  # other tests have the same server

    twins.check(history.now)
    assert history.what_is_wrong() == {}


def test_corrections_arrive_once_whatever_gets_lost() -> None:
    """Rows and corrections over a wire that keeps breaking, and a store that is restored: as if right."""
    for seed in range(60):
        chance, history = random.Random(seed), History()
        conversations = Conversations(chance)
        for _ in range(15):
            happening = conversations.happen()
            history.outbox.add(happening.observations, (), history.now)
            history.outbox.correct(happening.corrections, (), history.now, history.now)
            for _ in range(3):
                history.happen(chance.choice(["request lost", "answer lost", "answered", "saved", "restored"]))
        history.settle()

        there = {key: count for key, (count, _) in history.store.data.counts.items()}
        assert there == {key: count for key, count in conversations.in_the_end().items() if " " not in key}


def test_a_snapshot_of_before_a_store_was_emptied_divided_nothing() -> None:
    """After the store was emptied and written again, an older snapshot comes back: nothing is added to it twice."""
    history = History()
    history.add([flow("10.0.0.1", "8.8.8.8", 53, packets=3)])
    history.send()
    history.store.save()
    for event in ("emptied", "heartbeat", "answered", "answered", "restored", "heartbeat"):
        history.happen(event)

    history.settle()

    assert {count for count, _ in history.store.data.counts.values()} == {3}


def test_the_write_in_flight_takes_nothing_more() -> None:
    """Whatever is added meanwhile, it is sent again as it was."""
    history = History()
    history.add([flow("10.0.0.1", "8.8.8.8", 53)])
    [write] = history.delivery.next_writes(history.now)
    history.add([flow("10.0.0.1", "8.8.8.8", 53, packets=9)])

    [again] = history.delivery.next_writes(history.now)
    assert (again.keys, again.arguments) == (write.keys, write.arguments)
    assert (history.delivery.in_flight["client"], history.outbox.books.waiting["client"]) == (1, 9)


def test_a_write_is_sent_again_with_the_lifetimes_that_are_left() -> None:
    """What has ended meanwhile is left out, as expired, and what was seen again lives on."""
    history = History()
    history.add([flow("10.0.0.1", "8.8.8.8", 53), flow("10.0.0.2", "8.8.8.8", 53)])
    history.send(is_received=False)
    history.now += 800 * SECOND
    history.add([flow("10.0.0.2", "8.8.8.8", 53)])
    history.now += 200 * SECOND

    [write] = history.delivery.next_writes(history.now)
    history.settle()

    assert [key for key in write.keys if key.startswith("client;")] == ["client;10.0.0.2"]
    assert write.arguments[8:10] == [len(write.keys) - 1, 700_000]
    assert history.outbox.books.expired["client"] == 1
    assert history.what_is_wrong() == {}
    history.check_the_law()


def test_what_a_store_took_before_it_hung_is_known_to_last_until_then() -> None:
    """The answer to a write that was sent again later says nothing of lifetimes: the first one may be there."""
    history = History()
    history.add([flow("10.0.0.1", "8.8.8.8", 53)])
    history.send(is_answered=False)
    history.now += 800 * SECOND
    history.add([flow("10.0.0.1", "8.8.8.8", 53)])
    history.send()
    history.now += 200 * SECOND

    [write] = history.delivery.next_writes(history.now)

    assert {doubt for portion in write.portions for doubt in portion.doubts.tolist()} == {Doubt.EXPIRED}


def test_a_store_whose_clock_differs_refuses_one_write_at_most() -> None:
    """Its answer says what time it has."""
    history = History()
    history.store.jump()
    history.add([flow("10.0.0.1", "8.8.8.8", 53)])

    for _ in range(2):
        history.send()

    assert history.delivery.is_idle
    assert history.what_is_wrong() == {}


def test_an_answer_that_comes_after_giving_up_is_not_counted() -> None:
    """What was given up stays given up."""
    history = History()
    history.add([flow("10.0.0.1", "8.8.8.8", 53, packets=3)])
    [write] = history.delivery.next_writes(history.now)
    history.delivery.give_up()

    history.delivery.confirm(write, Written(Applied.NOW))

    assert not history.delivery.written
    assert history.outbox.given_up["client"] == 3
    history.check_the_law()


def test_what_a_full_store_evicted_is_written_again_once_it_evicts_no_more() -> None:
    """Not before, for it would only be evicted again; but it isn't forgotten, although nothing new is counted."""
    history = History()
    history.add([flow("10.0.0.1", "8.8.8.8", 53, packets=3)])
    history.send()
    history.store.evict(2)
    history.delivery.look_around(is_full=True)
    history.send()
    assert history.what_is_wrong()

    history.settle()

    assert history.what_is_wrong() == {}


def test_a_store_that_evicts_again_and_again_is_left_alone_for_longer_and_longer() -> None:
    """Each time, twice as many heartbeats without an eviction must pass until everything is written again."""
    history = History()
    history.add([flow("10.0.0.1", "8.8.8.8", 53)])
    history.send()

    def heartbeats() -> int:
        """Let the store evict; return how many heartbeats pass until everything is written again."""
        history.delivery.look_around(is_full=True)
        for number in range(1, 1000):
            history.delivery.look_around(is_full=False)
            if not history.outbox.is_empty:
                history.send()
                return number
        return 0

    assert [heartbeats() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 64, 64]
    for _ in range(100):
        history.delivery.look_around(is_full=False)
    assert heartbeats() == 1


def test_what_a_store_lost_is_counted() -> None:
    """Losses, counts that are written again, repeats and refused keys are added up."""
    history = History()
    history.add([flow("10.0.0.1", "8.8.8.8", 53, packets=3)])
    history.send(is_answered=False)
    history.send()
    history.store.flush()
    history.delivery.probe()

    history.settle()

    assert (history.delivery.losses, history.delivery.rewritten, history.delivery.repeated) == (1, 12, 1)
    assert history.store.data.counts["client;10.0.0.1"][0] == 3
