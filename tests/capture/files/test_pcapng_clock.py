"""Clocks of every resolution, with the same result for one packet and for a column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shodohflo.capture.files.pcapng_clock import LATEST, Clock

TICKS = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize(
    ("clock", "ticks", "nanoseconds"),
    [
        (Clock(6), 1_700_000_000_000_001, 1_700_000_000_000_001_000),
        (Clock(9), 1_700_000_000_000_000_001, 1_700_000_000_000_000_001),
        (Clock(0), 1_700_000_000, 1_700_000_000_000_000_000),
        (Clock(12), 1_700_000_000_999, 1_700_000_000),
        (Clock(0x80 | 10), 1024 * 5 + 512, 5_500_000_000),
        (Clock(0x80 | 32), 2**32 + 2**31, 1_500_000_000),
        (Clock(0x80 | 127), 2**64 - 1, 0),
        (Clock(127), 2**64 - 1, 0),
        (Clock(6, 3600), 1, 3_600_000_001_000),
        (Clock(6, -1), 1_500_000, 500_000_000),
    ],
)
def test_ticks_become_nanoseconds(clock: Clock, ticks: int, nanoseconds: int) -> None:
    """Ticks become nanoseconds with decimal and binary resolutions, with and without an offset."""
    assert clock.nanosecond(ticks) == nanoseconds


@pytest.mark.parametrize("clock", [Clock(0), Clock(6), Clock(9, 2**63 - 1), Clock(0x80)])
def test_times_beyond_the_latest_are_cut(clock: Clock) -> None:
    """Times after `LATEST` are clamped to it, so that they do not overflow."""
    assert clock.nanosecond(2**64 - 1) == LATEST


def test_times_before_1970_are_cut() -> None:
    """Times before 1970 are clamped to 0."""
    assert Clock(6, -(2**63)).nanosecond(2**64 - 1) == 0


@given(st.integers(0, 255), st.one_of(st.just(0), st.integers(-(2**63), 2**63 - 1)), st.lists(TICKS, max_size=5))
@example(6, 0, [LATEST // 1000, LATEST // 1000 + 1, 2**64 - 1])
@example(9, 0, [LATEST, LATEST + 1, 2**63, 2**64 - 1])
@example(0, 0, [9_000_000_000, 9_000_000_001, 2**64 - 1])
def test_a_column_has_the_times_of_its_rows(resolution: int, offset: int, ticks: list[int]) -> None:
    """The time of each row in a column is the same as for a single packet."""
    clock = Clock(resolution, offset)

    times = clock.nanoseconds(np.array(ticks, np.uint64))

    assert times.dtype == np.int64
    assert times.tolist() == [clock.nanosecond(count) for count in ticks]
