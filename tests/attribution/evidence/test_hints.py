"""A hint may be wrong about an end that is not known, and never about one that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.attribution.evidence.hints import Hints, short

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEYS = st.lists(st.integers(1, 2**64 - 1), max_size=50).map(lambda keys: np.array(keys, np.uint64))


@given(KEYS)
def test_there_is_a_hint_about_every_end_that_was_added(keys: NDArray[np.uint64]) -> None:
    """Nothing known is ever missed."""
    hints = Hints(10)

    hints.add(keys)

    assert hints.find(short(keys)).all()


def test_few_ends_that_were_not_added_have_a_hint() -> None:
    """With as many ends as there is room for, less than a fifth of the others; with a tenth of them, hardly any."""
    random = np.random.default_rng(1)
    others = short(random.integers(1, 2**64, 10_000, np.uint64))
    hints = Hints(10_000)

    assert not hints.find(others).any()
    hints.add(random.integers(1, 2**64, 1000, np.uint64))
    assert hints.find(others).mean() < 0.005
    hints.add(random.integers(1, 2**64, 9000, np.uint64))
    assert hints.find(others).mean() < 0.2
    assert not hints.is_full


def test_hints_that_are_renewed_are_about_what_is_still_known() -> None:
    """What the tables have forgotten has no hint any more."""
    random = np.random.default_rng(2)
    hints, kept = Hints(1000), random.integers(1, 2**64, 100, np.uint64)
    hints.add(random.integers(1, 2**64, 5000, np.uint64))
    assert hints.is_full

    hints.renew([kept[:50], kept[50:]])

    assert not hints.is_full
    assert hints.find(short(kept)).all()
    assert hints.find(short(random.integers(1, 2**64, 1000, np.uint64))).mean() < 0.1
