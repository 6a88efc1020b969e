"""The pace: looks at the ring are rare, but frequent enough that it does not fill up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.live.pace import LONGEST, pause

_SLOTS = 1 << 17


@pytest.mark.parametrize("found", [0, 1, 1000])
def test_on_a_quiet_link_the_pause_is_the_longest(found: int) -> None:
    """On a quiet link, the pause is `LONGEST`."""
    assert pause(_SLOTS, found, 0.1) == LONGEST


def test_a_stream_shortens_the_pause_to_what_the_ring_holds_with_ease() -> None:
    """At 500,000 packets per second the pause is 33 ms, after which an eighth of the ring is full."""
    assert pause(_SLOTS, 50_000, 0.1) == pytest.approx(0.0328, abs=0.0001)


def test_a_small_ring_is_looked_at_more_often() -> None:
    """A small ring has a short pause even on a quiet link, because a burst may begin at any moment."""
    assert pause(2048, 0, 0.1) == pytest.approx(0.002, abs=0.0001)


@given(st.sampled_from([64, 2048, _SLOTS]), st.integers(0, 2_000_000), st.floats(0.0, 10.0))
def test_what_comes_at_the_same_rate_fits(slots: int, found: int, elapsed: float) -> None:
    """At a constant rate, the ring is at most a quarter full at the next look."""
    seconds = pause(slots, found, elapsed)

    assert 0 <= seconds <= LONGEST
    assert found * seconds <= elapsed * slots / 4
