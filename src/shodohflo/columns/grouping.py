"""Exact group-by: find the rows that are equal in some columns, by election instead of by sorting.

Every row writes its number into the slot that its hash selects, then reads the slot back. The number found
there is the slot's winner, and it leads all rows that are equal to it. The rows that found a winner with
another key go on to the next round, with another hash. Equal rows always share a slot, so the result does
not depend on the hash; only the time it takes does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Columns = Sequence[NDArray[np.uint64]]

_ROUNDS = 16
"""Rounds before the rest is sorted. Each round leaves a fraction of the rows of the one before, unless an
attacker knows `_SEEDS`."""

_SEEDS = np.random.default_rng()
"""Source of secret multipliers, so that nobody can send packets whose keys all share a slot."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of equal rows."""

    leaders: NDArray[np.int32]
    """The number of one row of each group, in ascending order."""
    group: NDArray[np.int32]
    """Which group each row is in: `columns[leaders[group]] == columns`."""

    def sum(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add up `values` by group; exact below 2**53."""
        return np.bincount(self.group, weights=values, minlength=len(self.leaders)).astype(np.int64)

    def earliest(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the least of `times` in each group."""
        least = times[self.leaders]
        np.minimum.at(least, self.group, times)
        return least

    def latest(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the greatest of `times` in each group."""
        greatest = times[self.leaders]
        np.maximum.at(greatest, self.group, times)
        return greatest


def group_by(columns: Columns) -> Groups:
    """Group the rows, fewer than 2**31, that are equal in all `columns`."""
    leader = _elect(columns)
    leads = leader == np.arange(len(leader), dtype=np.int32)
    return Groups(np.flatnonzero(leads).astype(np.int32), (np.cumsum(leads, dtype=np.int32) - np.int32(1))[leader])


def _elect(columns: Columns) -> NDArray[np.int32]:
    """Return, for each row, the number of the row that leads its group.

    For example, five rows with the keys 7, 9, 7, 4, 9, where the first hash puts 7 into slot 3 and both 9 and 4
    into slot 8:

        ballot[slot] = voters    slot 3 gets 0, then 2; slot 8 gets 1, 3, then 4
        winner                   2  4  2  4  4
        won                      T  T  T  F  T      row 3 has key 4, its winner has 9
        leader                   2  4  2  ?  4      row 3 votes again with a new hash
        second round             row 3 is alone in its slot, and leads itself: 2  4  2  3  4
    """
    leader = np.arange(len(columns[0]), dtype=np.int32)
    voters, mine = leader, columns
    bits = max(10, int(2 * len(leader)).bit_length())
    ballot = np.empty(1 << bits, np.int32)
    for _ in range(_ROUNDS):
        slot = _hash(mine, bits)
        ballot[slot] = voters
        winner = ballot[slot]
        won = np.logical_and.reduce([own == column[winner] for own, column in zip(mine, columns, strict=True)])
        if won.all():
            leader[voters] = winner
            return leader
        leader[voters[won]] = winner[won]
        lost = np.flatnonzero(~won)
        voters, mine = voters[lost], [own[lost] for own in mine]
    leader[voters] = voters[_elect_by_sorting(mine)]
    return leader


def _hash(columns: Columns, bits: int) -> NDArray[np.int64]:
    """Hash each row to `bits` bits: the highest of a sum of products with secret odd numbers."""
    total = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = column ^ (column >> np.uint64(32))
        mixed *= _SEEDS.integers(2**63, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        total += mixed
    total >>= np.uint64(64 - bits)
    return total.view(np.int64)


def _elect_by_sorting(columns: Columns) -> NDArray[np.int64]:
    """Return what `_elect` returns, by sorting the rows."""
    order = np.lexsort(columns)
    begins = np.ones(len(order), np.bool_)
    begins[1:] = np.any([column[order][1:] != column[order][:-1] for column in columns], axis=0)
    leader = np.empty(len(order), np.int64)
    leader[order] = order[begins][np.cumsum(begins) - 1]
    return leader
