"""Exact group-by: which rows of some columns are equal, found by election instead of by sorting.

Every row writes its number into the slot that its hash names, and looks who stayed: the last one
there stands for all rows equal to it. Rows that lost to a different key try again with another
hash. Equal rows always share a slot, so they are always elected together, whatever the hash does:
it decides how long the answer takes, never what it is.
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
"""Elections before sorting the rest: each leaves a fraction of the last, unless someone found our seeds."""

_SEEDS = np.random.default_rng()
"""Secret multipliers, so that nobody can send packets whose keys all share a slot."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows that are equal form a group."""

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
    """Return, for each row, the row that stands for it."""
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
    """Hash each row to `bits` bits: the high ones of a sum of products with secret odd numbers."""
    total = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = column ^ (column >> np.uint64(32))
        mixed *= _SEEDS.integers(2**63, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        total += mixed
    total >>= np.uint64(64 - bits)
    return total.view(np.int64)


def _elect_by_sorting(columns: Columns) -> NDArray[np.int64]:
    """Do the same the plain way."""
    order = np.lexsort(columns)
    begins = np.ones(len(order), np.bool_)
    begins[1:] = np.any([column[order][1:] != column[order][:-1] for column in columns], axis=0)
    leader = np.empty(len(order), np.int64)
    leader[order] = order[begins][np.cumsum(begins) - 1]
    return leader
