"""The delay before the next attempt doubles up to a limit, and jitter only shortens it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.store.retry import FIRST_DELAY, LONGEST_DELAY, next_delay


@pytest.mark.parametrize(
    ("failures", "longest"),
    [*((1, 0.1), (2, 0.2), (3, 0.4), (4, 0.8), (5, 1.6), (6, 3.2)), (7, 6.4), (9, 25.6), (10, 30.0), (10**9, 30.0)],
)
def test_the_delay_doubles_up_to_thirty_seconds(failures: int, longest: float) -> None:
    """Without jitter the delays are those of the table in the module's docstring."""
    assert next_delay(failures, 0.0) == pytest.approx(longest)
    assert next_delay(failures, 0.999999) == pytest.approx(longest / 2, rel=1e-5)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_jitter_takes_off_at_most_a_half(failures: int, random: float) -> None:
    """Every delay is between half the first delay and the longest one."""
    assert FIRST_DELAY / 2 <= next_delay(failures, random) <= LONGEST_DELAY
    assert next_delay(failures, 0.0) / 2 <= next_delay(failures, random) <= next_delay(failures, 0.0)
