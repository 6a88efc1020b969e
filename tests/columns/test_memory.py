"""A memory forgets what it has no room for, and never anything else; dictionaries and plain lists are the model."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns import memory as module
from shodohflo.columns.memory import MOST_COLUMNS, PROTECTED, WAYS, Memory, hashed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

LIFETIME = 50
SETS = 3


def key_in(number: int, name: int) -> int:
    """Return a key of the set `number` in a memory of `SETS` sets; `name` is less than 2**32."""
    return -(-(number << 32) // SETS) << 32 | name


def keys_of(numbers: Iterable[int]) -> NDArray[np.uint64]:
    """Return keys as a column."""
    return np.array(list(numbers), np.uint64)


def at(time: int, count: int) -> NDArray[np.int64]:
    """Return the same time for `count` rows."""
    return np.full(count, time, np.int64)


def small() -> Memory:
    """Return an empty memory of `SETS` sets."""
    return Memory({"tag": np.uint32, "pair": (np.int64, (2,))}, SETS * WAYS, LIFETIME)


def enter(memory: Memory, time: int, *names: int) -> list[int]:
    """Enter keys of set 1 in one call, and return their slots."""
    slots: list[int] = memory.enter(keys_of(key_in(1, name) for name in names), at(time, len(names)))[0].tolist()
    return slots


def remembers(memory: Memory, time: int, *names: int) -> list[bool]:
    """Return which keys of set 1 are found."""
    slots = memory.find(keys_of(key_in(1, name) for name in names), at(time, len(names)))
    found: list[bool] = (slots >= 0).tolist()
    return found


@dataclass
class Model:
    """What a memory without bounds would hold: by key, the last use and the tag that was written."""

    entries: dict[int, tuple[int, int]] = field(default_factory=dict)

    def has(self, key: int, time: int) -> bool:
        """Return whether `key` is there at `time`."""
        return key in self.entries and time - self.entries[key][0] <= LIFETIME

    def enter(self, keys: list[int], times: list[int]) -> list[bool]:
        """Enter keys and return which are fresh; their tags are 0."""
        kept = {key for key, time in zip(keys, times, strict=True) if self.has(key, time)}
        for key in set(keys) - kept:
            self.entries.pop(key, None)
        for key, time in zip(keys, times, strict=True):
            last, tag = self.entries.get(key, (time, 0))
            self.entries[key] = max(last, time), tag
        return [key not in kept for key in keys]


def steps(names: int) -> st.SearchStrategy[list[tuple[str, list[tuple[int, int]]]]]:
    """Draw operations with rows of keys and times; `names` keys of each set."""
    keys = st.builds(key_in, st.integers(0, SETS - 1), st.integers(1, names))
    rows = st.lists(st.tuples(keys, st.integers(0, 4 * LIFETIME)), max_size=2 * names)
    return st.lists(st.tuples(st.sampled_from(["enter", "enter", "find", "forget"]), rows), max_size=12)


@given(steps(WAYS))
def test_as_long_as_every_set_has_room_nothing_is_lost(script: list[tuple[str, list[tuple[int, int]]]]) -> None:
    """With 8 keys for each set, a memory is a dictionary whose entries expire."""
    memory, model = small(), Model()
    for tag, (operation, rows) in enumerate(script, start=1):
        numbers, moments = [key for key, _ in rows], [time for _, time in rows]
        keys, times = keys_of(numbers), np.array(moments, np.int64)
        if operation == "enter":
            slots, fresh = memory.enter(keys, times)
            assert fresh.tolist() == model.enter(numbers, moments)
            assert memory["tag"][slots].tolist() == [model.entries[key][1] for key in numbers]
            assert memory.last_of(slots).tolist() == [model.entries[key][0] for key in numbers]
            assert memory.keys_of(slots).tolist() == numbers
            memory["tag"][slots] = tag
            model.entries |= {key: (model.entries[key][0], tag) for key in numbers}
            continue
        slots = memory.find(keys, times)
        assert (slots >= 0).tolist() == [model.has(key, time) for key, time in rows]
        tags = [model.entries[key][1] if model.has(key, time) else 0 for key, time in rows]
        assert memory["tag"][slots].tolist() == tags
        if operation == "forget":
            memory.forget(slots)
            for key in {key for key, time in rows if model.has(key, time)}:
                del model.entries[key]
    alive = {key for key in model.entries if model.has(key, 2 * LIFETIME)}
    assert set(memory.keys_of(memory.live(2 * LIFETIME)).tolist()) == alive


@given(steps(4 * WAYS))
def test_what_a_crowded_memory_still_knows_is_true(script: list[tuple[str, list[tuple[int, int]]]]) -> None:
    """With more keys than room some are lost; what is found is not expired, and has the tag it was given."""
    memory, model = small(), Model()
    for tag, (operation, rows) in enumerate(script, start=1):
        numbers, moments = [key for key, _ in rows], [time for _, time in rows]
        keys, times = keys_of(numbers), np.array(moments, np.int64)
        if operation == "enter":
            slots, fresh = memory.enter(keys, times)
            expected = model.enter(numbers, moments)
            assert all(is_fresh or not must for is_fresh, must in zip(fresh.tolist(), expected, strict=True))
            assert not memory["tag"][slots[fresh]].any()
            assert_nobody_shares(numbers, slots)
            memory["tag"][slots[slots >= 0]] = tag
            model.entries |= {key: (model.entries[key][0], tag) for key in numbers}
        else:
            slots = memory.find(keys, times)
            for (key, time), slot in zip(rows, slots.tolist(), strict=True):
                assert slot < 0 or (model.has(key, time) and memory["tag"][slot] == model.entries[key][1])
            if operation == "forget":
                memory.forget(slots)
                assert not (memory.find(keys, times) >= 0).any()
        assert np.count_nonzero(memory._protected_sets, axis=1).max() <= PROTECTED
        live = memory.keys_of(memory.live(0)).tolist()
        assert len(live) == len(set(live)) <= memory.capacity


def assert_nobody_shares(keys: list[int], slots: NDArray[np.int32]) -> None:
    """Check that rows have one slot if they have one key, and different ones else, or none."""
    by_key = dict(zip(keys, slots.tolist(), strict=True))
    assert slots.tolist() == [by_key[key] for key in keys]
    taken = [slot for slot in by_key.values() if slot >= 0]
    assert len(taken) == len(set(taken))


@dataclass
class Entry:
    """One entry of a plain set."""

    key: int
    last: int
    is_protected: bool = False


@dataclass
class PlainSet:
    """A set of 8 entries as the module describes it, one key at a time."""

    entries: list[Entry] = field(default_factory=list)

    def enter(self, key: int, time: int) -> None:
        """Find or insert `key`."""
        self.entries = [each for each in self.entries if each.key != key or time - each.last <= LIFETIME]
        for each in self.entries:
            if each.key == key:
                each.is_protected |= time > each.last
                each.last = max(each.last, time)
                protected = [each for each in self.entries if each.is_protected]
                if len(protected) > PROTECTED:
                    min(protected, key=lambda entry: entry.last).is_protected = False
                return
        if len(self.entries) == WAYS:
            may_go = [each for each in self.entries if not each.is_protected or time - each.last > LIFETIME]
            self.entries.remove(min(may_go, key=lambda entry: entry.last))
        self.entries.append(Entry(key, time))


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 9)), max_size=80))
def test_one_key_at_a_time_a_set_is_a_plain_list(uses: list[tuple[int, int]]) -> None:
    """Which entry a new one replaces, and which are protected, is as a plain list of 8 entries has it."""
    memory, plain, time = small(), PlainSet(), 0
    for name, passed in uses:
        time += passed
        enter(memory, time, name)
        plain.enter(key_in(1, name), time)

        slots = np.arange(WAYS, 2 * WAYS, dtype=np.int32)
        held = zip(
            memory.keys_of(slots).tolist(),
            memory.last_of(slots).tolist(),
            memory._protected[slots].tolist(),
            strict=True,
        )
        assert {row for row in held if row[0]} == {(each.key, each.last, each.is_protected) for each in plain.entries}


def test_the_example_of_a_full_set_is_true() -> None:
    """J takes the place of G; when H is used again, A is no longer protected, and is the next to go."""
    memory = Memory({}, SETS * WAYS, 1_000)
    a, *others = range(1, 7)
    enter(memory, 1, a, *others)
    for time, name in zip((10, 20, 30, 40, 50, 60), range(1, 7), strict=True):
        enter(memory, time, name)
    g, h, j, k, m = 7, 8, 9, 10, 11
    enter(memory, 15, g)
    enter(memory, 70, h)

    enter(memory, 90, j)
    assert remembers(memory, 90, g, h, j) == [False, True, True]
    enter(memory, 91, h)
    enter(memory, 92, k)
    assert remembers(memory, 92, a, h, j, k) == [False, True, True, True]
    enter(memory, 93, m)
    assert remembers(memory, 93, *others, h, j, k, m) == [True] * 6 + [False, True, True]


def test_a_use_at_the_same_time_or_before_protects_nothing() -> None:
    """Several packets of one moment are one use, and packets out of order do not move the last use back."""
    memory = small()
    enter(memory, 10, 1, 1)
    enter(memory, 10, 1)
    enter(memory, 9, 1)

    assert not memory._protected.any()
    assert memory.last_of(memory.find(keys_of([key_in(1, 1)]), at(10, 1))).tolist() == [10]
    enter(memory, 11, 1)
    assert np.count_nonzero(memory._protected) == 1


def test_protected_entries_survive_any_number_that_are_seen_once() -> None:
    """Six entries used twice are still there after ten thousand others, whether they come one by one or at once."""
    known, others = range(1, 7), range(100, 10_100)
    for size in (1, 3, 10_000):
        memory = small()
        enter(memory, 1, *known)
        enter(memory, 2, *known)
        for start in range(0, len(others), size):
            enter(memory, 3, *others[start : start + size])

        assert remembers(memory, 4, *known) == [True] * 6


def test_an_entry_lives_up_to_its_lifetime_and_not_longer() -> None:
    """At exactly the lifetime after its last use it is found, 1 ns later it is not; to be found is no use."""
    memory = small()
    enter(memory, 10, 1)

    assert remembers(memory, 10 + LIFETIME, 1) == [True]
    assert remembers(memory, 11 + LIFETIME, 1) == [False]
    assert memory.live(10 + LIFETIME).tolist() == memory.find(keys_of([key_in(1, 1)]), at(0, 1)).tolist()
    assert memory.live(11 + LIFETIME).tolist() == []


def test_an_expired_entry_begins_anew() -> None:
    """Its fields are zero and it is no longer protected, also where it is the only thing in the call that is fresh."""
    memory = small()
    enter(memory, 1, 1, 2)
    slots = enter(memory, 2, 1)
    memory["tag"][slots] = 5
    memory["pair"][slots] = (6, 7)
    enter(memory, 40, 2)

    slot, fresh = memory.enter(keys_of([key_in(1, 1), key_in(1, 2)]), at(60, 2))

    assert fresh.tolist() == [True, False]
    assert (memory["tag"][slot].tolist(), memory["pair"][slot[0]].tolist()) == ([0, 0], [0, 0])
    assert memory._protected[slot].tolist() == [False, True]


def test_a_key_that_has_not_expired_at_one_of_its_times_is_not_fresh() -> None:
    """Rows of one key are judged together, in any order: a packet before its expiry has used the entry again."""
    key = key_in(1, 1)
    for times in ([LIFETIME, 3 * LIFETIME], [3 * LIFETIME, LIFETIME]):
        memory = small()
        memory["tag"][enter(memory, 0, 1)] = 5
        slots, fresh = memory.enter(keys_of([key, key]), np.array(times))

        assert fresh.tolist() == [False, False]
        assert memory["tag"][slots].tolist() == [5, 5]


def test_new_keys_of_one_call_that_find_no_room_have_no_slot() -> None:
    """Of a hundred new keys for an empty set 8 remain, of a hundred for a set with 6 protected two; all are fresh."""
    for known, room in ((0, WAYS), (PROTECTED, WAYS - PROTECTED)):
        memory = small()
        for time in (1, 2):
            enter(memory, time, *range(1, known + 1))
        keys = keys_of([key_in(1, name) for name in range(100, 200)] * 2)
        slots, fresh = memory.enter(keys, at(3, 200))

        assert fresh.all()
        assert np.count_nonzero(slots >= 0) == 2 * room
        assert (memory.find(keys, at(3, 200)) == slots).all()


def test_who_is_only_admitted_evicts_nobody() -> None:
    """New keys take empty and expired places; where there is none they have no slot, and no entry is lost."""
    memory = small()
    enter(memory, 1, 1)
    enter(memory, LIFETIME, *range(2, 7))
    keys = keys_of(key_in(1, name) for name in range(100, 110))

    slots, fresh = memory.admit(keys, at(LIFETIME + 1, 10))
    assert fresh.all()
    assert np.count_nonzero(slots >= 0) == 2
    slots, fresh = memory.admit(keys, at(LIFETIME + 2, 10))
    assert np.count_nonzero(slots >= 0) == 3
    assert np.count_nonzero(fresh) == 8
    assert (memory.find(keys, at(LIFETIME + 2, 10)) == slots).all()
    assert remembers(memory, LIFETIME + 2, *range(1, 7)) == [False] + [True] * 5


def test_what_is_written_to_slot_minus_one_harms_nobody() -> None:
    """Slot -1 is an element of its own, and zero again after the next call."""
    memory = small()
    enter(memory, 1, *range(1, 9))
    memory["tag"][-1] = 9

    assert not memory["tag"][:-1].any()
    memory.forget(np.array([-1], np.int32))
    assert remembers(memory, 1, *range(1, 9)) == [True] * 8
    assert memory["tag"][-1] == 0
    assert len(memory["tag"]) == memory.capacity + 1


def test_empty_columns_are_no_trouble() -> None:
    """Nothing entered, found or forgotten is nothing."""
    memory = small()
    none, never = keys_of([]), at(0, 0)

    assert [each.tolist() for each in memory.enter(none, never)] == [[], []]
    assert memory.find(none, never).tolist() == []
    memory.forget(memory.find(none, never))


def test_a_flood_of_keys_seen_once_leaves_what_is_known() -> None:
    """Two hundred entries used twice outlive a million forged ones, in the memory that was there from the start."""
    draw = np.random.default_rng(9)
    known = draw.integers(1, 2**64, 200, np.uint64)
    tracemalloc.start()
    memory = Memory({"tag": np.uint64, "sides": np.uint8}, 1 << 14, LIFETIME)
    made, _ = tracemalloc.get_traced_memory()
    for time in (1, 2):
        slots, _ = memory.enter(known, at(time, len(known)))
        memory["tag"][slots] = known
    for _ in range(40):
        memory.enter(draw.integers(1, 2**64, 25_000, np.uint64), at(3, 25_000))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert memory["tag"][memory.find(known, at(4, 200))].tolist() == known.tolist()
    assert memory.octets == ((1 << 14) + 1) * (8 + 8 + 1 + 16)
    assert memory.octets <= made <= memory.octets + 20_000
    assert after <= made + 20_000
    assert len(memory.live(4)) <= memory.capacity == 1 << 14


def test_keys_that_all_fall_into_one_set_cost_eight_rounds_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys of one set a call has, there are 8 rounds of insertion at most."""
    rounds = []
    place = Memory._place

    def counted(*args: NDArray[np.uint64]) -> NDArray[np.int32]:
        rounds.append(len(args[1]))
        return place(*args)  # type: ignore[arg-type] # as it was called

    monkeypatch.setattr(Memory, "_place", counted)
    enter(small(), 1, *range(1, 50_000))

    assert rounds == [1] * 8


@pytest.mark.parametrize(("asked", "given"), [(0, 8), (1, 8), (8, 8), (9, 16), (1_000, 1_000)])
def test_the_capacity_is_rounded_up_to_whole_sets(asked: int, given: int) -> None:
    """There are whole sets of 8 entries, and one at least."""
    assert Memory({}, asked, LIFETIME).capacity == given


def test_keys_begin_at_a_cache_line() -> None:
    """The 8 keys of a set are in one line of 64 bytes, so that to find a key costs one access to memory."""
    assert all(Memory({}, 80, LIFETIME)._key.ctypes.data % 64 == 0 for _ in range(10))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1)), max_size=50))
def test_rows_have_one_hash_exactly_if_they_are_equal(rows: list[tuple[int, int]]) -> None:
    """Rows are told apart by every column, and by the order of the columns."""
    columns = [np.array([row[place] for row in rows], np.uint64) for place in (0, 1)]
    hashes = [*hashed(columns).tolist(), *hashed(columns[::-1]).tolist()]
    both = [*rows, *(row[::-1] for row in rows)]

    assert len(set(hashes)) == len(set(both)) == len(set(zip(hashes, both, strict=True)))


@pytest.mark.parametrize("shift", [0, 11, 31, 32, 52])
def test_regular_rows_are_spread_over_the_sets(shift: int) -> None:
    """Neighbouring values, wherever their bits are, fill sets as evenly as random ones."""
    values = np.arange(1 << 12, dtype=np.uint64) << np.uint64(shift)
    for columns in ([values], [values, values], [values ^ np.uint64(1 << 63), np.zeros_like(values), values]):
        hashes = hashed(columns)
        filled = np.bincount((hashes >> np.uint64(54)).astype(np.int64), minlength=1 << 10)

        assert len(np.unique(hashes)) == len(values)
        # 4 a set in the mean: more than 22 in any of 1,024 sets is expected once in 10 million runs.
        assert filled.max() <= 22


def test_a_hash_is_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of an empty entry is never looked for: 1 stands for a hash of 0."""
    monkeypatch.setattr(module, "_STARTS", np.zeros(2, np.uint64))

    assert hashed([np.zeros(3, np.uint64)]).tolist() == [1, 1, 1]


def test_more_columns_than_there_are_secrets_are_refused() -> None:
    """Sixteen columns can be hashed, seventeen cannot."""
    column = np.arange(5, dtype=np.uint64)

    assert len(np.unique(hashed([column] * MOST_COLUMNS))) == 5
    with pytest.raises(ValueError, match="shorter"):
        hashed([column] * (MOST_COLUMNS + 1))


def test_whoever_asks_from_the_beginning_of_time_gets_all() -> None:
    """A capture may say that it is from 1677, the earliest time that ns since 1970 can tell."""
    memory = Memory({}, 8, LIFETIME)
    slots, _ = memory.enter(np.array([7], np.uint64), np.array([1], np.int64))

    assert memory.live(-(2**63)).tolist() == slots.tolist()
