"""The outbox: every packet is taken or counted as given up, and rows of different rules are never mixed."""

from __future__ import annotations

import time
from collections import Counter
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.observations import Observations
from shodohflo.keys import counts
from shodohflo.model import Kind
from shodohflo.store.outbox import Outbox, packets_by_kind
from support.observing import SEEN, Seen, Swapped, corrected, flow, observed

SENTENCES = st.sampled_from([(), ("one",), ("one", "two")])


def taken(outbox: Outbox, rows: int) -> list[Observations]:
    """Take everything, `rows` at a time."""
    parts = []
    while (decided := outbox.take(rows)) is not None:
        parts.append(decided.observations)
    return parts


def packets(several: list[Observations]) -> Counter[str]:
    """Return the packets of all observations by kind."""
    return sum((packets_by_kind(observations) for observations in several), Counter())


@given(st.lists(st.tuples(st.lists(SEEN), SENTENCES)), st.integers(1, 20))
def test_what_is_added_is_taken(added: list[tuple[list[Seen], tuple[str, ...]]], rows: int) -> None:
    """With enough capacity, every packet is taken, in parts of at most the requested number of rows."""
    outbox = Outbox(capacity=10_000)

    for seen, rule_texts in added:
        outbox.add(observed(*seen), rule_texts)
    parts = taken(outbox, rows)

    everything = observed(*(row for seen, _ in added for row in seen))
    assert counts(Observations.concatenate(parts)) == counts(everything)
    assert all(0 < len(part) <= rows for part in parts)
    assert (len(outbox), outbox.given_up) == (0, Counter())


@given(st.lists(st.tuples(st.lists(SEEN), SENTENCES, st.booleans())), st.integers(1, 10))
def test_what_does_not_fit_is_given_up_by_kind(
    added: list[tuple[list[Seen], tuple[str, ...], bool]], capacity: int
) -> None:
    """Taken and given-up packets add up to those added, and the capacity is never exceeded."""
    outbox = Outbox(capacity)
    parts = []

    for seen, rule_texts, takes in added:
        outbox.add(observed(*seen), rule_texts)
        assert len(outbox) <= capacity
        if takes and (decided := outbox.take(2)) is not None:
            parts.append(decided.observations)
    parts += taken(outbox, 3)

    everything = [observed(*seen) for seen, _, _ in added]
    assert packets(parts) + outbox.given_up == packets(everything)


def test_rows_of_the_same_flow_are_merged_before_any_is_given_up() -> None:
    """Rows of the same flow are merged before any row is given up."""
    outbox = Outbox(capacity=2)

    for _ in range(100):
        outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53), flow("10.0.0.1", "8.8.8.8", 443)), ())

    assert len(outbox) == 2
    assert not outbox.given_up
    assert [part.packets.tolist() for part in taken(outbox, 5)] == [[100, 100]]


def test_the_rows_seen_longest_ago_are_given_up_first() -> None:
    """The rows whose last packet is oldest are given up first."""
    outbox = Outbox(capacity=4)

    outbox.add(observed(*(flow("10.0.0.1", "8.8.8.8", port, packets=port, last=port) for port in range(1, 6))), ())

    [kept] = taken(outbox, 10)
    assert sorted(kept.port.tolist()) == [3, 4, 5]
    assert outbox.given_up == {"flow": 1 + 2}


def test_rows_of_other_rules_are_never_mixed() -> None:
    """Rows that are taken together were decided by the same rules."""
    outbox = Outbox(capacity=10)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=1)), ("old",))
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=2)), ("new",))
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=4)), ("old",))

    handed = [outbox.take(10), outbox.take(10), outbox.take(10)]

    assert [(one.rule_texts, one.observations.packets.tolist()) for one in handed if one] == [
        (("old",), [5]),
        (("new",), [2]),
    ]


@pytest.mark.parametrize("takes", [0, 1])
def test_giving_up_counts_all_that_waits(takes: int) -> None:
    """`give_up` counts all waiting rows, including those of a part that was taken incompletely."""
    outbox = Outbox(capacity=10)
    rows = [flow("10.0.0.1", "8.8.8.8", port) for port in (1, 2, 3)]
    outbox.add(observed(*rows, Seen(rows[0].client, rows[0].remote, 1, kind=Kind.RESET)), ())
    outbox.take(takes)

    outbox.give_up()

    assert outbox.given_up.total() == 4 - takes
    assert outbox.given_up["rst"] == 1
    assert (len(outbox), outbox.take(1)) == (0, None)


@given(st.lists(st.tuples(st.lists(SEEN), SENTENCES, st.booleans())), st.integers(1, 10))
def test_the_packets_that_wait_are_known(added: list[tuple[list[Seen], tuple[str, ...], bool]], capacity: int) -> None:
    """`packets` is what was added less what was taken and given up, after every step."""
    outbox = Outbox(capacity)
    come = gone = 0

    for seen, rule_texts, takes in added:
        outbox.add(observed(*seen), rule_texts)
        come += int(observed(*seen).packets.sum())
        if takes and (decided := outbox.take(2)) is not None:
            gone += int(decided.observations.packets.sum())
        assert outbox.packets == come - gone - outbox.given_up.total()
    outbox.give_up()
    assert (outbox.packets, len(outbox)) == (0, 0)


def test_rows_of_known_flows_do_not_pile_up_while_the_store_is_slow() -> None:
    """Rows of the same flows are merged long before the outbox is full."""
    outbox = Outbox(capacity=10_000_000)
    ports = [flow("10.0.0.1", "8.8.8.8", port) for port in range(1, 20_001)]

    for _ in range(20):
        outbox.add(observed(*ports), ())

    assert len(outbox) <= 80_000
    assert outbox.packets == 400_000


def test_those_that_wait_longest_are_taken_first_after_merging() -> None:
    """After a merge, rows are taken by the time of their first packet, whatever family they are of."""
    outbox = Outbox(capacity=6)
    client, remotes = ip_address("10.0.0.1"), (ip_address("8.8.8.8"), ip_address("2001:db8::1"))
    for place in range(6):
        outbox.add(observed(Seen(client, remotes[place % 2], 53 + place, first=place, last=place)), ())
    outbox.add(observed(Seen(client, remotes[0], 53, first=6, last=6)), ())  # one too many: all are merged

    ports = [part.port.tolist() for part in taken(outbox, 1)]

    assert ports == [[53], [54], [55], [56], [57], [58]]


def swapped(wrong_port: int, packets: int = 1) -> Swapped:
    """Return a correction that its wrong port names."""
    return Swapped(ip_address("10.0.0.5"), ip_address("10.0.0.9"), 54321, wrong_port, packets=packets)


def in_order(outbox: Outbox, rows: int) -> list[list[int]]:
    """Take everything, and return the ports of the rows, and those of corrections less than 0."""
    parts = []
    while (decided := outbox.take(rows)) is not None:
        parts.append([*decided.observations.port.tolist(), *(-decided.corrections.wrong_port.astype(int)).tolist()])
    return parts


def test_corrections_are_taken_after_all_rows_that_were_added_before() -> None:
    """Rows of all rules go first, then the corrections in their order; what the same rules decided goes together."""
    outbox = Outbox(capacity=100)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 1)), ("old",))
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 2)), ("new",))
    outbox.correct(corrected(swapped(11), swapped(12)), ("new",))
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 3)), ("old",))
    outbox.correct(corrected(swapped(13)), ("new",))
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 4)), ("old",))

    assert len(outbox) == 7
    assert in_order(outbox, 100) == [[1], [2, -11, -12], [3], [-13], [4]]
    assert (len(outbox), outbox.packets) == (0, 0)


def test_fewer_corrections_than_rows_are_taken_at_once() -> None:
    """A correction is more work for the store: a quarter as many, and at least one."""
    outbox = Outbox(capacity=100)
    outbox.correct(corrected(*(swapped(port) for port in range(1, 7))), ())

    taken_at_once = [len(decided.corrections) for rows in (0, 8, 3, 400) if (decided := outbox.take(rows)) is not None]

    assert taken_at_once == [0, 2, 1, 3]


def test_corrections_of_nothing_do_not_wait() -> None:
    """Neither an empty table nor a correction of no packets is taken."""
    outbox = Outbox(capacity=100)

    outbox.correct(corrected(), ())
    outbox.correct(corrected(swapped(11, packets=0)), ())

    assert (len(outbox), outbox.take(5)) == (0, None)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 30), SENTENCES, st.booleans()), max_size=30), st.integers(1, 60)
)
def test_corrections_never_overtake_rows(added: list[tuple[bool, int, tuple[str, ...], bool]], capacity: int) -> None:
    """Also if all is merged or some is given up: corrections keep their order, and what was added before comes before.

    Nothing is lost without being counted, and the capacity is never exceeded.
    """
    outbox = Outbox(capacity)
    offered: list[int] = []  # the number of each row and correction in the order of adding
    moved = parts = 0
    order: list[int] = []

    def take(rows: int) -> bool:
        nonlocal parts
        decided = outbox.take(rows)
        if decided is None:
            return False
        parts += int(decided.observations.packets.sum()) + int(decided.corrections.packets.sum())
        order.extend([*decided.observations.port.tolist(), *(-decided.corrections.wrong_port.astype(int)).tolist()])
        return True

    for is_correction, packets, rule_texts, takes in added:
        number = len(offered) + 1
        if is_correction:
            outbox.correct(corrected(swapped(number, packets)), rule_texts)
        else:
            outbox.add(observed(flow("10.0.0.1", "8.8.8.8", number, packets=packets, last=number)), rule_texts)
        offered.append(-number if is_correction else number)
        moved += packets
        assert len(outbox) <= capacity
        if takes:
            take(2)
    while take(3):
        pass

    assert parts + outbox.given_up.total() + outbox.corrections_given_up == moved
    corrections = [place for place in order if place < 0]
    assert corrections == sorted(corrections, reverse=True)
    for at, place in enumerate(order):
        if place < 0:
            assert not [later for later in order[at:] if 0 < later < -place]


def test_rows_and_corrections_of_a_while_are_taken_together() -> None:
    """As many as are the work of the rows wanted, all rows first, so that no moment needs its own round trip."""
    outbox = Outbox(capacity=1000)
    for number in range(1, 5):
        outbox.add(observed(flow("10.0.0.1", "8.8.8.8", number)), ())
        outbox.correct(corrected(swapped(10 + number), swapped(20 + number)), ())

    assert in_order(outbox, 20) == [[1, 2, 3, -11, -21, -12, -22, -13], [4, -23, -14, -24]]


def test_what_waits_for_hours_is_in_few_parts() -> None:
    """While a store is away, corrections come several times a second; adding them must not take ever longer."""
    outbox = Outbox(capacity=100_000)
    begun = time.process_time()
    for number in range(3_000):
        outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 1 + number % 50)), ())
        outbox.correct(corrected(swapped(1 + number)), ())
    taken = time.process_time() - begun

    assert len(outbox._taking) <= 1_002
    assert outbox.packets == 3_000
    assert taken < 10
    ports = [-port for part in in_order(outbox, 4_000) for port in part if port < 0]
    assert ports == list(range(1, 3_001))


def test_too_many_corrections_are_given_up_the_oldest_first() -> None:
    """They have a quarter of the capacity; rows have the rest."""
    outbox = Outbox(capacity=8)
    outbox.add(observed(*(flow("10.0.0.1", "8.8.8.8", port) for port in range(1, 7))), ())

    for port in range(11, 16):
        outbox.correct(corrected(swapped(port, packets=port)), ())

    assert (len(outbox), outbox.corrections_given_up) == (8, 11 + 12 + 13)
    assert in_order(outbox, 100) == [[1, 2, 3, 4, 5, 6, -14, -15]]


def test_rows_of_known_flows_do_not_pile_up_between_corrections() -> None:
    """Rows that wait on both sides of corrections are merged before they are too many."""
    outbox = Outbox(capacity=10_000_000)
    ports = observed(*(flow("10.0.0.1", "8.8.8.8", port) for port in range(1, 20_001)))

    for number in range(1, 21):
        outbox.add(ports, ())
        outbox.correct(corrected(swapped(number)), ())

    assert len(outbox) <= 80_000 + 20
    assert outbox.packets == 400_000


@pytest.mark.parametrize("takes", [0, 1])
def test_giving_up_counts_corrections_apart(takes: int) -> None:
    """`give_up` counts the packets that were not moved, but not as packets that never reached the store."""
    outbox = Outbox(capacity=100)
    outbox.correct(corrected(swapped(11, packets=3), swapped(12, packets=4)), ())
    outbox.take(takes)

    outbox.give_up()

    assert (outbox.corrections_given_up, outbox.given_up.total()) == (7 - 3 * takes, 0)
    assert (len(outbox), outbox.take(1)) == (0, None)
