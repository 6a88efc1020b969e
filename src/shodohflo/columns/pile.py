"""A pile: tables that arrive in parts and wait, merged as often as memory needs, until they are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from shodohflo.columns.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T", bound=Table)


class Pile(Generic[T]):
    """Rows that wait: at most `many` and three times as many as the last merging left, and one part.

    With `many` = 500,000, for example, and parts of 10,000 rows that merge into 100,000 different ones: the
    first merging comes at 510,000 rows, and the next ones at 710,000, whatever arrives. Waiting for twice the
    merged rows more keeps the cost per row constant where hardly any rows merge.
    """

    def __init__(self, merge: Callable[[Sequence[T]], T], many: int) -> None:
        """Begin empty; `merge` makes one table of any number of parts, also of none."""
        self._merge = merge
        self._many = many
        self._parts: list[T] = []
        self._rows = self._rows_merged = 0

    def __len__(self) -> int:
        """Count the rows that wait, equal ones as often as they were added since the last merging."""
        return self._rows

    def add(self, part: T) -> None:
        """Add rows; the arrays of `part` must not change until they are taken."""
        if not len(part):
            return
        self._parts.append(part)
        self._rows += len(part)
        if self._rows > self._many + 2 * self._rows_merged:
            self.merged()

    def merged(self) -> T:
        """Merge what waits, and return it; it stays in the pile."""
        if len(self._parts) != 1 or self._rows != self._rows_merged:
            self._parts = [self._merge(self._parts)]
            self._rows = self._rows_merged = len(self._parts[0])
        return self._parts[0]

    def take(self) -> T:
        """Return what waits, merged, and begin empty again."""
        taken = self.merged()
        self._parts, self._rows, self._rows_merged = [], 0, 0
        return taken
