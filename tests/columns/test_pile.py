"""A pile returns the merged sum of its parts, and holds a bounded number of rows."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.merging import merge
from shodohflo.columns.observations import Observations
from shodohflo.columns.pile import Pile
from support.observing import SEEN, Seen, flow, observed
from support.tables import as_rows

if TYPE_CHECKING:
    from collections.abc import Sequence


@given(st.lists(st.lists(SEEN, max_size=5), max_size=6), st.integers(0, 12))
def test_a_pile_merges_its_parts_as_if_they_had_come_at_once(parts: list[list[Seen]], many: int) -> None:
    """The result of a pile does not depend on when it merges."""
    pile: Pile[Observations] = Pile(merge, many)
    for part in parts:
        pile.add(observed(*part))

    at_once = merge([observed(*(row for part in parts for row in part))])

    assert sorted(as_rows(pile.merged())) == sorted(as_rows(at_once))
    assert sorted(as_rows(pile.take())) == sorted(as_rows(at_once))
    assert len(pile) == len(pile.take()) == 0


def test_equal_rows_are_merged_before_more_than_many_of_them_wait() -> None:
    """A thousand packets of one flow, with room for ten rows, never fill more than those and a part."""
    pile: Pile[Observations] = Pile(merge, 10)
    longest = 0
    for _ in range(1_000):
        pile.add(observed(flow("10.0.0.1", "8.8.8.8", 53)))
        longest = max(longest, len(pile))

    assert longest <= 10 + 2
    assert pile.take().packets.tolist() == [1_000]


def test_rows_that_never_merge_are_merged_ever_less_often() -> None:
    """A hundred thousand different flows in parts of a hundred cost a few mergings, not a thousand."""
    mergings = []

    def counted(parts: Sequence[Observations]) -> Observations:
        mergings.append(len(parts))
        return merge(parts)

    pile: Pile[Observations] = Pile(counted, 1_000)
    template = observed(*[Seen(ip_address("10.0.0.1"), ip_address("8.8.8.8"), 0)] * 100)
    for number in range(1_000):
        ports = np.full(100, number % 0x10000, np.uint16)
        template.port[:], template.rule[:] = ports, np.arange(100)
        pile.add(template[np.arange(100)])

    assert len(pile.take()) == 100_000
    assert len(mergings) < 8


def test_an_empty_pile_gives_an_empty_table() -> None:
    """An empty pile gives an empty table, also after empty parts."""
    pile: Pile[Observations] = Pile(merge, 10)
    pile.add(Observations.empty())

    assert len(pile) == len(pile.merged()) == len(pile.take()) == 0
