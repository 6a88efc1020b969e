"""Grouping is exact for any hash; plain dictionaries are the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns import grouping
from shodohflo.columns.grouping import group_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.tuples(*[st.sampled_from([0, 1, 2, 2**32, 2**64 - 1]) | st.integers(0, 2**64 - 1)] * width), max_size=60
    ).map(lambda rows: [np.array(column, np.uint64) for column in zip(*rows, strict=True)] or [np.zeros(0, np.uint64)])
)


def as_rows(columns: list[NDArray[np.uint64]]) -> list[tuple[int, ...]]:
    """Return the rows of `columns`."""
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(TABLES)
def test_rows_are_in_one_group_exactly_if_they_are_equal(columns: list[NDArray[np.uint64]]) -> None:
    """Every group has one leader, and the leader is one of its rows."""
    groups = group_by(columns)

    rows = as_rows(columns)
    led = [rows[leader] for leader in groups.leaders.tolist()]
    assert [led[group] for group in groups.group.tolist()] == rows
    assert len(set(led)) == len(led)
    assert groups.leaders.tolist() == sorted(groups.leaders.tolist())


@given(TABLES)
def test_a_hash_that_never_tells_rows_apart_costs_time_and_nothing_else(columns: list[NDArray[np.uint64]]) -> None:
    """If all keys share a slot, the rows left after sixteen rounds are sorted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "_hash", lambda columns, _bits: np.zeros(len(columns[0]), np.int64))
        groups = group_by(columns)

    rows = as_rows(columns)
    assert len(groups.leaders) == len(set(rows))
    assert [rows[leader] for leader in groups.leaders[groups.group].tolist()] == rows


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2**40)), max_size=40))
def test_values_are_summed_and_bounded_by_group(rows: list[tuple[int, int]]) -> None:
    """Sums and extremes by group are those of a dictionary of lists."""
    keys = np.array([key for key, _ in rows], np.uint64)
    values = np.array([value for _, value in rows], np.int64)
    groups = group_by([keys])

    expected: dict[int, list[int]] = {}
    for key, value in rows:
        expected.setdefault(key, []).append(value)
    found = [expected[key] for key in keys[groups.leaders].tolist()]
    assert groups.sum(values).tolist() == [sum(each) for each in found]
    assert groups.earliest(values).tolist() == [min(each) for each in found]
    assert groups.latest(values).tolist() == [max(each) for each in found]


def test_many_rows_with_many_keys_are_grouped() -> None:
    """200,000 rows collide in enough slots that several rounds are needed."""
    numbers = np.random.default_rng(7).integers(0, 50_000, 200_000).astype(np.uint64)

    groups = group_by([numbers, numbers * np.uint64(2**40)])

    assert len(groups.leaders) == len(np.unique(numbers))
    assert (numbers[groups.leaders][groups.group] == numbers).all()


def test_the_example_of_an_election_is_true() -> None:
    """With 9 and 4 in one slot in the first round, row 3 leads itself after the second."""
    slots = iter([{7: 3, 9: 8, 4: 8}, {4: 5}])

    def by_example(columns: list[NDArray[np.uint64]], _bits: int) -> NDArray[np.int64]:
        slot = next(slots)
        return np.array([slot[key] for key in columns[0].tolist()], np.int64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "_hash", by_example)
        groups = group_by([np.array([7, 9, 7, 4, 9], np.uint64)])

    assert groups.leaders[groups.group].tolist() == [2, 4, 2, 3, 4]
