"""Clocks of every resolution, with the same result for one packet and for a column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shodohflo.capture.files.pcapng_clock import LATEST, nanosecond, nanoseconds

TICKS = st.integers(0, 2**64 - 1)
OFFSETS = st.one_of(st.just(0), st.integers(-(2**63), 2**63 - 1))


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "nanoseconds"),
    [
        (6, 0, 1_700_000_000_000_001, 1_700_000_000_000_001_000),
        (9, 0, 1_700_000_000_000_000_001, 1_700_000_000_000_000_001),
        (0, 0, 1_700_000_000, 1_700_000_000_000_000_000),
        (12, 0, 1_700_000_000_999, 1_700_000_000),
        (0x80 | 10, 0, 1024 * 5 + 512, 5_500_000_000),
        (0x80 | 32, 0, 2**32 + 2**31, 1_500_000_000),
        (0x80 | 127, 0, 2**64 - 1, 0),
        (127, 0, 2**64 - 1, 0),
        (6, 3600, 1, 3_600_000_001_000),
        (6, -1, 1_500_000, 500_000_000),
    ],
)
def test_ticks_become_nanoseconds(resolution: int, offset: int, ticks: int, nanoseconds: int) -> None:
    """Ticks become nanoseconds with decimal and binary resolutions, with and without an offset."""
    assert nanosecond(ticks, resolution, offset) == nanoseconds


@pytest.mark.parametrize(("resolution", "offset"), [(0, 0), (6, 0), (9, 2**63 - 1), (0x80, 0)])
def test_times_beyond_the_latest_are_cut(resolution: int, offset: int) -> None:
    """Times after `LATEST` are clamped to it, so that they do not overflow."""
    assert nanosecond(2**64 - 1, resolution, offset) == LATEST


def test_times_before_1970_are_cut() -> None:
    """Times before 1970 are clamped to 0."""
    assert nanosecond(2**64 - 1, 6, -(2**63)) == 0


@given(st.lists(st.tuples(TICKS, st.integers(0, 255), OFFSETS), max_size=6))
@example([(LATEST // 1000, 6, 0), (LATEST // 1000 + 1, 6, 0), (2**64 - 1, 6, 0)])
@example([(LATEST, 9, 0), (LATEST + 1, 9, 0), (2**63, 9, 0), (2**64 - 1, 9, 0)])
@example([(9_000_000_000, 0, 0), (9_000_000_001, 0, 0), (2**64 - 1, 0, 0)])
def test_a_column_has_the_times_of_its_rows(rows: list[tuple[int, int, int]]) -> None:
    """The time of each row in a column is the same as for a single packet, however the clocks differ."""
    ticks, resolutions, offsets = zip(*rows, strict=True) if rows else ((), (), ())

    times = nanoseconds(np.array(ticks, np.uint64), np.array(resolutions, np.uint8), np.array(offsets, np.int64))

    assert times.dtype == np.int64
    assert times.tolist() == [nanosecond(*row) for row in rows]
