"""Timers: intervals and rate limits."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.process.timers import Interval, RateLimit

_times = st.lists(st.floats(0, 1000), max_size=50).map(sorted)


def test_a_duty_is_due_at_its_first_time_and_not_before() -> None:
    """An interval is due first at the time that the caller chose, then after each interval."""
    every = Interval(5.0, 100.0)

    assert [every.due(now) for now in (99.9, 100.0, 100.1, 104.9, 105.0)] == [False, True, False, False, True]


def test_what_was_missed_is_not_made_up_for() -> None:
    """An interval is due once after a long pause, not once for every interval missed."""
    every = Interval(5.0, 0.0)

    assert [every.due(now) for now in (0.0, 1000.0, 1001.0)] == [True, True, False]


@given(_times, st.floats(0.1, 100))
def test_turns_are_never_closer_than_the_interval(times: list[float], interval: float) -> None:
    """Two due times are at least an interval apart, however often `due` is called."""
    every = Interval(interval, 0.0)

    turns = [now for now in times if every.due(now)]

    assert all(later - earlier >= interval * 0.999 for earlier, later in pairwise(turns))
    assert not times or turns


def test_a_reason_speaks_at_once_and_then_once_a_minute() -> None:
    """Each reason is allowed at once and then once a minute, independently of others."""
    quiet = RateLimit()

    heard = [(now, reason) for now in (0, 1, 59, 60, 61) for reason in "ab" if now or reason == "a"]
    spoke = [(now, reason) for now, reason in heard if quiet.allows(reason, float(now))]

    assert spoke == [(0, "a"), (1, "b"), (60, "a"), (61, "b")]
